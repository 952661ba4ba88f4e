"""FAULTS 27-52: whatever becomes of files, disks, limits and processes, a call returns the right value."""

import errno
import os
import re
import shutil
import socket
import stat

import pytest
from helpers.functions import Counted, reasons

from memopickle import Cache, DirectoryStore, StoreError
from memopickle.events import BadEntry, NotStored
from memopickle.stores.layout import ENTRY
from tests.faults.tools import (
    WITHOUT_PRIVILEGES,
    inject,
    leftovers,
    outcome,
    require,
    run,
    small_disk,
)


def names(root):
    return sorted(name for _, folders, files in os.walk(root) for name in (*folders, *files))


def touch(path, age=0.0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "x"):
        pass
    moment = os.stat(path).st_mtime - age
    os.utime(path, (moment, moment))
    return str(path)


# -- 27-31: something else where the entry should be -----------------------------------------------------------------


def test_27_an_empty_directory_is_missed_and_replaced(double, missed):
    os.makedirs(double.path(3))
    missed("not a regular file")
    assert os.path.isfile(double.path(3))


def test_27_a_directory_with_something_in_it_stays_and_costs_only_the_entry(double, events, caplog):
    kept = touch(os.path.join(double.path(3), "foreign"))
    assert [double(3), double(3), double(4), double(4)] == [6, 6, 8, 8]
    assert double.calls == [3, 3, 4]
    assert [event.reason for event in events if isinstance(event, BadEntry)] == ["not a regular file"] * 2
    assert all("move it away" in reason for reason in reasons(events, NotStored))
    refused, unstored = caplog.messages
    assert double.path(3) in refused
    assert "move it away" in unstored
    assert os.path.isfile(kept)
    assert leftovers(double.cache.store.path) == []


@pytest.mark.parametrize("target", ["elsewhere", "nothing", "/dev/zero", "."])
def test_28_a_symlink_is_never_followed(double, missed, tmp_path, target):
    double(3)
    shutil.copy(double.path(3), tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    os.unlink(double.path(3))
    os.symlink(tmp_path / target, double.path(3))
    missed("symlink")
    assert not os.path.islink(double.path(3))
    assert (tmp_path / "elsewhere").read_bytes() == before
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("writer", ["", "keep = os.open(place, os.O_RDWR)\n"], ids=["alone", "with a writer"])
def test_29_a_fifo_does_not_hang(tmp_path, writer):
    body = "place = path('a')\nos.makedirs(os.path.dirname(place))\nos.mkfifo(place)\n"
    found = outcome(f"{body}{writer}report(repeated('a'), repeated('a'))", tmp_path / "cache")
    assert found["values"] == ["aaa", "aaa"]
    assert found["events"] == ["BadEntry", "Miss", "Stored", "Hit"]
    assert len(found["told"]) == 1


def test_29_a_socket(double, missed):
    os.makedirs(os.path.dirname(double.path(3)))
    folder = os.open(os.path.dirname(double.path(3)), os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening:  # by a short path: those of sockets are limited
        listening.bind(f"/proc/self/fd/{folder}/{os.path.basename(double.path(3))}")
    os.close(folder)
    missed("not a regular file")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK], ids=["character", "block"])
def test_29_a_device(double, missed, kind):
    os.makedirs(os.path.dirname(double.path(3)))
    try:
        os.mknod(double.path(3), kind | 0o600, os.makedev(1, 5))  # /dev/zero, or a block device without a driver
    except PermissionError:
        pytest.skip("only root may make devices")
    missed("not a regular file")


def test_30_no_permission(tmp_path):
    body = "repeated('a')\nos.chmod(path('a'), 0)\nevents.clear()\nreport(repeated('a'), repeated('a'))"
    found = outcome(body, tmp_path / "cache", first=WITHOUT_PRIVILEGES)
    assert found["values"] == ["aaa", "aaa"]
    assert found["events"] == ["Miss", "Stored", "Hit"]
    (message,) = found["told"]
    assert "Permission denied" in message
    assert str(tmp_path / "cache") in message


