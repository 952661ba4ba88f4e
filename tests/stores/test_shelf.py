"""What is particular to ShelveStore: its files, its index, its lock."""

import dbm
import dbm.dumb
import importlib
import json
import os
import pickle
import shelve
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from freezegun import freeze_time
from helpers.functions import Counted, reasons
from helpers.programs import WITHOUT_PRIVILEGES, run

from memopickle import Cache, ConfigurationError, ShelveStore, StoreError
from memopickle.errors import LockTimeoutError
from memopickle.expiry import SECOND
from memopickle.stores.userfiles import lock_directory
from memopickle.testing import store_key
from tests.stores.test_directory import (  # noqa: F401  the same must hold here
    test_a_value_computed_during_a_clear_is_not_left_in_the_store,
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "shelf")


@pytest.fixture
def dumb(path):
    """A shelf of dbm.dumb, whichever is the default."""
    dbm.dumb.open(path, "c").close()
    return ShelveStore(path)


@pytest.fixture
def cache(path, secret, events):
    return Cache(ShelveStore(path), secret=secret, on_event=events.append)


def is_there(kind):
    try:
        importlib.import_module(kind)
    except ImportError:
        return False
    return True


def cut(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


def test_making_a_store_touches_nothing(tmp_path):
    ShelveStore(tmp_path / "shelf")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["", "nul\0", b"bytes", 3], ids=repr)
def test_what_is_no_path_is_an_error_when_made(path):
    with pytest.raises(ConfigurationError, match="path="):
        ShelveStore(path)


