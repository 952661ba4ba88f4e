"""FAULTS 93-100: shelves of several kinds of dbm, limits in memory, and hooks and log handlers that misbehave."""

import contextlib
import dbm
import dbm.dumb
import gc
import json
import logging
import os
import shelve
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.functions import Counted
from helpers.needed import do_without
from helpers.programs import run

import memopickle
from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore, ShelveStore, StoreError, open_store
from tests.faults.tools import SECRET

# -- 93: the index of dbm.dumb -----------------------------------------------------------------------------------------


@pytest.fixture
def dumb(tmp_path):
    """A cached function with two results in a shelf of dbm.dumb, and the shelf's path."""
    path = str(tmp_path / "shelf")
    dbm.dumb.open(path, "c").close()
    double = Counted(Cache(ShelveStore(path), secret=SECRET))
    double(3), double(4)
    double.calls.clear()
    return double, path


def test_93_a_lost_index_of_a_dumb_dbm_is_recovered(dumb):
    _, path = dumb
    os.unlink(f"{path}.dir")
    fresh = Counted(Cache(ShelveStore(path), secret=SECRET))
    assert [fresh(3), fresh(4), fresh(4)] == [6, 8, 8]
    assert 3 not in fresh.calls  # the backup of the index is from before the last store


@pytest.mark.parametrize("kept", [0, 1, 10, -1])
def test_93_a_cut_index_of_a_dumb_dbm_never_gives_a_wrong_value(dumb, kept):
    double, path = dumb
    with open(f"{path}.dir", "r+b") as file:
        file.truncate(kept if kept >= 0 else os.path.getsize(f"{path}.dir") - 1)
    assert [double(3), double(4), double(3), double(4)] == [6, 8, 6, 8]
    assert len(double.calls) <= 2


def test_93_an_index_lost_with_its_backup_is_an_error_with_a_cure_and_not_an_empty_shelf(dumb):
    _, path = dumb
    for ending in ("dir", "bak"):
        os.unlink(f"{path}.{ending}")
    fresh = Counted(Cache(ShelveStore(path), secret=SECRET))
    with pytest.raises(StoreError, match=r"lost its index.*remove its \.dat file") as caught:
        fresh(3)
    assert caught.value.place == path
    os.unlink(f"{path}.dat")
    assert [fresh(3), fresh(3)] == [6, 6]
    assert fresh.calls == [3]


# -- 94: gdbm held by another ------------------------------------------------------------------------------------------

#: Debian's python has gdbm; it uses this library and its dependencies from here, if it can.
SYSTEM_PYTHON = "/usr/bin/python3"
DEPENDENCIES = os.pathsep.join(
    {str(Path(module.__file__).parents[1]) for module in (memopickle, sys.modules["blake3"])}
)

WAITING = """
import dbm.gnu, os, subprocess, sys, time
from memopickle import Cache, ShelveStore
path = sys.argv[1]
dbm.gnu.open(path, "c").close()
cache = Cache(ShelveStore(path), secret="g" * 32)

@cache.cached
def double(number):
    return number * 2

assert double(3) == 6
HOLDER = '''
import dbm.gnu, sys
database = dbm.gnu.open(sys.argv[1], "w")
print("holding", flush=True)
sys.stdin.readline()
'''
command = [sys.executable, "-c", HOLDER, path]
holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
assert holder.stdout.readline() == "holding\\n"
asker = os.fork()
if not asker:
    os._exit(double(3) != 6 or double.cache_info().hits != 1 or double(4) != 8)
status = f"/proc/{asker}/status"
switches = lambda: int(open(status).read().partition("nonvoluntary")[0].rpartition(":")[2])
start = switches()
while switches() < start + 10:  # it polls for what the other holds
    os.sched_yield()
holder.stdin.write("\\n")
holder.stdin.close()
assert os.waitpid(asker, 0)[1] == 0
assert double(4) == 8
print(double.cache_info().hits)
"""