def test_31_an_input_error_on_read(tmp_path):
    place = outcome("repeated('a')\nreport(path('a'))", tmp_path / "cache")["values"][0]
    body = "report(repeated('a'), repeated('a'))"
    found = outcome(body, tmp_path / "cache", before=inject("read:error=EIO:when=1..2", path=place))
    assert found["values"] == ["aaa", "aaa"]
    assert found["events"] == ["Miss", "Stored", "Hit"]
    (message,) = found["told"]
    assert place in message
    assert os.strerror(errno.EIO) in message


# -- 32, 33: the cache directory -------------------------------------------------------------------------------------


def test_32_the_cache_directory_deleted_while_running_is_made_again(double):
    double(3)
    shutil.rmtree(double.cache.store.path)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert stat.S_IMODE(os.stat(double.cache.store.path).st_mode) == 0o700


def test_33_a_file_in_its_place_is_an_error_when_opening(double):
    touch(double.cache.store.path)
    with pytest.raises(StoreError, match="choose another path") as caught:
        double(3)
    assert caught.value.place == double.cache.store.path


def test_33_replaced_by_a_file_while_running_is_one_warning(double, caplog):
    double(3)
    shutil.rmtree(double.cache.store.path)
    touch(double.cache.store.path)
    assert [double(3), double(3), double(4)] == [6, 6, 8]
    assert len(caplog.messages) == 1
    assert os.path.getsize(double.cache.store.path) == 0


# -- 34-43: the entry cannot be written ------------------------------------------------------------------------------


def assert_written_off(found, root, told="could not store"):
    """The right values, one warning, and nothing left but what was there before."""
    assert found["values"][-2:] == ["large", "old"]
    assert "NotStored" in found["events"]
    assert len(found["told"]) == 1
    assert told in found["told"][0]
    assert leftovers(root) == []


#: An old entry, then a fault, then a value that cannot be stored in its place; what is stored then.
REPLACE = """
import subprocess

@cache.cached(track_code="off")
def value(number):
    return current

current = "old"
value(1)
events.clear()
BREAK
current = "large" * SIZE
returned = value.cache_refresh(1)
MEND
assert value.cache_peek(1).value == "old", value.cache_peek(1)
left = [name for _, _, files in os.walk(sys.argv[1]) for name in files if name.endswith((".tmp", ".lock"))]
assert left == [], left
report(returned[:5], value(1))
"""


def replacing(root, size=1, broken="", mend="", **how):
    body = REPLACE.replace("SIZE", str(size)).replace("BREAK", broken).replace("MEND", mend)
    return outcome(body, root, **how)


def test_34_a_read_only_file_system_serves_hits_and_warns_once(tmp_path):
    os.mkdir(tmp_path / "cache")
    remount = "subprocess.run(['mount', '-o', 'remount,ro', sys.argv[1]], check=True)"
    more = "assert [value(2), value(2), value(3), value(1)] == ['large'] * 3 + ['old']"
    found = replacing(tmp_path / "cache", broken=remount, mend=more, before=small_disk(tmp_path / "cache"))
    assert_written_off(found, tmp_path / "cache")
    assert "Read-only" in found["told"][0]


def test_34_a_read_only_file_system_that_a_new_function_meets_first(tmp_path):
    os.mkdir(tmp_path / "cache")
    body = "import subprocess\nsubprocess.run(['mount', '-o', 'remount,ro', sys.argv[1]], check=True)\n"
    body += "report(repeated('a'), repeated('a'), repeated('b'))"
    found = outcome(body, tmp_path / "cache", before=small_disk(tmp_path / "cache"))
    assert found["values"] == ["aaa", "aaa", "bbb"]
    assert found["events"].count("NotStored") == 3
    assert len(found["told"]) == 1


def test_35_the_disk_is_full_at_write(tmp_path):
    os.mkdir(tmp_path / "cache")
    found = replacing(tmp_path / "cache", 1_000_000, before=small_disk(tmp_path / "cache", "size=1m"))
    assert_written_off(found, tmp_path / "cache")
    assert "No space left" in found["told"][0]


DURABLE = "cache.store.durable = True"
RENAMES = "rename,renameat,renameat2"


@pytest.mark.parametrize("fault", ["fsync:error=ENOSPC:when=1", f"{RENAMES}:error=ENOSPC", "write:error=ENOSPC:when=1"])
def test_35_the_disk_is_full_at_flush_or_rename(tmp_path, fault):
    found = struck(tmp_path / "cache", fault)
    assert_written_off(found, tmp_path / "cache")
    assert "No space left" in found["told"][0]