@pytest.mark.parametrize("name", ["with space", "ümläut", "a.b.c", "new\nline", "deep/er/shelf"])
def test_any_path_works(tmp_path, secret, name):
    double = Counted(Cache(ShelveStore(tmp_path / name), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]


def test_values_are_signed_entries_and_not_pickles(cache):
    double = Counted(cache)
    double(3)
    with dbm.open(cache.store.path, "r") as database:
        assert database[double.key(3).encode()].startswith(b"mpkl")


def test_a_hostile_value_is_refused_and_not_run(cache, tmp_path, events):
    double = Counted(cache)
    double(3)
    with dbm.open(cache.store.path, "w") as database:
        database[double.key(3).encode()] = b"cos\nmkdir\n(S'%b'\ntR." % str(tmp_path / "marker").encode()
    assert double(3) == 6
    assert double.calls == [3, 3]
    assert reasons(events) == ["absent", "bad entry"]
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("what", ["directory", "text"])
def test_what_is_no_shelf_is_an_error_with_a_cure_at_the_first_call(path, secret, what):
    if what == "directory":
        os.mkdir(path)
    else:
        with open(path, "w") as file:
            file.write("this is a text of somebody's, and no database at all")
    with pytest.raises(StoreError, match=r"path") as caught:
        Counted(Cache(ShelveStore(path), secret=secret))(3)
    assert caught.value.place == path


@pytest.mark.parametrize("ending", ["", ".dat", ".dir", ".bak", ".db", ".pag"])
def test_a_pipe_in_the_place_of_a_file_is_an_error_and_not_waited_for(path, secret, ending):
    os.mkfifo(path + ending)
    with pytest.raises(StoreError, match="not a regular file"):
        Counted(Cache(ShelveStore(path), secret=secret))(3)


@pytest.mark.parametrize("ending", [".dat", ".dir"])
def test_a_pipe_that_comes_while_running_costs_no_result(dumb, secret, ending, caplog):
    double = Counted(Cache(dumb, secret=secret))
    double(3)
    os.unlink(dumb.path + ending)
    os.mkfifo(dumb.path + ending)
    assert [double(3), double(3)] == [6, 6]
    assert "not a regular file" in caplog.text


def test_a_device_is_no_shelf(secret):
    with pytest.raises(StoreError, match="not a regular file"):
        Counted(Cache(ShelveStore(os.devnull), secret=secret))(3)


def test_a_shelf_of_a_dbm_that_is_missing_here_is_an_error_at_the_first_call(path, secret):
    magics = {"dbm.gnu": b"\xce\x9a\x57\x13", "dbm.sqlite3": b"SQLite format 3\0"}
    missing = [kind for kind in magics if not is_there(kind)]
    if not missing:
        pytest.skip("every kind of dbm is there")
    with open(path, "wb") as file:
        file.write(magics[missing[0]] + bytes(100))
    with pytest.raises(StoreError) as caught:
        Counted(Cache(ShelveStore(path), secret=secret))(3)
    assert caught.value.place == path


def test_the_keys_of_somebody_elses_shelf_are_left_alone(path, secret):
    with shelve.open(path) as shelf:
        shelf["theirs"] = 1
    cache = Cache(ShelveStore(path), secret=secret)
    Counted(cache)(3)
    assert cache.clear() == 1
    with shelve.open(path) as shelf:
        assert shelf["theirs"] == 1


MODES = """
import json, os, stat, sys
os.umask(int(sys.argv[1]))
import dbm.dumb
dbm._defaultmod = dbm._modules["dbm.dumb"] = dbm.dumb
from memopickle import Cache, ShelveStore
cache = Cache(ShelveStore(sys.argv[2] + "/in/between/shelf"), secret="s" * 32)

@cache.cached
def double(number):
    return number * 2

assert [double(3), double(3)] == [6, 6]
assert double.cache_info().hits == 1
modes = {
    name: stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
    for folder, folders, files in os.walk(sys.argv[2])
    for name in (*folders, *files)
}
print(json.dumps(modes))
"""


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_files_are_0600_and_directories_0700_under_any_sane_umask(tmp_path, umask):
    modes = json.loads(run(WITHOUT_PRIVILEGES + MODES, umask, tmp_path / "place"))
    assert {name: mode for name, mode in modes.items() if mode != (0o600 if "shelf" in name else 0o700)} == {}
    assert {"in", "between", "shelf.dat", "shelf.dir", "shelf.lock"} <= set(modes)


def test_a_place_that_cannot_be_written_is_an_error_with_a_cure_at_the_first_call(tmp_path):
    os.mkdir(tmp_path / "place", 0o500)
    program = WITHOUT_PRIVILEGES + (
        "import sys\n"
        "from memopickle import Cache, ShelveStore\n"
        "try: Cache(ShelveStore(sys.argv[1]), secret='s' * 32).cached(len)('abc')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    output = run(program, tmp_path / "place" / "shelf")
    assert output.startswith("StoreError ")
    assert "make it writable" in output


# -- the index of dbm.dumb -------------------------------------------------------------------------------------------


@pytest.fixture
def filled(dumb):
    """A shelf with two entries, and the backup of its index that dbm.dumb keeps."""
    dumb.set(store_key("1"), [b"first"], None)
    dumb.set(store_key("2"), [b"second"], None)
    return dumb


def test_a_lost_index_is_taken_from_its_backup(filled):
    os.unlink(f"{filled.path}.dir")
    assert [filled.get(store_key(number)) for number in "12"] == [b"first", b"second"]


def test_every_cut_of_the_index_gives_what_was_stored_or_nothing(filled):
    size = os.path.getsize(f"{filled.path}.dir")
    with open(f"{filled.path}.bak", "rb") as file:
        backup = file.read()
    for length in range(size):
        with open(f"{filled.path}.bak", "wb") as file:
            file.write(backup)
        cut(f"{filled.path}.dir", length)
        assert filled.get(store_key("1")) in (b"first", None)
        assert filled.get(store_key("2")) in (b"second", None)
        filled.set(store_key("1"), [b"first"], None)
        filled.set(store_key("2"), [b"second"], None)


def test_a_lost_index_without_a_backup_is_an_error_with_a_cure(filled, secret):
    os.unlink(f"{filled.path}.dir")
    os.unlink(f"{filled.path}.bak")
    with pytest.raises(StoreError, match=r"lost its index.*remove its \.dat file") as caught:
        Counted(Cache(filled, secret=secret))(3)
    assert caught.value.place == filled.path


def test_a_lost_index_while_running_costs_computations_only(dumb, secret):
    double = Counted(Cache(dumb, secret=secret))
    double(3)
    for ending in ("dir", "bak"):
        os.unlink(f"{dumb.path}.{ending}")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3, 3]


DAMAGED = {"garbage": b"garbage\n", "bytes": b"\xff\xfe\n", "numbers": b"5, (1, 2)\n", "deep": b"[" * 500 + b"\n"}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_index_is_taken_from_its_backup(filled, damage):
    with open(f"{filled.path}.dir", "wb") as file:
        file.write(DAMAGED[damage])
    assert [filled.get(store_key(number)) for number in "12"] == [b"first", b"second"]


@pytest.mark.parametrize("damage", [*DAMAGED, "half a line"])
def test_a_damaged_index_without_a_backup_is_a_store_error(filled, damage):
    os.unlink(f"{filled.path}.bak")
    with open(f"{filled.path}.dir", "wb") as file:
        file.write(DAMAGED.get(damage, b"'key', (0, \n"))
    with pytest.raises(StoreError, match="shelf"):
        filled.get(store_key("1"))


def test_files_of_somebody_elses_beside_a_shelf_of_another_kind_are_no_index(path, secret):
    kinds = [kind for kind in ("dbm.sqlite3", "dbm.gnu") if is_there(kind)]
    if not kinds:
        pytest.skip("this Python has dbm.dumb only")
    importlib.import_module(kinds[0]).open(path, "c").close()
    for ending in ("dat", "dir", "bak"):
        with open(f"{path}.{ending}", "w") as file:
            file.write("somebody's")
    double = Counted(Cache(ShelveStore(path), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]


def test_a_cut_data_file_is_computed_again(dumb, secret, events):
    double = Counted(Cache(dumb, secret=secret, on_event=events.append))
    double(3)
    cut(f"{dumb.path}.dat", os.path.getsize(f"{dumb.path}.dat") // 2)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]


UNREADABLE = """
import dbm.dumb, os, sys
from memopickle import Cache, ShelveStore
path = sys.argv[1] + "/shelf"
os.mkdir(sys.argv[1])
dbm.dumb.open(path, "c").close()
cache = Cache(ShelveStore(path), secret="s" * 32)

@cache.cached
def double(number):
    return number * 2

assert [double(3), double(4)] == [6, 8]
before = [open(path + ending, "rb").read() for ending in (".dir", ".bak")]
os.chmod(path + ".dir", 0)
assert double(4) == 8
os.chmod(path + ".dir", 0o600)
assert [open(path + ending, "rb").read() for ending in (".dir", ".bak")] == before
double(4)
print(double.cache_info().hits)
"""


def test_an_index_that_cannot_be_read_just_now_is_not_taken_for_a_lost_one(tmp_path):
    assert run(WITHOUT_PRIVILEGES + UNREADABLE, tmp_path / "place") == "1\n"


def test_a_directory_deleted_while_running_is_made_again(tmp_path, secret):
    double = Counted(Cache(ShelveStore(tmp_path / "place" / "shelf"), secret=secret))
    double(3)
    shutil.rmtree(tmp_path / "place")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert stat.S_IMODE(os.stat(tmp_path / "place").st_mode) == 0o700


def test_a_shelf_whose_making_was_interrupted_is_made(path, secret):
    with open(f"{path}.dat", "wb"):
        pass
    double = Counted(Cache(ShelveStore(path), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]


# -- clearing --------------------------------------------------------------------------------------------------------


def test_what_remembers_clears_is_not_listed(dumb):
    dumb.set(store_key(), [b"value"], None)
    dumb.clear()
    assert (list(dumb.keys()), list(dumb.functions()), dumb.clear()) == ([], [], 0)


def test_a_cached_function_may_use_the_cache_it_is_cached_in(cache):
    inner = Counted(cache, lambda number: -number)
    outer = Counted(cache, lambda number: [inner(number), cache.prune(), len(list(cache.entries()))])
    assert outer(3) == [-3, 0, 1]
    assert outer(3) == [-3, 0, 1]
    assert outer.calls == [3]


def test_the_lock_file_is_private(cache):
    Counted(cache)(3)
    assert stat.S_IMODE(os.stat(f"{cache.store.path}.lock").st_mode) == 0o600


# -- other processes -------------------------------------------------------------------------------------------------

HOLDER = """
import sys
from memopickle.locks import locked_file
with locked_file(sys.argv[1], 60):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def stopped(path, monkeypatch):
    """A process that was stopped while it held the shelf's lock."""
    monkeypatch.setattr("memopickle.stores.shelf._PATIENCE", 0.05)
    monkeypatch.setattr("memopickle.stores.shelf._PROBE", 0.01)
    command = [sys.executable, "-c", HOLDER, f"{path}.lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        yield holder
        holder.kill()


def test_a_stopped_process_that_holds_the_lock_costs_one_wait_and_not_one_an_access(
    path, secret, stopped, caplog, monkeypatch
):
    monkeypatch.setattr("memopickle.stores.breaker.FIRST", 30.0)  # within which any machine makes a few calls
    double = Counted(Cache(ShelveStore(path), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert len(caplog.messages) <= 2  # one of looking up, one of locking
    for _ in range(3):
        with pytest.raises(LockTimeoutError, match="tried again in"):
            double.cache.store.get(store_key())


def test_a_shelf_is_used_again_once_its_lock_is_free(path, secret, stopped, monkeypatch):
    monkeypatch.setattr("memopickle.stores.breaker.FIRST", 0.0)  # no pause before it is tried again
    double = Counted(Cache(ShelveStore(path), secret=secret))
    double(3)
    stopped.kill()
    assert stopped.wait() == -signal.SIGKILL
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]


def test_a_copy_made_by_pickle_waits_for_itself(path, stopped):
    store = ShelveStore(path, ttl="1h")
    with pytest.raises(LockTimeoutError, match=r"held the lock for 0\.05 seconds"):
        store.get(store_key())
    other = pickle.loads(pickle.dumps(store))
    assert (other.path, other.ttl) == (store.path, store.ttl)
    with pytest.raises(LockTimeoutError, match=r"held the lock for 0\.05 seconds"):
        other.get(store_key())


def test_prune_removes_the_locks_of_killed_processes_and_leaves_those_that_are_held(path):
    store = ShelveStore(path)
    held = store.lock(store_key())
    assert held.acquire(None)
    folder = lock_directory()
    dead = os.path.join(folder, "0" * 32 + ".lock")
    for name in (dead, os.path.join(folder, "foreign")):
        with open(name, "w"):
            pass
    with ThreadPoolExecutor(1) as pool:
        pool.submit(store.prune, 0).result()
    assert held.held()
    assert not os.path.exists(dead)
    assert os.path.exists(os.path.join(folder, "foreign"))
    held.release()


def test_a_shelf_of_which_every_entry_was_pruned_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(dbm, "_defaultmod", None)
    monkeypatch.setattr(dbm, "_names", ["dbm.dumb"])
    store = ShelveStore(tmp_path / "shelf")
    calls = []
    f = Cache(store).cached(ttl=10, track_code="off")(calls.append)
    with freeze_time("2026-01-01") as clock:
        for _ in range(3):
            f(1)
            clock.tick(10)
            assert store.prune(round(time.time() * SECOND)) == 1
            assert list(store.keys()) == []
    assert calls == [1, 1, 1]
