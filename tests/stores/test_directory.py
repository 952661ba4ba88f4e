"""What is particular to DirectoryStore: its files, their modes, and what it leaves alone."""

import json
import os
import stat
import time

import pytest
from helpers.functions import Counted, count, reasons
from helpers.programs import WITHOUT_PRIVILEGES, run

from memopickle import BadEntryError, Cache, ConfigurationError, DirectoryStore, StoreError
from memopickle.events import NotStored
from memopickle.storekey import FUNCTION_SIZE
from memopickle.testing import real_entry, store_key

NAMES = [
    "with space",
    "new\nline",
    "\udcff surrogate",
    "-dash",
    "ümläut",
    "%41",
    "a" * 200,
    "quo'te\"",
    "back\\slash",
    "$HOME",
]


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def tree(root):
    """Every path below a directory, relative to it."""
    return sorted(
        os.path.relpath(os.path.join(folder, name), root)
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
    )


def touch(path, age=0.0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "x"):
        pass
    os.utime(path, (time.time() - age,) * 2)
    return str(path)


@pytest.fixture
def double(cache):
    return Counted(cache)


# -- paths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_path_works(tmp_path, secret, name):
    double = Counted(Cache(DirectoryStore(os.path.join(tmp_path, name, name)), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert os.path.isdir(os.path.join(tmp_path, name, name))


def test_a_path_that_is_too_long_is_an_error_when_opened(tmp_path):
    with pytest.raises(StoreError, match="too long"):
        DirectoryStore(tmp_path / ("x" * 300)).open()


@pytest.mark.parametrize("path", ["", "nul\0", b"bytes", 3], ids=repr)
def test_what_is_no_path_is_an_error_when_made(path):
    with pytest.raises(ConfigurationError, match="path="):
        DirectoryStore(path)


def test_a_relative_path_is_of_the_directory_in_which_the_store_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = DirectoryStore("cache")
    monkeypatch.chdir("/")
    assert store.path == str(tmp_path / "cache")


def test_a_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DirectoryStore("~/cache").path == str(tmp_path / "cache")


def test_making_a_store_touches_nothing(tmp_path):
    DirectoryStore(tmp_path / "cache")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "key",
    ["", "x", "../../escape", store_key().upper(), store_key()[:-1], store_key() + "0", store_key().replace("/", ".")],
)
def test_what_is_no_key_is_refused(store, key):
    for method in (store.get, store.delete, store.place, store.head, store.writer, store.lock):
        with pytest.raises(ConfigurationError):
            method(key)


def test_the_root_may_be_a_symlink(tmp_path, secret):
    os.mkdir(tmp_path / "real")
    os.symlink(tmp_path / "real", tmp_path / "link")
    double = Counted(Cache(DirectoryStore(tmp_path / "link"), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert Cache(DirectoryStore(tmp_path / "real"), secret=secret).clear() == 1


def test_a_function_folder_that_is_a_symlink_is_no_place_to_write(double, tmp_path, events):
    folder = os.path.dirname(os.path.dirname(double.path(3)))
    os.makedirs(tmp_path / "elsewhere")
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    os.symlink(tmp_path / "elsewhere", folder)
    assert double(3) == 6
    assert len(reasons(events, NotStored)) == 1
    assert not [name for name in tree(tmp_path / "elsewhere") if name.count(".") == 1]


@pytest.mark.parametrize("make", [touch, os.mkfifo], ids=["file", "fifo"])
def test_a_path_that_is_no_directory_is_an_error_with_a_cure_at_the_first_call(tmp_path, secret, make):
    make(str(tmp_path / "file"))
    double = Counted(Cache(DirectoryStore(tmp_path / "file"), secret=secret))
    with pytest.raises(StoreError, match="choose another path") as caught:
        double(3)
    assert caught.value.place == str(tmp_path / "file")
    assert double.calls == []


def test_a_path_below_a_file_is_an_error_with_a_cure_at_the_first_call(tmp_path, secret):
    touch(tmp_path / "file")
    with pytest.raises(StoreError, match="cache directory") as caught:
        Counted(Cache(DirectoryStore(tmp_path / "file" / "cache"), secret=secret))(3)
    assert caught.value.place == str(tmp_path / "file" / "cache")


def test_a_dangling_symlink_is_an_error_at_the_first_call(tmp_path, secret):
    os.symlink(tmp_path / "nothing", tmp_path / "link")
    with pytest.raises(StoreError, match="choose another path"):
        Counted(Cache(DirectoryStore(tmp_path / "link"), secret=secret))(3)


# -- what is made ----------------------------------------------------------------------------------------------------


def test_backups_and_git_leave_the_directory_out(double):
    double(3)
    root = double.cache.store.path
    with open(os.path.join(root, "CACHEDIR.TAG")) as file:
        assert file.read().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    with open(os.path.join(root, ".gitignore")) as file:
        assert file.read() == "*\n"


def test_a_directory_of_the_users_gets_no_tag(tmp_path, secret):
    os.mkdir(tmp_path / "project")
    Counted(Cache(DirectoryStore(tmp_path / "project"), secret=secret))(3)
    assert not os.path.lexists(tmp_path / "project" / ".gitignore")


MODES = """
import json, os, stat, sys
os.umask(int(sys.argv[1]))
from memopickle import Cache, DirectoryStore
seen = {}

def look():
    for folder, folders, files in os.walk(sys.argv[2]):
        for name in (".", *files):
            found = os.lstat(os.path.join(folder, name))
            seen[name] = stat.S_IMODE(found.st_mode)
            assert seen[name] == (0o700 if stat.S_ISDIR(found.st_mode) else 0o600), (folder, name, oct(seen[name]))

cache = Cache(DirectoryStore(sys.argv[2] + "/in/between"), secret="s" * 32)

@cache.cached
def double(number):
    look()
    return number * 2

@cache.cached(single_flight=False)  # written beside, not into the file of a lock
def triple(number):
    return number * 3

assert [double(3), double(3), triple(3), triple(3)] == [6, 6, 9, 9]
look()
assert (double.cache_info().hits, triple.cache_info().hits) == (1, 1)
print(json.dumps(sorted(seen)))
"""


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777], ids=oct)
def test_files_are_0600_and_directories_0700_under_any_umask(tmp_path, umask):
    names = json.loads(run(WITHOUT_PRIVILEGES + MODES, umask, tmp_path / "cache"))
    assert {".gitignore", "CACHEDIR.TAG"} < set(names)
    assert any(name.endswith(".lock") for name in names)  # seen while it was computed


UNREACHABLE = """
import os, sys
from memopickle import DirectoryStore, StoreError
from memopickle.testing import store_key
store = DirectoryStore(sys.argv[1])
store.open()
store.set(store_key("1", "f"), [b"value"], None)
assert store.get(store_key("2", "g")) is None  # from now on one is expected to miss
os.chmod(os.path.join(sys.argv[1], store_key("1", "f")[:40]), 0)
store._misses.until = 0  # the moment is over
try:
    store.get(store_key("3", "f"))
except StoreError as error:
    print("told")
"""


def test_misses_hide_for_a_moment_only_what_stands_in_the_way_of_reading(tmp_path):
    assert run(WITHOUT_PRIVILEGES + UNREACHABLE, tmp_path / "cache").strip() == "told"


def test_a_new_key_that_is_there_is_found_after_one_that_missed(tmp_path):
    DirectoryStore(tmp_path).set(store_key("1", "f"), [b"value"], None)
    store = DirectoryStore(tmp_path)
    for missing in "234":
        assert store.get(store_key(missing, "f")) is None
    assert store.get(store_key("1", "f")) == b"value"


HARSH = """
import os, sys
from memopickle import Cache, DirectoryStore
from memopickle.stores import folder
calls = []
cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32)

@cache.cached(version=1, single_flight=False)
def double(number):
    calls.append(number)
    return number * 2

double(1)
assert folder._umask.harmless_until > 0
folder._umask.harmless_until = float("inf")  # a moment that lasts as long as we want
os.umask(0o777)
assert double(2) == 4
folder._umask.harmless_until = 0  # and is over
assert [double(2), double(2)] == [4, 4]
print(calls)
"""


def test_what_is_stored_just_after_the_umask_took_from_the_owner_is_stored_once_more(tmp_path):
    assert run(WITHOUT_PRIVILEGES + HARSH, tmp_path / "cache").strip() == "[1, 2, 2]"


def test_only_the_entry_is_left_after_a_call(double):
    double(3)
    names = tree(double.cache.store.path)
    entry = os.path.relpath(double.path(3), double.cache.store.path)
    shard = os.path.dirname(entry)
    assert names == sorted([".gitignore", ".mpk-statistics", "CACHEDIR.TAG", os.path.dirname(shard), shard, entry])


def test_a_failed_function_leaves_nothing(cache):
    failing = Counted(cache, lambda number: 1 // number)
    with pytest.raises(ZeroDivisionError):
        failing(0)
    assert [name for name in tree(cache.store.path) if len(os.path.basename(name)) > 40] == []


def test_a_failed_set_leaves_no_temporary_file(store):
    def chunks():
        yield b"half"
        raise OSError("disk full")

    store.set(store_key("1"), [b"1"], None)
    before = tree(store.path)
    with pytest.raises(OSError, match="disk full"):
        store.set(store_key("1"), chunks(), None)
    assert tree(store.path) == before


# -- while running ---------------------------------------------------------------------------------------------------


def test_a_cache_directory_deleted_while_running_is_made_again(double):
    double(3)
    root = double.cache.store.path
    os.rename(root, f"{root}.gone")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert mode(root) == 0o700
    assert os.path.exists(os.path.join(root, "CACHEDIR.TAG"))


def test_a_cache_directory_deleted_during_a_computation_costs_at_most_the_entry(cache, tmp_path):
    gone = iter(range(10))

    def compute(number):
        os.rename(cache.store.path, tmp_path / f"gone{next(gone)}")
        return number * 2

    double = Counted(cache, compute)
    assert double(3) == 6
    assert double(3) == 6


def test_a_cache_directory_replaced_by_a_file_while_running_is_told_once(double, caplog):
    double(3)
    root = double.cache.store.path
    os.rename(root, f"{root}.gone")
    touch(root)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3, 3]
    assert os.path.isfile(root)
    assert len({record.getMessage() for record in caplog.records}) == len(caplog.records)


@pytest.mark.parametrize("again", [False, True], ids=["gone", "made again"])
def test_a_value_computed_while_its_folder_was_set_aside_is_not_left_in_the_store(cache, tmp_path, again):
    def compute(number):
        folder = os.path.join(cache.store.path, double.key(3)[:FUNCTION_SIZE])
        os.rename(folder, tmp_path / "aside")
        if again:
            os.mkdir(folder)
        return number * 2

    double = Counted(cache, compute)
    assert double(3) == 6
    assert list(cache.store.keys()) == []


@pytest.mark.parametrize("how", ["function", "all", "another cache", "invalidate"])
def test_a_value_computed_during_a_clear_is_not_left_in_the_store(cache, secret, events, how):
    def compute(number):
        if how == "function":
            double.function.cache_clear()
        elif how == "all":
            cache.clear()
        elif how == "another cache":  # as a script in another process does it
            Cache(type(cache.store)(cache.store.path), secret=secret).clear()
        else:
            double.function.cache_invalidate(number)
        return number * 2

    double = Counted(cache, compute)
    assert double(3) == 6
    assert list(cache.store.keys()) == []
    assert len(reasons(events, NotStored)) == 1


def test_a_value_computed_after_a_clear_is_kept(double):
    double(3)
    double.cache.clear()
    double(3), double(3)
    assert double.calls == [3, 3]


# -- without permission ----------------------------------------------------------------------------------------------

UNPRIVILEGED = """
import json, os, sys
from memopickle import Cache, DirectoryStore

events = []
cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32, on_event=lambda event: events.append(type(event).__name__))

@cache.cached
def double(number):
    return number * 2

BODY
print(json.dumps([values, events]))
"""


def unprivileged(tmp_path, body):
    return json.loads(run(WITHOUT_PRIVILEGES + UNPRIVILEGED.replace("BODY", body), tmp_path / "parent" / "cache"))


def test_a_place_that_cannot_be_made_is_an_error_with_a_cure_at_the_first_call(tmp_path):
    os.mkdir(tmp_path / "parent", 0o500)
    body = "try: double(3)\nexcept Exception as error: values = f'{type(error).__name__}: {error}'"
    message, _ = unprivileged(tmp_path, body)
    assert message.startswith("StoreError: ")
    assert "choose another path, or make it writable" in message
    assert str(tmp_path / "parent" / "cache") in message


def test_a_place_that_cannot_be_read_is_an_error_with_a_cure_at_the_first_call(tmp_path):
    os.makedirs(tmp_path / "parent" / "cache", 0o700)
    os.chmod(tmp_path / "parent" / "cache", 0o300)
    body = "try: double(3)\nexcept Exception as error: values = f'{type(error).__name__}: {error}'"
    message, _ = unprivileged(tmp_path, body)
    assert message.startswith("StoreError: ")
    assert "chmod u+rwx" in message


READ_ONLY = """
double(3)
for folder, _, files in os.walk(sys.argv[1], topdown=False):
    os.chmod(folder, 0o500)
events.clear()
values = [double(3), double(3), double(4), double(4), double(3)]
"""


def test_a_readable_but_unwritable_directory_serves_hits_and_returns_what_it_cannot_store(tmp_path):
    values, events = unprivileged(tmp_path, READ_ONLY)
    assert values == [6, 6, 8, 8, 6]
    assert events.count("Hit") == 3
    assert events.count("NotStored") == 2
    assert "Stored" not in events


def test_a_readable_but_unwritable_directory_is_told_at_the_first_store(tmp_path):
    body = (
        "import logging\n"
        "told = []\n"
        "class Telling(logging.Handler):\n"
        "    def emit(self, record): told.append(record.getMessage())\n"
        "logging.getLogger('memopickle').addHandler(Telling())\n"
        + READ_ONLY.replace("values = [double(3), double(3),", "double(3), double(3)\nvalues = [len(told),")
        + "values = [values[0], told]"
    )
    (before, told), _ = unprivileged(tmp_path, body)
    assert before == 0
    assert len([message for message in told if "could not store" in message]) == 1


@pytest.mark.parametrize("bits", [0o770, 0o707, 0o777])
def test_a_directory_that_others_can_write_is_warned_about_once(tmp_path, secret, caplog, bits):
    os.mkdir(tmp_path / "shared")
    os.chmod(tmp_path / "shared", bits)
    cache = Cache(DirectoryStore(tmp_path / "shared"), secret=secret)
    Counted(cache)(3), Counted(cache, lambda number: -number)(3)
    assert [record.getMessage() for record in caplog.records if "chmod go-w" in record.getMessage()] == caplog.messages
    assert len(caplog.messages) == 1


def test_a_directory_of_ones_own_is_not_warned_about(double, caplog):
    double(3)
    assert caplog.messages == []


# -- what is not ours ------------------------------------------------------------------------------------------------

FOREIGN = ["notes.txt", ".hidden", "CACHEDIR.TAG.bak", ".mpk-0123.tmp", "x" * 64, "0" * 62 + ".txt", "deep/er/file"]


@pytest.fixture
def foreign(double):
    """Other people's files at every level of the cache."""
    double(3)
    root = double.cache.store.path
    shard = os.path.dirname(double.path(3))
    levels = (root, os.path.dirname(shard), shard)
    paths = [touch(os.path.join(level, name), age=1e6) for level in levels for name in FOREIGN]
    os.symlink("/etc", os.path.join(shard, "link to a directory"))
    os.symlink("nothing", os.path.join(shard, "dangling link"))
    return [*paths, os.path.join(shard, "link to a directory"), os.path.join(shard, "dangling link")]


@pytest.mark.parametrize("how", ["clear", "clear function", "cache_clear", "prune", "expired", "delete"])
def test_foreign_files_are_never_removed(double, foreign, how):
    if how == "clear":
        assert double.cache.clear() == 1
    elif how == "clear function":
        assert double.cache.clear(function=double.function) == 1
    elif how == "cache_clear":
        double.function.cache_clear()
    elif how == "prune":
        double.cache.prune()
    elif how == "expired":
        double.cache.clear(older_than=0)
    else:
        double.function.cache_invalidate(3)
    assert [path for path in foreign if not os.path.lexists(path)] == []


def test_entries_are_found_and_stored_among_foreign_files(double, foreign):
    double(3), double(4), double(4)
    assert double.calls == [3, 4]
    assert len(list(double.cache.store.keys())) == 2
    double.cache.clear()
    double(3), double(3)
    assert double.calls == [3, 4, 3]


def test_a_directory_under_the_name_of_an_entry_is_not_removed(double):
    double(3)
    os.unlink(double.path(3))
    touch(os.path.join(double.path(3), "file"))
    double.cache.prune()
    double.cache.clear()
    assert os.path.exists(os.path.join(double.path(3), "file"))


# -- pruning ---------------------------------------------------------------------------------------------------------

OURS, OLD, YOUNG = ".mpk-0123456789abcdef.tmp", 3700, 3500


def test_old_temporary_files_of_our_pattern_are_removed_by_prune(double):
    double(3)
    shard = os.path.dirname(double.path(3))
    old = touch(os.path.join(shard, OURS), OLD)
    kept = [
        touch(os.path.join(shard, ".mpk-fedcba9876543210.tmp"), YOUNG),
        touch(os.path.join(shard, ".mpk-0123456789ABCDEF.tmp"), OLD),
        touch(os.path.join(shard, ".mpk-0123456789abcdef.tmp2"), OLD),
        touch(os.path.join(shard, "tmp"), OLD),
        touch(os.path.join(double.cache.store.path, OURS), OLD),
    ]
    assert double.cache.prune() == 0
    assert not os.path.exists(old)
    assert [path for path in kept if not os.path.exists(path)] == []
    assert double(3) == 6
    assert double.calls == [3]


def test_lock_files_of_killed_holders_are_removed_by_prune_and_held_ones_are_not(store):
    dead, held = store_key("1"), store_key("2")
    store.set(dead, [b"".join(real_entry(dead))], None)
    touch(f"{store.place(dead)}.lock")
    lock = store.lock(held)
    assert lock.acquire(0)
    store.prune(0)
    assert not os.path.exists(f"{store.place(dead)}.lock")
    assert lock.held()
    lock.release()


def test_a_function_may_prune_the_cache_it_is_cached_in(cache):
    def compute(number):
        cache.prune()
        return number * 2

    double = Counted(cache, compute)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]