def struck(root, fault):
    """Write the old entry in one program; then meet the fault in another that writes only the new."""
    body = REPLACE.replace("SIZE", "1000").replace("MEND", "").replace("BREAK", DURABLE)
    outcome(REPLACE.partition("events.clear()")[0] + "\nreport()", root)
    return outcome(body, root, before=inject(fault))


def test_36_out_of_inodes(tmp_path):
    os.mkdir(tmp_path / "cache")
    fill = """
try:
    for number in range(1000):
        open(f"{sys.argv[1]}/filler{number}", "x").close()
except OSError as error:
    assert error.errno == 28
"""
    found = replacing(tmp_path / "cache", broken=fill, before=small_disk(tmp_path / "cache", "nr_inodes=30"))
    assert_written_off(found, tmp_path / "cache")


@pytest.mark.parametrize("call", ["write:error=EDQUOT:when=1", "fsync:error=EDQUOT:when=1", f"{RENAMES}:error=EDQUOT"])
def test_37_quota(tmp_path, call):
    found = struck(tmp_path / "cache", call)
    assert_written_off(found, tmp_path / "cache")
    assert os.strerror(errno.EDQUOT) in found["told"][0]


def test_37_quota_for_directories(tmp_path):
    found = outcome(
        "report(repeated('a'), repeated('a'))\n",
        prepared(tmp_path / "cache"),
        before=inject("mkdir,mkdirat:error=EDQUOT"),
    )
    assert found["values"] == ["aaa", "aaa"]
    assert found["events"].count("NotStored") == 2
    assert len(found["told"]) == 1


def prepared(root):
    os.mkdir(root, 0o700)
    return root


def test_38_a_limit_on_the_size_of_files(tmp_path):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (5000, -1))"
    found = replacing(tmp_path / "cache", 100_000, broken=limit)
    assert_written_off(found, tmp_path / "cache")
    assert "File too large" in found["told"][0]


EXHAUST = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = []
try:
    while True:
        kept.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    assert error.errno == 24
"""
RELEASE = "for fd in kept: os.close(fd)"


def test_39_out_of_descriptors(tmp_path):
    found = replacing(tmp_path / "cache", broken=EXHAUST, mend=RELEASE)
    assert_written_off(found, tmp_path / "cache")
    assert "Too many open files" in found["told"][0]


def test_39_out_of_descriptors_while_calling(tmp_path):
    body = f"repeated('z'){EXHAUST}values = [repeated('a'), repeated('b'), repeated('z')]\n{RELEASE}\n"
    found = outcome(f"{body}report(*values, repeated('z'))", tmp_path / "cache")
    assert found["values"] == ["aaa", "bbb", "zzz", "zzz"]
    assert found["calls"] == ["z", "a", "b", "z"]
    assert len(found["told"]) == 1


def test_39_out_of_descriptors_with_nothing_imported_yet(tmp_path):
    program = """
import sys
from memopickle import Cache, DirectoryStore
cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32)
@cache.cached(track_code="off")
def double(number):
    return number * 2