def python_with_gdbm():
    """A Python that has gdbm and can import this library: this one, or Debian's if it is of the same version."""
    trial = "import sys, dbm.gnu, blake3, filelock; assert sys.version_info >= (3, 11)"
    environment = {**os.environ, "PYTHONPATH": DEPENDENCIES}
    for python in (sys.executable, SYSTEM_PYTHON):
        with contextlib.suppress(FileNotFoundError):
            if not subprocess.run([python, "-c", trial], env=environment, capture_output=True, check=False).returncode:
                return python
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return do_without(f"no Python {version} with gdbm: install Debian's python3-gdbm")


def test_94_a_gdbm_held_by_another_process_is_waited_for(tmp_path):
    ended = subprocess.run(
        [python_with_gdbm(), "-c", WAITING, str(tmp_path / "shelf")],
        env={**os.environ, "PYTHONPATH": DEPENDENCIES},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("1\n", "", 0)


# -- 95: another kind of dbm -------------------------------------------------------------------------------------------

FOREIGN = {
    "text": b"this is a text of somebody's",
    "gdbm": b"\xce\x9a\x57\x13" + bytes(4092),
    "ndbm": b"\x61\x15\x06\x00" + bytes(4092),
    "sqlite": b"SQLite format 3\0" + bytes(4080),
    "pickle": b"\x80\x04N.",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # dbm.sqlite3 leaves what it can't open
@pytest.mark.parametrize("kind", FOREIGN)
def test_95_a_shelf_of_another_kind_is_an_error_and_stays_as_it_is(tmp_path, kind):
    path = tmp_path / "shelf"
    path.write_bytes(FOREIGN[kind])
    double = Counted(Cache(ShelveStore(path), secret=SECRET))
    with pytest.raises(StoreError) as caught:
        double(3)
    assert caught.value.place == str(path)
    assert double.calls == []
    assert path.read_bytes() == FOREIGN[kind]
    del caught
    gc.collect()


def test_95_an_empty_file_is_a_shelf_whose_maker_was_killed(tmp_path):
    (tmp_path / "shelf").touch()
    double = Counted(Cache(ShelveStore(tmp_path / "shelf"), secret=SECRET))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]


def test_95_a_shelf_of_somebody_elses_keeps_what_is_in_it(tmp_path):
    with shelve.open(str(tmp_path / "shelf")) as shelf:
        shelf["theirs"] = [1]
    double = Counted(Cache(ShelveStore(tmp_path / "shelf"), secret=SECRET))
    assert [double(3), double(3), double.cache.clear(), double.cache.prune()] == [6, 6, 1, 0]
    with shelve.open(str(tmp_path / "shelf")) as shelf:
        assert shelf["theirs"] == [1]


# -- 99: limits in memory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "calls"),
    [
        ({"maxsize": 0}, [1, 2, 1, 1]),
        ({"maxsize": 1}, [1, 2, 1]),
        ({"maxsize": 2}, [1, 2]),
        ({"maxsize": 10**100}, [1, 2]),
        ({"maxsize": None}, [1, 2]),
        ({"max_bytes": 0}, [1, 2, 1, 1]),
        ({"max_bytes": 10**100}, [1, 2]),
        ({"max_bytes": 1}, [1, 2, 1, 1]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("copy", [True, False])
def test_99_limits_of_0_1_and_huge_are_defined(limits, calls, copy):
    double = Counted(Cache(MemoryStore(**limits, copy=copy)), lambda number: [number * 2])
    assert [double(1), double(2), double(1), double(1)] == [[2], [4], [2], [2]]
    assert double.calls == calls


@pytest.mark.parametrize("wrong", [-1, -(10**100), 1.5, float("nan"), float("inf"), True, "ten", [1]], ids=repr)
@pytest.mark.parametrize("name", ["maxsize", "max_bytes"])
def test_99_other_limits_are_an_error_that_names_them(name, wrong):
    with pytest.raises(ConfigurationError, match=f"{name}="):
        MemoryStore(**{name: wrong})


@pytest.mark.parametrize("wrong", ["-1", "1.5", "ten", ""])
def test_99_other_limits_in_a_url_are_an_error(wrong):
    with pytest.raises(ConfigurationError, match="maxsize"):
        open_store(f"memory:?maxsize={wrong}")


# -- 100: hooks and log handlers ---------------------------------------------------------------------------------------


class Handler(logging.Handler):
    """A log handler that does something with each record, and counts."""

    def __init__(self, action):
        super().__init__()
        self.action = action
        self.count = 0

    def emit(self, record):
        self.count += 1
        self.action()


@pytest.fixture
def logged():
    """Add a log handler for the time of the test."""
    logger = logging.getLogger("memopickle")
    handlers = []

    def add(action):
        handlers.append(Handler(action))
        logger.addHandler(handlers[-1])
        return handlers[-1]

    yield add
    for handler in handlers:
        logger.removeHandler(handler)


def fail():
    raise RuntimeError("a handler that fails")


def test_100_a_log_handler_that_raises_costs_no_result(store, logged):
    double = Counted(Cache(store, secret=SECRET))
    double(3)
    handler = logged(fail)
    double.plant(3, b"junk")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert handler.count == 1


def test_100_a_log_handler_that_calls_the_cached_function_gets_the_result(store, logged):
    double = Counted(Cache(store, secret=SECRET))
    double(3), double(4)
    got = []
    handler = logged(lambda: got.append([double(3), double(4)]))
    double.plant(3, b"junk")
    double.plant(4, b"junk")
    assert [double(3), double(4), double(3)] == [6, 8, 6]
    assert all(one == [6, 8] for one in got)
    # Since 3.13.4 logging drops what is logged while a record is handled.
    assert handler.count == (2 if sys.version_info < (3, 13, 4) else 1)


def test_100_a_hook_that_raises_costs_no_result(store, caplog):
    def hook(event):
        raise RuntimeError("a hook that fails")

    told = []
    double = Counted(Cache(store, secret=SECRET, on_event=[hook, told.append]))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert len(caplog.messages) == 1
    assert [type(event).__name__ for event in told] == ["Miss", "Stored", "Hit"]


def test_100_a_hook_that_calls_the_cached_function_ends(store):
    got = []
    double = Counted(Cache(store, secret=SECRET, on_event=lambda event: got.append(double(3))))
    assert [double(3), double(3)] == [6, 6]
    assert set(got) == {6}


TWO_HOOKS = """
import sys
from memopickle import Cache, DirectoryStore
told = [0]

def hook(event):
    told[0] += 1
    assert double(3) == 6

cache = Cache(DirectoryStore(sys.argv[1]), secret="h" * 32, on_event=[hook, lambda event: hook(event)])

@cache.cached
def double(number):
    return number * 2

assert [double(3), double(3)] == [6, 6]
print(told[0] < 100)
"""


def test_100_several_hooks_that_call_the_cached_function_end(tmp_path):
    assert run(TWO_HOOKS, tmp_path / "cache") == "True\n"


def test_100_a_hook_may_clear_and_list(store):
    cache = Cache(store, secret=SECRET, on_event=lambda event: done.append([cache.clear(), list(cache.entries())]))
    done = []
    double = Counted(cache)
    assert [double(3), double(3)] == [6, 6]
    assert len(done) >= 2


def test_100_what_cannot_be_logged_costs_no_result(tmp_path):
    """A result whose refusal can't even be told: its error has no text."""

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    class Result:
        def __reduce__(self):
            raise Mute

    mute = Counted(Cache(DirectoryStore(tmp_path / "cache"), secret=SECRET), lambda number: Result())
    assert isinstance(mute(3), Result)
    assert json.dumps(mute.calls) == "[3]"
