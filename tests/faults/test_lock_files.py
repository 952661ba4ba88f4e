"""FAULTS 70-72: lock files that go away or cannot be locked, and forks while one is held."""

import os
from pathlib import Path

import pytest
from helpers.functions import Counted, reasons
from helpers.programs import WITHOUT_PRIVILEGES, run

from memopickle import Cache, ShelveStore
from memopickle.events import NotStored
from tests.faults.tools import SECRET, outcome
from tests.faults.workers import SHARED, assert_nothing_is_locked

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


# -- 70, 71: lock files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_70_a_lock_file_deleted_while_held_costs_a_second_computation_at_most(start, tmp_path, url):
    team = start(2)
    holder, (other,) = team.start_holder("double 3")
    places = [tmp_path / "place", Path(os.environ["XDG_RUNTIME_DIR"])]
    locks = [path for place in places for path in place.rglob("*.lock")]
    assert len(locks) == 1
    locks[0].unlink()
    other.tell("double 3")
    team.until_computing(2)
    team.let()
    assert [holder.hear(), other.hear()] == ["6", "6"]
    assert [worker.ask("double 3") for worker in team.workers] == ["6", "6"]
    assert team.computed() == ["double", "double"]
    assert_nothing_is_locked(url)


LOCK_PATHS = {
    "directory": os.mkdir,
    "fifo": os.mkfifo,
    "dangling link": lambda path: os.symlink("/nowhere/at/all", path),
    "link to itself": lambda path: os.symlink(path, path),
}


@pytest.mark.parametrize("kind", LOCK_PATHS)
def test_71_a_lock_path_that_is_something_else_costs_no_result(cache, events, kind):
    double = Counted(cache)
    double(4)
    os.makedirs(os.path.dirname(double.path(3)), exist_ok=True)
    LOCK_PATHS[kind](double.path(3) + ".lock")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [4, 3]
    assert reasons(events, NotStored) == []


def test_71_a_lock_path_that_cannot_be_locked_is_told_once(cache, caplog):
    double = Counted(cache)
    for number in (3, 4):
        os.makedirs(double.path(number) + ".lock")
    assert [double(3), double(4)] == [6, 8]
    (message,) = caplog.messages
    assert "could not lock" in message


def test_71_a_lock_path_that_links_elsewhere_harms_nothing_there(cache, tmp_path):
    double = Counted(cache)
    os.makedirs(os.path.dirname(double.path(3)))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    os.symlink(victim, double.path(3) + ".lock")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("precious", 0o644)


def test_71_a_lock_file_without_permission_costs_a_warning(tmp_path):
    found = outcome(
        "lock = path('a') + '.lock'\n"
        "os.makedirs(os.path.dirname(lock))\n"
        "os.close(os.open(lock, os.O_CREAT, 0))\n"
        "report(repeated('a'), repeated('a'))",
        tmp_path / "cache",
        first=WITHOUT_PRIVILEGES,
    )
    assert found["values"] == ["aaa", "aaa"]
    assert found["calls"] == ["a"]
    assert [message for message in found["told"] if "could not lock" in message] == found["told"]
    assert len(found["told"]) == 1


def test_71_a_shelf_without_a_place_for_locks_costs_a_warning(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    double = Counted(Cache(ShelveStore(tmp_path / "shelf"), secret=SECRET))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    (message,) = caplog.messages
    assert "could not lock" in message


# -- 72: fork ----------------------------------------------------------------------------------------------------------

#: A thread computes and holds the lock; another forks a child, which asks for the same key.
FORKED = """
import os, sys, threading
from memopickle import Cache, open_store
cache = Cache(open_store(sys.argv[1]), secret="w" * 32, lock_timeout=float(sys.argv[2]) or None)
computing, gate = threading.Event(), threading.Event()

@cache.cached
def double(number):
    if os.getpid() == parent:
        computing.set()
        assert gate.wait(60)
    return number * 2

parent = os.getpid()
thread = threading.Thread(target=double, args=(3,))
thread.start()
assert computing.wait(60)
child = os.fork()
if not child:
    os._exit(double(3) != 6 or double(4) != 8)
if not float(sys.argv[2]):
    gate.set()
assert os.waitpid(child, 0)[1] == 0
gate.set()
thread.join()
assert double(3) == 6
"""


@pytest.mark.parametrize("url", SHARED, indirect=True)
@pytest.mark.parametrize("timeout", [0, 0.05], ids=["parent ends", "parent does not end"])
def test_72_a_child_forked_while_another_thread_computes_is_not_stuck(url, timeout):
    run(f"import warnings; warnings.simplefilter('ignore')\n{FORKED}", url, timeout)
    assert_nothing_is_locked(url)


FORKED_INSIDE = """
import os, sys
from memopickle import Cache, open_store
cache = Cache(open_store(sys.argv[1]), secret="w" * 32)
parent = os.getpid()

@cache.cached
def double(number):
    if os.getpid() != parent:
        return number * 2
    child = os.fork()
    if not child:
        os._exit(double(number) != 6 or double(4) != 8)
    assert os.waitpid(child, 0)[1] == 0
    return number * 2

assert double(3) == 6
assert double.cache_contains(3)
"""


@pytest.mark.parametrize("url", [*SHARED, "memory"], indirect=True)
def test_72_a_child_forked_by_the_computation_may_ask_for_the_same_key(url):
    run(FORKED_INSIDE, url if not url.startswith("memory") else "memory:")
