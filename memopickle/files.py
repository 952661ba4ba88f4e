"""Reading and writing single files: private memory, whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from contextlib import suppress
from functools import partial

from memopickle.errors import ConfigurationError
from memopickle.pages import LARGE, fresh_memory
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memopickle.typed import Blob

__all__ = [
    "APPEND_FLAGS",
    "PEEK_FLAGS",
    "POSIX",
    "READ_FLAGS",
    "WRITE_FLAGS",
    "byte_count",
    "close",
    "file_time",
    "full_path",
    "is_directory",
    "keep_private",
    "make_directories",
    "make_directory",
    "mode_of",
    "read_rest",
    "read_small",
    "replace",
    "write_all",
    "write_file",
    "write_whole",
]

#: Whether files have owners and modes that mean something.
POSIX = hasattr(os, "getuid")

# NONBLOCK: opening a FIFO must not hang. NOFOLLOW: an entry is never a symlink.
_COMMON = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _COMMON
#: For listing, which must not make entries look used.
PEEK_FLAGS = READ_FLAGS | getattr(os, "O_NOATIME", 0)
WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON
APPEND_FLAGS = os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | _COMMON
#: Files below are read without asking for their size.
_SMALL = 16384
#: Seconds to wait between attempts to rename, where others' reading stands in the way (Windows).
_PAUSES = (0.01, 0.05, 0.2)


def _pick_file_clock() -> Callable[[], int]:
    # freezegun replaces time.time_ns everywhere.
    if hasattr(time, "clock_gettime_ns"):
        return partial(time.clock_gettime_ns, time.CLOCK_REALTIME)
    return time.time_ns


#: The nanoseconds since the epoch by the clock that dates files, which is not that of a cache.
file_time: Callable[[], int] = _pick_file_clock()


def full_path(path: str | os.PathLike[str], what: str) -> str:
    """Return a path that a user gave, absolute and without ``~``; ConfigurationError for what is none."""
    text = os.fspath(path) if hasattr(path, "__fspath__") else path
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigurationError(f"path={path!r}: give the {what} as text that is not empty, or as a Path")
    return os.path.abspath(os.path.expanduser(text))


def mode_of(path: str) -> int:
    """Return the mode of what lies at a path, 0 if that cannot be seen."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def is_directory(path: str) -> bool:
    """Tell whether a directory, and not a link to one, lies at a path."""
    return stat.S_ISDIR(mode_of(path))


def read_small(fd: int) -> bytes:
    """Return the bytes of a small file; nothing if it is not small, is empty, or is no file that can be read.

    Costs a hit less than asking for the kind and the size of the file. A file gives less than is asked for only at its
    end. So does a pipe that somebody filled, whose bytes are verified like all others.
    """
    try:
        data = os.read(fd, _SMALL)
        if len(data) < _SMALL:
            return data
        os.lseek(fd, 0, os.SEEK_SET)
    except (IsADirectoryError, BlockingIOError):  # the second: an empty pipe
        pass
    return b""


def read_rest(fd: int, size: int) -> Blob:
    """Read a whole file into memory of our own; shorter than ``size`` if it was cut meanwhile."""
    if size < LARGE:
        data = os.read(fd, size)
        while len(data) < size and (more := os.read(fd, size - len(data))):
            data += more
        return data
    view = fresh_memory(size)  # it becomes the arrays' own, so that nothing is copied again
    file = io.FileIO(fd, closefd=False)  # unlike os.readv, also on Windows
    done = 0
    while done < size and (count := file.readinto(view[done:])):
        done += count
    return view[:done]


def write_all(fd: int, chunks: Iterable[Blob]) -> None:
    """Write every byte of every chunk."""
    for chunk in chunks:
        write_whole(fd, chunk, byte_count(chunk))


def byte_count(chunk: Blob) -> int:
    """Return how many bytes a chunk has, whatever its items are."""
    return len(chunk) if type(chunk) is bytes else memoryview(chunk).nbytes


def write_whole(fd: int, chunk: Blob, count: int) -> None:
    """Write a chunk of so many bytes; a short write (disk nearly full, signals) is written on."""
    done = os.write(fd, chunk)
    if done < count:
        rest = memoryview(chunk).cast("B")[done:]
        while rest:
            rest = rest[os.write(fd, rest) :]


def close(fd: int) -> None:
    """Close a descriptor; what was interrupted is closed all the same."""
    try:  # noqa: SIM105  suppress() would cost every hit more than the close
        os.close(fd)
    except InterruptedError:
        pass


def replace(source: str, target: str, dir_fd: int | None) -> None:
    """Rename into place; where a file that others have open can't be replaced, try a few times."""
    for pause in () if POSIX else _PAUSES:
        with suppress(PermissionError):
            os.replace(source, target, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
            return
        time.sleep(pause)
    os.replace(source, target, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)


def write_file(path: str, text: str) -> None:
    """Write a small text file, mode 0600, unless something of that name is there."""
    try:
        fd = os.open(path, WRITE_FLAGS, 0o600)
    except FileExistsError:
        return
    try:
        keep_private(fd)
        write_all(fd, [text.encode()])
    finally:
        close(fd)


def keep_private(fd: int) -> None:
    """Give a file that was just made mode 0600, whatever the umask took away."""
    if POSIX:
        os.fchmod(fd, 0o600)


def make_directory(path: str, dir_fd: int | None = None) -> None:
    """Make one directory with mode 0700, whatever the umask, unless it is there."""
    try:
        os.mkdir(path, 0o700, dir_fd=dir_fd)
    except FileExistsError:
        return
    if os.chmod in os.supports_dir_fd or dir_fd is None:
        os.chmod(path, 0o700, dir_fd=dir_fd)


def make_directories(path: str) -> None:
    """Make a directory and those above it that are missing, each with mode 0700, where os.makedirs asks the umask."""
    parent = os.path.dirname(path)
    if parent != path and not os.path.isdir(parent):
        make_directories(parent)
    make_directory(path)
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
