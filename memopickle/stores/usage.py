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
from itertools import chain
from struct import Struct, error, pack

from memopickle.files import APPEND_FLAGS, close, write_all
from memopickle.folders import remove_file
from memopickle.replacing import replace_file
from memopickle.stores.layout import USAGE
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["SLICES", "Change", "Usage", "append"]

SLICES = 256

_ORDER, _FIELDS = "<", "BBxxiq"
#: A Change.
_RECORD = Struct(_ORDER + _FIELDS)
#: Followed by random bytes: they tell that the file was rewritten.
_MAGIC = b"mpkuse1\0"
_HEADER_SIZE = 16
#: Bytes from which on the file is rewritten with one record for each slice.
_LONG = 65536
#: Bytes that are read at once; what is longer, after a process without a limit stored much, is read on by later calls.
_MOST = 1 << 18
#: Bytes from which on nobody reads what is new, but counts everything again: the file may be somebody's joke.
_TOO_LONG = 1 << 24
_LIMITS = range(-(1 << 31), 1 << 31), range(-(1 << 62), 1 << 62)


#: A slice, False, and the entries and bytes that came to it; or True, and those that were counted in it.
Change = tuple[int, bool, int, int]


class Usage:
    """What one process knows of the usage of a directory; not safe between threads."""

    #: How often this process made an account, of whatever directory: a directory without one may have one now.
    made: int = 0

    def __init__(self, root: str) -> None:
        self._path = f"{root}/{USAGE}"
        self._forget()

    def _forget(self) -> None:
        self._header = b""
        self._offset = 0
        #: What each slice holds, None where nobody counted it yet.
        self._cells: list[tuple[int, int] | None] = [None] * SLICES
        self._known = self._entries = self._bytes = 0
        #: Whether others appended more than was read yet.
        self.behind: bool = False

    @property
    def complete(self) -> bool:
        """Whether every slice was counted once."""
        return self._known == SLICES

    @property
    def total(self) -> tuple[int, int]:
        """Entries and bytes; while slices are unknown, they are taken to be like the known ones."""
        if self._known == SLICES:
            return max(self._entries, 0), max(self._bytes, 0)
        known = self._known or 1
        return max(self._entries * SLICES // known, 0), max(self._bytes * SLICES // known, 0)

    def cell(self, slice_: int) -> tuple[int, int] | None:
        """Return entries and bytes of a slice, None if they are not known."""
        return self._cells[slice_]

    def update(self, changes: Sequence[Change] = (), *, make: bool = True) -> None:
        """Append changes, and take in what others appended; without ``make`` only if the file is there. OSError."""
        if self._exchange(changes) or not make:
            return
        self._rewrite()
        self._exchange(changes)

    def _exchange(self, changes: Sequence[Change]) -> bool:
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
            data = _pack(changes)
            write_all(fd, [data])
            usable = self._read_on(fd, changes, len(data))
        finally:
            close(fd)
        if not usable:
            self._forget()
        if not usable or (self._offset > _LONG and not self.behind):
            with suppress(FileNotFoundError):  # the directory was deleted
                self._rewrite()
        return True

    def _is_same(self, fd: int) -> bool:
        """See whether the file was rewritten, and begin anew then; False if it is damaged."""
        header = os.read(fd, _HEADER_SIZE)
        if header != self._header:
            self._forget()
            self._header, self._offset = header, _HEADER_SIZE
        return len(header) == _HEADER_SIZE and header.startswith(_MAGIC)

    def _read_on(self, fd: int, appended: Sequence[Change], size: int) -> bool:
        """Take in what is new, of which these changes are ``size`` bytes; False if that can't be."""
        new = os.lseek(fd, 0, os.SEEK_END) - self._offset
        if not 0 <= new <= _TOO_LONG:
            return False
        if new == size:  # nobody else appended
            self._take_in(appended)
        else:
            os.lseek(fd, self._offset, os.SEEK_SET)
            data = os.read(fd, min(new, _MOST))
            size = len(data)
            if size % _RECORD.size:  # cut, by a full disk: what follows would be read askew
                return False
            self._take_in(_RECORD.iter_unpack(data))
        self._offset += size
        self.behind = new > _MOST
        return True

    def _take_in(self, changes: Iterable[tuple[int, int, int, int]]) -> None:
        cells = self._cells  # in one loop: each store near a limit is two records
        more_entries = more_bytes = 0
        for slice_, counted, entries, size in changes:
            known = cells[slice_]
            if counted:
                self._known += known is None
                before = known or (0, 0)
                cells[slice_] = entries, size
                more_entries += entries - before[0]
                more_bytes += size - before[1]
            elif known:
                cells[slice_] = known[0] + entries, known[1] + size
                more_entries += entries
                more_bytes += size
        self._entries += more_entries
        self._bytes += more_bytes

    def _rewrite(self) -> None:
        header = _MAGIC + os.urandom(_HEADER_SIZE - len(_MAGIC))
        known = ((number, cell) for number, cell in enumerate(self._cells) if cell is not None)
        data = header + _pack([(number, True, *cell) for number, cell in known])
        replace_file(self._path, [data], prefix=USAGE)
        Usage.made += 1
        self._header, self._offset = header, len(data)


def append(root: str, changes: Sequence[Change]) -> None:
    """Append changes for those that keep account, without reading theirs; OSError."""
    path = f"{root}/{USAGE}"
    fd = os.open(path, APPEND_FLAGS | os.O_WRONLY)
    try:
        write_all(fd, [_pack(changes)])
        too_long = os.lseek(fd, 0, os.SEEK_CUR) > _TOO_LONG
    finally:
        close(fd)
    if too_long:  # nobody who has a limit came by for a million stores
        remove_file(path)


def _pack(changes: Sequence[Change]) -> bytes:
    try:
        return pack(_ORDER + _FIELDS * len(changes), *chain.from_iterable(changes))
    except error:
        return b"".join(map(_pack_within, changes))


def _pack_within(change: Change) -> bytes:
    """Keep forged or damaged numbers, which add up, within what a record can hold."""
    slice_, counted, *numbers = change
    entries, size = (
        min(max(number, limits.start), limits.stop - 1) for number, limits in zip(numbers, _LIMITS, strict=True)
    )
    return _RECORD.pack(slice_, counted, entries, size)