double.cache_contains(3)
EXHAUST
print(double(3), "logging" in sys.modules)
"""
    program = program.replace("EXHAUST", EXHAUST).replace("import resource", "import os, resource")
    assert run(program, tmp_path / "cache") == "6 False\n"


@pytest.mark.parametrize("length", [1, 10, 71, 500])
def test_40_a_short_write_is_written_on_or_a_miss_later(tmp_path, length):
    """The system says that it wrote ``length`` bytes, and did not."""
    short = inject(f"write:retval={length}:when=1")
    first = outcome("report(repeated('a', 1000))", prepared(tmp_path / "cache"), before=short)
    assert first["values"] == ["a" * 1000]
    again = outcome("report(repeated('a', 1000), repeated('a', 1000))", tmp_path / "cache")
    assert again["values"] == ["a" * 1000] * 2
    assert again["events"] == ["BadEntry", "Miss", "Stored", "Hit"]
    assert len(again["told"]) == 1


def test_41_when_fsync_fails_nothing_is_published(tmp_path):
    assert_written_off(struck(tmp_path / "cache", "fsync:error=EIO"), tmp_path / "cache")


def test_41_when_the_fsync_of_the_folder_fails_nothing_is_published(tmp_path):
    body = f"{DURABLE}\nreport(repeated('a'), repeated('a'))"
    found = outcome(body, tmp_path / "cache", before=inject("fsync:error=EIO:when=2"))
    assert found["values"] == ["aaa", "aaa"]
    assert found["events"] == ["Miss", "NotStored", "Miss", "Stored"]
    assert len(found["told"]) == 1


@pytest.mark.parametrize("code", ["EACCES", "EXDEV", "EPERM"])
def test_42_a_rename_that_is_refused(tmp_path, code):
    assert_written_off(struck(tmp_path / "cache", f"{RENAMES}:error={code}"), tmp_path / "cache")


def test_42_a_rename_that_others_hinder_is_tried_again_where_files_are_locked(tmp_path):
    """As on Windows, where a file that somebody reads can't be replaced for a moment."""
    windows = "import os\nfrom memopickle import files\nfiles.POSIX = False\n"
    for times, expected in ((1, "Stored"), (3, "Stored"), (4, "NotStored")):
        prefix = inject(f"{RENAMES}:error=EACCES:when=1..{times}")
        found = outcome("report(repeated('a'))", tmp_path / str(times), first=windows, before=prefix)
        assert (found["values"], found["events"]) == (["aaa"], ["Miss", expected])
        assert leftovers(tmp_path / str(times)) == []


def test_44_interrupted_writes_and_closes_are_stored(tmp_path):
    for fault in ("write:error=EINTR:when=1", "fsync:error=EINTR:when=1", "flock:error=EINTR:when=1"):
        root = tmp_path / fault.partition(":")[0]
        found = outcome(f"{DURABLE}\nreport(repeated('a'), repeated('a'))", root, before=inject(fault))
        assert (found["values"], found["events"]) == (["aaa", "aaa"], ["Miss", "Stored", "Hit"])
        assert found["told"] == []


# -- 46-52 -----------------------------------------------------------------------------------------------------------


def test_46_what_a_power_loss_leaves_without_fsync_is_missed(double, missed):
    double(3)
    good = double.data(3)
    page = 64  # small, so that this small entry has several
    pages = [good[start : start + page] for start in range(0, len(good), page)]
    lost = [[*pages[:number], bytes(len(pages[number])), *pages[number + 1 :]] for number in range(len(pages))]
    for data in (b"", bytes(len(good)), *map(b"".join, lost), *(good[:size] for size in range(0, len(good), page))):
        double.plant(3, data)
        missed()


def test_46_durable_entries_are_flushed_before_they_become_visible(tmp_path):
    require("strace")
    log = tmp_path / "log"
    before = ["strace", "-f", "-qq", "-y", "-o", str(log), "-e", f"trace=write,fsync,{RENAMES}"]
    outcome(f"{DURABLE}\nreport(repeated('a'))", tmp_path / "cache", before=before)
    lines = [line for line in log.read_text().splitlines() if ".lock" in line or "fsync" in line]
    calls = [re.match(r"\d+\s+(\w+)\(", line)[1] for line in lines]
    assert [call.removesuffix("at2").removesuffix("at") for call in calls] == ["write", "fsync", "rename", "fsync"]
    assert ".lock" in lines[-3]


def test_47_orphaned_temporary_files(double):
    double(3)
    shard = os.path.dirname(double.path(3))
    orphan = touch(f"{shard}/.mpk-0123456789abcdef.tmp", age=4000)
    kept = [
        touch(f"{shard}/.mpk-fedcba9876543210.tmp"),
        touch(f"{shard}/.mpk-x.tmp", 4000),
        touch(f"{shard}/a.tmp", 4000),
    ]
    double.cache.prune()
    assert not os.path.exists(orphan)
    assert [path for path in kept if not os.path.exists(path)] == []
    assert (double(3), double.calls) == (6, [3])


