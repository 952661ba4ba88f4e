"""Reading and writing single files: private memory, whole or not at all."""

from __future__ import annotations

import errno
import io
import mmap
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memopickle.stores.base import Blob

__all__ = [
    "POSIX",
    "READ_FLAGS",
    "WRITE_FLAGS",
    "close",
    "keep_private",
    "make_directories",
    "make_directory",
    "read_rest",
    "replace",
    "write_all",
    "write_file",
]

#: Whether files have owners and modes that mean something.
POSIX = hasattr(os, "getuid")

# NONBLOCK: opening a FIFO must not hang. NOFOLLOW: an entry is never a symlink.
_COMMON = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _COMMON
WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON
#: Below, bytes are cheaper; above, memory that becomes the arrays' own, so that nothing is copied again.
_LARGE = 65536
#: Seconds to wait between attempts to rename, where others' reading stands in the way (Windows).
_PAUSES = (0.01, 0.05, 0.2)


def read_rest(fd: int, size: int) -> Blob:
    """Read a whole file into memory of our own; shorter than ``size`` if it was cut meanwhile."""
    if size < _LARGE:
        data = os.read(fd, size)
        while len(data) < size and (more := os.read(fd, size - len(data))):
            data += more
        return data
    view = _private_memory(size)
    file = io.FileIO(fd, closefd=False)  # unlike os.readv, also on Windows
    done = 0
    while done < size and (count := file.readinto(view[done:])):
        done += count
    return view[:done]


def _private_memory(size: int) -> memoryview:
    # Anonymous pages come zeroed as they are touched, where bytearray(size) would write all of them first. Private:
    # by default such a mapping is shared with forked children, and with it the arrays that lie in it.
    if hasattr(mmap, "MAP_PRIVATE"):
        return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    return memoryview(bytearray(size))


def write_all(fd: int, chunks: Iterable[Blob]) -> None:
    """Write every byte; a short write (disk nearly full, signals) is written on."""
    for chunk in chunks:
        rest = memoryview(chunk).cast("B")
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
    if hasattr(os, "fchmod"):
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
