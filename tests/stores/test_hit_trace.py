"""A hit opens one file, takes no lock and writes nothing: shown by a trace of its system calls."""

import re

import pytest
from helpers.needed import tool
from helpers.programs import run

PROGRAM = """
import os, sys
from memopickle import Cache, DirectoryStore

def mark(text):
    try:
        os.stat("/mark/" + text)
    except FileNotFoundError:
        pass

limit = sys.argv[3] if len(sys.argv) > 3 else None
cache = Cache(DirectoryStore(sys.argv[1], ttl="1h", max_bytes=limit), secret="s" * 32)

@cache.cached
def value(size):
    return b"x" * size

size = int(sys.argv[2])
value(size)
value(size)
if len(sys.argv) > 4:
    path = cache.store.place(value.cache_key(size))
    os.utime(path, (os.stat(path).st_mtime - float(sys.argv[4]),) * 2)
mark("begin")
value(size)
mark("end")
assert value.cache_info()[:2] == (2, 1), value.cache_info()
print(cache.store.place(value.cache_key(size)))
"""

#: Calls that change neither files nor locks: memory, time, signals, and reading what is open.
HARMLESS = re.compile(r"(mmap|munmap|brk|madvise|mremap|clock_gettime|gettimeofday|rt_sig\w+|futex|getpid|gettid)\(")


@pytest.fixture(scope="module")
def strace():
    return tool("strace")


def hit_calls(strace, tmp_path, *arguments):
    """Run PROGRAM; return the place of the entry and the system calls of its last hit."""
    log = tmp_path / "trace"
    place = run(PROGRAM, tmp_path / "cache", *arguments, before=[strace, "-f", "-y", "-o", log]).strip()
    lines = log.read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if "/mark/begin" in line)
    end = next(number for number, line in enumerate(lines) if "/mark/end" in line)
    calls = [line.split(None, 1)[1] for line in lines[begin + 1 : end]]
    return place, [call for call in calls if not HARMLESS.match(call)]


def assert_only_reads(place, calls):
    opened = [call for call in calls if call.startswith(("open", "creat"))]
    assert len(opened) == 1
    assert place in opened[0]
    assert "O_RDONLY" in opened[0]
    names = [re.match(r"\w+", call)[0] for call in calls]
    assert set(names) <= {"openat", "fstat", "newfstatat", "read", "readv", "close", "lseek", "ioctl"}
    assert all(place in call for call in calls)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_hit_opens_one_file_takes_no_lock_and_writes_nothing(strace, tmp_path, size):
    assert_only_reads(*hit_calls(strace, tmp_path, size))


def test_a_hit_within_the_hour_writes_nothing_with_a_limit_too(strace, tmp_path):
    assert_only_reads(*hit_calls(strace, tmp_path, 10, "1GB", 1800))


def test_with_a_limit_a_hit_after_an_hour_writes_one_access_time(strace, tmp_path):
    place, calls = hit_calls(strace, tmp_path, 10, "1GB", 7200)
    times = [call for call in calls if call.startswith("utime")]
    assert len(times) == 1
    assert place in times[0]
    assert_only_reads(place, [call for call in calls if call not in times])


def test_the_trace_of_a_miss_shows_a_lock_and_a_write(strace, tmp_path):
    log = tmp_path / "trace"
    run(PROGRAM, tmp_path / "cache", 10, before=[strace, "-f", "-y", "-o", log])
    text = log.read_text().split("/mark/begin")[0]
    assert "flock(" in text
    assert "rename" in text