def test_folders_that_an_interrupted_clear_left_are_removed_by_prune(double):
    double(3)
    folder = os.path.dirname(os.path.dirname(double.path(3)))
    aside = os.path.join(double.cache.store.path, ".mpk-0123456789abcdef.cleared")
    os.rename(folder, aside)
    assert list(double.cache.store.keys()) == []
    double.cache.prune()
    assert not os.path.exists(aside)


@pytest.mark.parametrize("what", ["fifo", "symlink", "dangling", "directory", "garbage", "empty"])
def test_prune_passes_by_what_is_no_entry(store, what):
    odd, expired = store_key("odd"), store_key("expired")
    store.set(expired, real_entry(expired, 5), None)
    store.set(odd, [b"garbage"], None)
    path = store.place(odd)
    if what != "garbage":
        os.unlink(path)
    if what == "fifo":
        os.mkfifo(path)
    elif what == "symlink":
        os.symlink(store.place(expired), path)
    elif what == "dangling":
        os.symlink("nothing", path)
    elif what == "directory":
        os.mkdir(path)
    elif what == "empty":
        touch(path)
    assert store.prune(10) == 1
    assert os.path.lexists(path)
    assert not os.path.exists(store.place(expired))


@pytest.mark.parametrize("what", ["fifo", "symlink", "directory"])
def test_the_head_of_what_is_no_file_is_refused(store, what):
    store.set(store_key(), [b"value"], None)
    path = store.place(store_key())
    os.rename(path, f"{path}.txt")
    {"fifo": os.mkfifo, "directory": os.mkdir}.get(what, lambda path: os.symlink(f"{path}.txt", path))(path)
    with pytest.raises((BadEntryError, OSError)):
        store.head(store_key())


