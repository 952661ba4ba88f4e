"""What is particular to ReadOnlyStore: it serves hits, and writes nothing at all."""

import os
import pickle
from pathlib import Path

import pytest
from helpers.functions import Counted, count, reasons
from helpers.programs import WITHOUT_PRIVILEGES, run

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore, ReadOnlyStore, ShelveStore, StoreError
from memopickle import TieredStore as Tiered
from memopickle.events import NotStored
from memopickle.testing import store_key
from tests.faults.tools import small_disk


@pytest.fixture
def filled(cache):
    """A cached function with its result for 3 stored, by somebody who may write."""
    double = Counted(cache)
    double(3)
    return double


@pytest.fixture
def double(filled, store, secret, events):
    """The same function over the same place, read-only."""
    events.clear()
    return Counted(Cache(ReadOnlyStore(store), secret=secret, on_event=events.append))


def state(root):
    """Every file and directory below, with all that stat says of it but when it was last read by the kernel."""
    found = {}
    for path in [Path(root), *sorted(Path(root).rglob("*"))]:
        seen = path.lstat()
        found[str(path)] = (seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_nlink)
    return found


def test_a_hit_is_a_hit(double, events):
    assert double(3) == 6
    assert double.calls == []
    assert count(events) == {"Hit": 1}


def test_a_miss_computes_and_stores_nothing_without_a_word(double, events, caplog, store):
    before = list(store.keys())
    assert [double(4), double(4)] == [8, 8]
    assert double.calls == [4, 4]
    assert reasons(events, NotStored) == ["the store is read-only"] * 2
    assert caplog.messages == []
    assert list(store.keys()) == before


def test_nothing_on_the_disk_is_touched(double, store):
    before = state(store.path)
    double(3), double(4)
    double.function.cache_set(5, 6)
    list(double.cache.entries()), double.cache.stats(), double.cache.verify()
    assert state(store.path) == before


def test_nothing_is_touched_where_the_store_has_limits(filled, store, secret):
    old = 1_000_000_000
    os.utime(store.place(filled.key(3)), (old, old))
    before = state(store.path)
    limited = DirectoryStore(store.path, max_entries=1)
    double = Counted(Cache(ReadOnlyStore(limited), secret=secret))
    assert [double(3), double(4)] == [6, 8]
    assert state(store.path) == before


def test_what_cannot_be_pickled_is_returned_without_a_word(store, secret, caplog):
    functions = Counted(Cache(ReadOnlyStore(store), secret=secret), lambda number: lambda: number)
    assert functions(3)() == 3
    assert caplog.messages == []


def test_a_place_that_does_not_exist_is_an_empty_cache_and_is_not_made(tmp_path, secret, caplog):
    double = Counted(Cache(ReadOnlyStore(DirectoryStore(tmp_path / "missing")), secret=secret))
    assert double(3) == 6
    assert list(double.cache.entries()) == []
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == []


@pytest.mark.parametrize(
    "change",
    [
        lambda double: double.function.cache_clear(),
        lambda double: double.function.cache_invalidate(3),
        lambda double: double.cache.clear(),
        lambda double: double.cache.prune(),
        lambda double: double.cache.store.set(store_key(), [b"value"], None),
    ],
    ids=["cache_clear", "cache_invalidate", "clear", "prune", "set"],
)
def test_changing_it_is_an_error_that_names_the_store(double, store, change):
    before = state(store.path)
    with pytest.raises(StoreError, match=r"read-only store.*DirectoryStore"):
        change(double)
    assert state(store.path) == before
    assert double(3) == 6
    assert double.calls == []


def test_threads_of_one_process_still_compute_once(double):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:  # inside a computation the same key is not waited for
        assert pool.submit(double, 4).result(60) == 8


def test_a_bad_entry_is_a_miss_told_once_and_left_there(double, filled, caplog):
    filled.plant(3, b"no entry")
    assert [double(3), double(3)] == [6, 6]
    assert len(caplog.messages) == 1
    assert filled.data(3) == b"no entry"


READER = """
import sys
from memopickle import Cache, DirectoryStore, ReadOnlyStore
cache = Cache(ReadOnlyStore(DirectoryStore(sys.argv[1])), secret="s" * 32)
@cache.cached
def double(number):
    print("computes", number)
    return number * 2
print(double(3), double(4))
"""
WRITER = READER.replace("ReadOnlyStore(DirectoryStore(sys.argv[1]))", "DirectoryStore(sys.argv[1])").replace(
    ", ReadOnlyStore", ""
)


def test_it_works_on_a_file_system_that_is_read_only(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    fill = f"exec({WRITER.replace('double(3), double(4)', 'double(3)')!r})"
    remount = "import subprocess, sys; subprocess.run(['mount', '-o', 'remount,ro', sys.argv[2]], check=True)"
    told = run(f"{fill}\n{remount}\nexec({READER!r})", place / "cache", place, before=small_disk(place))
    assert told.split("\n")[:-1] == ["computes 3", "6", "computes 4", "6 8"]


def test_it_works_in_a_directory_that_one_may_only_read(tmp_path):
    root = tmp_path / "cache"
    run(WRITER.replace("double(3), double(4)", "double(3)"), root)
    for path in [root, *root.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    before = state(root)
    try:
        assert run(WITHOUT_PRIVILEGES + READER, root).split("\n")[:-1] == ["computes 4", "6 8"]
        assert state(root) == before
    finally:
        for path in [root, *root.rglob("*")]:
            path.chmod(0o700)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: ReadOnlyStore("/tmp/a"), "needs a store"),
        (lambda: ReadOnlyStore(MemoryStore()), "begins empty"),
        (lambda: ReadOnlyStore(ShelveStore("/tmp/a")), "lock file"),
        (lambda: ReadOnlyStore(Tiered(MemoryStore(), DirectoryStore("/tmp/a"))), "around the tiers"),
    ],
)
def test_what_cannot_be_read_without_writing_is_an_error(make, told):
    with pytest.raises(ConfigurationError, match=told):
        make()


def test_it_answers_as_the_store_does(filled, store):
    read_only = ReadOnlyStore(store)
    key = filled.key(3)
    assert list(read_only.keys()) == list(read_only.keys(key[:9])) == [key]
    assert list(read_only.functions()) == [key[:40]]
    assert read_only.get(key) == store.get(key)
    assert read_only.head(key, 10) == store.head(key, 10)
    assert read_only.summary() == store.summary()
    assert (read_only.size(key), read_only.place(key)) == (store.size(key), store.place(key))
    assert read_only.extent(key[:40]) == store.extent(key[:40])
    assert read_only.ttl == store.ttl


def test_closing_it_closes_the_store(tmp_path):
    closed = []

    class Closable(DirectoryStore):
        def close(self):
            closed.append(self.path)

    ReadOnlyStore(Closable(tmp_path)).close()
    assert closed == [str(tmp_path)]


def test_it_can_be_pickled_as_its_store_can(double):
    assert pickle.loads(pickle.dumps(double.cache.store)).get(double.key(3)) == double.cache.store.get(double.key(3))
