"""How much a cache directory with a limit holds: a file of records that all its processes append to.

The entries are divided into 256 slices by the first two digits of their arguments' digest. A record says either how
a slice changed or what it was found to hold when somebody counted it. Appending needs no lock. A record that is lost,
because a process was killed or the file rewritten meanwhile, is made good when its slice is counted again.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from struct import Struct

from memopickle.files import APPEND_FLAGS, WRITE_FLAGS, close, keep_private, replace, write_all
from memopickle.folders import remove_file
from memopickle.stores.layout import USAGE
from memopickle.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SLICES", "Change", "Usage", "append", "has_usage"]

SLICES = 256

#: Slice, whether it was counted, entries, bytes.
_RECORD = Struct("<BBxxiq")
#: Followed by random bytes: they tell that the file was rewritten.
_MAGIC = b"mpkuse1\0"
_HEADER_SIZE = 16
#: Bytes from which on the file is rewritten with one record for each slice.
_LONG = 65536
#: No more is ever read at once: the file may be somebody's joke.
_MOST = 1 << 20
_LIMITS = range(-(1 << 31), 1 << 31), range(-(1 << 62), 1 << 62)


class Change(NamedTuple):
    """Entries and bytes that came to a slice, or, where ``counted``, that are in it."""

    slice: int
    entries: int
    bytes: int
    counted: bool = False


class Usage:
    """What one process knows of the usage of a directory; not safe between threads."""

    def __init__(self, root: str) -> None:
        self._path = f"{root}/{USAGE}"
        self._forget()

    def _forget(self) -> None:
        self._header = b""
        self._offset = 0
        #: What each slice holds, None where nobody counted it yet.
        self._cells: list[tuple[int, int] | None] = [None] * SLICES
        self._known = self._entries = self._bytes = 0

    @property
    def complete(self) -> bool:
        """Whether every slice was counted once."""
        return self._known == SLICES

    @property
    def total(self) -> tuple[int, int]:
        """Entries and bytes; while slices are unknown, they are taken to be like the known ones."""
        known = self._known or 1
        return max(self._entries * SLICES // known, 0), max(self._bytes * SLICES // known, 0)

    def cell(self, slice_: int) -> tuple[int, int] | None:
        """Return entries and bytes of a slice, None if they are not known."""
        return self._cells[slice_]

    def update(self, changes: Iterable[Change] = (), *, make: bool = True) -> None:
        """Append changes, and take in what others appended; without ``make`` only if the file is there. OSError."""
        data = _pack(changes)
        if self._exchange(data) or not make:
            return
        self._rewrite()
        self._exchange(data)

    def _exchange(self, data: bytes) -> bool:
        """Append and read on; False if the file is not there, or unusable."""
        try:
            fd = os.open(self._path, APPEND_FLAGS | os.O_RDWR)
        except FileNotFoundError:
            self._forget()
            return False
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", self._path)
            if not self._is_same(fd):
                return False
            write_all(fd, [data])
            usable = self._read_on(fd)
        finally:
            close(fd)
        if not usable or self._offset > _LONG:
            with suppress(FileNotFoundError):  # the directory was deleted
                self._rewrite()
        return True

    def _is_same(self, fd: int) -> bool:
        """See whether the file was rewritten, and begin anew then; False if it is damaged."""
        os.lseek(fd, 0, os.SEEK_SET)
        header = os.read(fd, _HEADER_SIZE)
        if header != self._header:
            self._forget()
            self._header, self._offset = header, _HEADER_SIZE
        return len(header) == _HEADER_SIZE and header.startswith(_MAGIC)

    def _read_on(self, fd: int) -> bool:
        os.lseek(fd, self._offset, os.SEEK_SET)
        data = os.read(fd, _MOST)
        if len(data) % _RECORD.size:  # cut, by a full disk: what follows would be read askew
            self._forget()
            return False
        for slice_, counted, entries, size in _RECORD.iter_unpack(data):
            self._apply(slice_, counted, entries, size)
        self._offset += len(data)
        return True

    def _apply(self, slice_: int, counted: int, entries: int, size: int) -> None:
        known = self._cells[slice_]
        if known is None:
            if not counted:
                return
            self._known += 1
        before = known or (0, 0)
        after = (entries, size) if counted else (before[0] + entries, before[1] + size)
        self._cells[slice_] = after
        self._entries += after[0] - before[0]
        self._bytes += after[1] - before[1]

    def _rewrite(self) -> None:
        header = _MAGIC + os.urandom(_HEADER_SIZE - len(_MAGIC))
        known = ((number, cell) for number, cell in enumerate(self._cells) if cell is not None)
        data = header + _pack(Change(number, *cell, counted=True) for number, cell in known)
        temporary = f"{self._path}-{os.urandom(8).hex()}.tmp"
        fd = os.open(temporary, WRITE_FLAGS, 0o600)
        try:
            try:
                keep_private(fd)
                write_all(fd, [data])
            finally:
                close(fd)
            replace(temporary, self._path, None)
        except BaseException:
            remove_file(temporary)
            raise
        self._header, self._offset = header, len(data)


def has_usage(root: str) -> bool:
    """Tell whether somebody keeps account of this directory."""
    return os.access(f"{root}/{USAGE}", os.F_OK)


def append(root: str, changes: Iterable[Change]) -> None:
    """Append changes for those that keep account, without reading theirs; OSError."""
    fd = os.open(f"{root}/{USAGE}", APPEND_FLAGS | os.O_WRONLY)
    try:
        write_all(fd, [_pack(changes)])
    finally:
        close(fd)


def _pack(changes: Iterable[Change]) -> bytes:
    return b"".join(
        _RECORD.pack(change.slice, change.counted, _within(change.entries, 0), _within(change.bytes, 1))
        for change in changes
    )


def _within(number: int, kind: int) -> int:
    """Keep forged or damaged numbers, which add up, within what a record can hold."""
    limits = _LIMITS[kind]
    return min(max(number, limits.start), limits.stop - 1)
