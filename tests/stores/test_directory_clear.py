"""Clearing a large DirectoryStore: at once for those who call, the disk freed afterwards."""

import os
import threading

import pytest
from helpers.programs import run
from hypothesis import given
from hypothesis import strategies as st

from memopickle import DirectoryStore
from memopickle.stores import aside
from memopickle.stores.layout import ENTRY, are_entries
from memopickle.testing import store_key

LARGE = aside._FEW + 500


def fill(store, count, function="f"):
    """Make entries without what makes them safe, which takes ten times as long."""
    for number in range(count):
        place = store.place(store_key(str(number), function))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600))


def finish():
    """Wait for the threads that remove what was cleared."""
    for thread in threading.enumerate():
        if thread.name == "memopickle clear":
            thread.join()


@pytest.fixture
def large(tmp_path):
    store = DirectoryStore(tmp_path)
    fill(store, LARGE)
    return store


@pytest.fixture
def stuck(monkeypatch):
    """Hold the removing back until the test lets it go on."""
    go_on = threading.Event()
    empty = aside.empty
    monkeypatch.setattr(aside, "empty", lambda folder: go_on.wait() and empty(folder))
    yield go_on
    go_on.set()
    finish()


def test_a_large_clear_counts_right_and_leaves_nothing(large):
    assert large.clear() == LARGE
    finish()
    assert os.listdir(large.path) == []


def test_a_large_clear_returns_before_the_files_are_removed(large, stuck):
    assert large.clear() == LARGE
    assert list(large.keys()) == []
    assert large.get(store_key("1", "f")) is None
    assert len([name for name in os.listdir(large.path) if name.endswith(".cleared")]) == 1
    stuck.set()
    finish()
    assert os.listdir(large.path) == []


def test_what_is_stored_while_the_files_are_removed_stays(large, stuck):
    large.clear()
    large.set(store_key("1", "f"), [b"new"], None)
    stuck.set()
    finish()
    assert large.get(store_key("1", "f")) == b"new"
    assert large.clear() == 1


def test_foreign_files_are_moved_back_before_the_clear_returns(large, stuck):
    notes = os.path.join(os.path.dirname(large.place(store_key("1", "f"))), "notes.txt")
    with open(notes, "x"):
        pass
    assert large.clear() == LARGE
    assert os.path.exists(notes)
    stuck.set()
    finish()
    assert os.path.exists(notes)


def test_a_directory_under_the_name_of_an_entry_is_not_counted_and_what_is_in_it_moved_back(large, stuck):
    shard = os.path.dirname(large.place(store_key("1", "f")))
    notes = os.path.join(shard, "0" * 62 + "." + "0" * 16, "notes.txt")
    os.mkdir(os.path.dirname(notes))
    with open(notes, "x"):
        pass
    assert large.clear() == LARGE
    assert os.path.exists(notes)


NAME = "0123456789abcdef" * 3 + "0123456789abcd" + "." + "0123456789abcdef"
#: Names of entries, and what is one character from it.
NAMES = st.builds(
    lambda at, end, text: NAME[:at] + text + NAME[end:],
    st.integers(0, len(NAME)),
    st.integers(0, len(NAME)),
    st.sampled_from(["", "0", "f", "F", ".", "\n", "é", "\udcff", NAME, f"{NAME}\n{NAME}"]),
)


@given(names=st.lists(st.one_of(st.just(NAME), NAMES)))
def test_the_names_of_a_shard_are_judged_together_as_each_by_itself(names):
    assert are_entries(names) == all(map(ENTRY.fullmatch, names))


@pytest.mark.parametrize("position", [0, 1, 61, 62, 63, 78, 79])
@pytest.mark.parametrize("character", "0gF./\né\udcff")
def test_one_wrong_character_in_one_name_of_a_shard_is_found(position, character):
    name = NAME[:position] + character + NAME[position + 1 :]
    assert are_entries([NAME, name, NAME]) == bool(ENTRY.fullmatch(name))


def test_a_dot_and_an_end_that_two_names_exchange_are_found():
    assert not are_entries([NAME[:-1], NAME[0] + NAME])
    assert not are_entries([NAME + "0", NAME[1:]])


def test_a_large_clear_of_several_functions_leaves_the_others(large):
    fill(large, LARGE, "g")
    assert large.clear(store_key("", "f")[:40]) == LARGE
    finish()
    assert len(list(large.keys())) == LARGE
    assert large.clear() == LARGE
    finish()


def test_a_small_clear_starts_no_thread(tmp_path, monkeypatch):
    store = DirectoryStore(tmp_path)
    fill(store, 10)
    monkeypatch.setattr(threading, "Thread", None)
    assert store.clear() == 10
    assert os.listdir(tmp_path) == []


def test_without_a_thread_to_be_had_a_large_clear_removes_all_itself(large, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert large.clear() == LARGE
    assert os.listdir(large.path) == []


SCRIPT = """
import sys
from memopickle import DirectoryStore
print(DirectoryStore(sys.argv[1]).clear())
"""


def test_a_script_that_clears_and_ends_leaves_the_disk_freed(large):
    assert run(SCRIPT, large.path) == f"{LARGE}\n"
    assert os.listdir(large.path) == []


@pytest.mark.parametrize("after", ["returned", "half removed"])
def test_what_a_killed_clear_left_is_removed_by_prune(large, after):
    left = "import os, threading; from memopickle.stores import aside\n"
    if after == "half removed":
        left += "remove = aside.remove_own_file; aside.remove_own_file = lambda path: "
        left += "os._exit(0) if threading.current_thread() is not threading.main_thread() and "
        left += "os.urandom(1)[0] == 0 else remove(path)\n"
        script = left + SCRIPT
    else:
        script = left + SCRIPT + "sys.stdout.flush(); os._exit(0)\n"
    run(script, large.path)
    assert list(large.keys()) == []
    assert large.prune(0) == 0
    assert os.listdir(large.path) == []


def test_prune_leaves_foreign_files_in_a_folder_set_aside(tmp_path):
    store = DirectoryStore(tmp_path)
    fill(store, 1)
    place = store.place(store_key("0", "f"))
    notes = os.path.join(os.path.dirname(place), "notes.txt")
    with open(notes, "x"):
        pass
    function = os.path.dirname(os.path.dirname(place))
    left = str(tmp_path / ".mpk-0123456789abcdef.cleared")
    os.rename(function, left)
    store.prune(0)
    assert os.path.exists(notes.replace(function, left))
    assert not os.path.exists(place.replace(function, left))


def test_a_clear_that_cannot_remove_files_is_told_once(large, monkeypatch, caplog):
    def fail(folder):
        raise OSError(5, "input/output error")

    monkeypatch.setattr(aside, "empty", fail)
    assert large.clear() == LARGE
    finish()
    assert len(caplog.messages) == 1
    assert "prune" in caplog.messages[0]


def test_a_clear_makes_room_within_a_limit(tmp_path):
    store = DirectoryStore(tmp_path, max_bytes=100_000)
    for number in range(300):
        for function, size in (("f", 100), ("g", 200)):
            store.set(store_key(str(number), function), [b"x" * size], None)
    store.clear(store_key("", "f")[:40])
    assert abs(store.account._usage.total[0] - 300) <= 20
    for number in range(300, 450):
        store.set(store_key(str(number), "g"), [b"x" * 200], None)
    assert len(list(store.keys())) == 450