def test_a_cache_with_odd_things_in_it_can_still_be_listed(double):
    double(3), double(4), double(5)
    os.unlink(double.path(4))
    os.mkfifo(double.path(4))
    os.unlink(double.path(5))
    os.symlink(double.path(3), double.path(5))
    assert [entry.key for entry in double.cache.entries()] == [double.key(3)]
    assert double.cache.functions() == ["helpers.functions:Counted.__init__.<locals>.counted"]


def test_an_empty_or_missing_directory_has_no_entries(store):
    assert (list(store.keys()), list(store.functions()), store.clear(), store.prune(0)) == ([], [], 0, 0)
    store.open()
    assert (list(store.keys()), list(store.functions()), store.clear(), store.prune(0)) == ([], [], 0, 0)


# -- elsewhere -------------------------------------------------------------------------------------------------------

WITHOUT_DIRECTORY_DESCRIPTORS = """
import mmap, os, sys
import filelock, platformdirs  # which know no such platform
for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "fchmod", "readv", "getuid", "geteuid"):
    delattr(os, name)
del mmap.MAP_PRIVATE
os.supports_dir_fd.clear()

from memopickle import Cache, DirectoryStore
from memopickle.secret import find_secrets

find_secrets()
cache = Cache(DirectoryStore(sys.argv[1], durable=True), secret="s" * 32)
calls = []

@cache.cached
def text(number):
    calls.append(number)
    return "x" * number

for number in (10, 100_000):
    assert text(number) == text(number) == "x" * number
assert calls == [10, 100_000]
assert cache.verify() == (2, [])

@cache.cached
def cleared(number):
    cleared.cache_clear()
    return number

cleared(3)
assert not cleared.cache_contains(3)
assert cache.prune() == 0
assert cache.clear() == 2
print(sorted(os.listdir(sys.argv[1])))
"""


def test_it_works_by_paths_where_a_platform_has_no_descriptors_of_directories(tmp_path):
    left = ["'.gitignore'", "'.mpk-statistics'", "'CACHEDIR.TAG'"]
    assert run(WITHOUT_DIRECTORY_DESCRIPTORS, tmp_path / "cache") == f"[{', '.join(left)}]\n"


def test_durable_entries_are_like_others(tmp_path, secret, events):
    store = DirectoryStore(tmp_path / "cache", durable=True)
    double = Counted(Cache(store, secret=secret, on_event=events.append))
    double(3), double(3)
    assert count(events) == {"Miss": 1, "Stored": 1, "Hit": 1}