@pytest.mark.parametrize("how", ["clear", "cache_clear", "prune", "invalidate", "older_than"])
def test_48_foreign_files_are_never_deleted(double, how):
    double(3)
    shard = os.path.dirname(double.path(3))
    levels = (double.cache.store.path, os.path.dirname(shard), shard)
    foreign = [
        touch(os.path.join(level, name), 1e6)
        for level in levels
        for name in ("notes.txt", ".hidden", "x" * 64, "deep/er/file", f"{'0' * 62}.txt")
    ]
    foreign.append(touch(os.path.join(shard, f"{'0' * 62}.{'0' * 16}", "below one of our names")))
    {
        "clear": double.cache.clear,
        "cache_clear": double.function.cache_clear,
        "prune": double.cache.prune,
        "invalidate": lambda: double.function.cache_invalidate(3),
        "older_than": lambda: double.cache.clear(older_than=0),
    }[how]()
    assert [path for path in foreign if not os.path.exists(path)] == []
    assert [double(3), double(3)] == [6, 6]


def test_49_names_are_hashed_whatever_the_arguments_are(cache):
    odd = ["../../escape", "a/b", "nul\0", "new\nline", "\udcff", "x" * 255, "ü" * 255, "", ".", "CON", "-rf *"]
    shown = Counted(cache, lambda text: text)
    shown.function = cache.cached(lambda text: shown.calls.append(text) or text, track_code="off")
    for text in (*odd, *map(str, range(500))):
        assert [shown.function(text), shown.function(text)] == [text, text]
    assert len(shown.calls) == len(odd) + 500
    assert len(list(cache.store.keys())) == len(shown.calls)
    found = {len(name) for name in names(cache.store.path) if ENTRY.fullmatch(name)}
    assert found == {79}
    others = [name for name in names(cache.store.path) if not re.fullmatch(r"[0-9a-f]{2,40}|[0-9a-f.]{79}", name)]
    assert others == [".gitignore", ".mpk-statistics", "CACHEDIR.TAG"]
    assert cache.clear() == len(shown.calls)


@pytest.mark.parametrize("bits", [0o770, 0o707, 0o777], ids=oct)
def test_50_a_directory_that_others_can_write(tmp_path, secret, caplog, bits):
    os.mkdir(tmp_path / "shared")
    os.chmod(tmp_path / "shared", bits)
    double = Counted(Cache(DirectoryStore(tmp_path / "shared"), secret=secret))
    assert [double(3), double(3), double(4)] == [6, 6, 8]
    Counted(double.cache, lambda number: -number)(3)
    (message,) = caplog.messages
    assert "chmod go-w" in message


MODES = """
import stat
seen = set()

def look():
    for folder, _, files in os.walk(sys.argv[1]):
        for name in (".", *files):
            mode = os.lstat(os.path.join(folder, name)).st_mode
            seen.add(oct(stat.S_IMODE(mode)) + (" directory" if stat.S_ISDIR(mode) else " file"))

@cache.cached(track_code="off")
def looking(number):
    look()
    return number

values = [looking(3), looking(3)]
look()
report(values, sorted(seen))
"""


@pytest.mark.parametrize("umask", [0o000, 0o777], ids=oct)
def test_51_any_umask(tmp_path, umask):
    first = f"{WITHOUT_PRIVILEGES}\nos.umask({umask})\n"
    found = outcome(MODES, tmp_path / "cache", first=first)
    assert found["values"] == [[3, 3], ["0o600 file", "0o700 directory"]]


@pytest.mark.parametrize(
    "name", ["a space", "new\nline", "\udcff surrogate", "tab\t", "'\"", "-rf", "ü", "%2f"], ids=ascii
)
def test_52_odd_paths_work(tmp_path, secret, name):
    double = Counted(Cache(DirectoryStore(os.path.join(tmp_path, name, name)), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]


@pytest.mark.parametrize("length", [300, 5000])
def test_52_a_path_that_is_too_long_is_an_error_when_opening(tmp_path, secret, length):
    double = Counted(Cache(DirectoryStore(tmp_path / ("x" * length)), secret=secret))
    with pytest.raises(StoreError, match="too long"):
        double(3)
    assert double.calls == []


def test_52_a_path_that_is_too_long_for_entries_costs_no_result(tmp_path, secret, caplog):
    room = 4096 - 60 - len(str(tmp_path))  # for the directory itself, not for what lies in it
    path = os.path.join(tmp_path, *["x" * 200] * (room // 201))
    double = Counted(Cache(DirectoryStore(path), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert len(caplog.messages) <= 1
