"""The file that statistics are kept in: lines of sums that processes append, now and then summed up.

The first line says what it is; each further one adds to the sums of a function, with tabs between its fields. A
process appends under a lock of the file itself (``flock``, which ends with the process that holds it), in one write
where the system lets it. What is killed in between leaves a line that can't be read, and is skipped. A file that grew
too long is replaced by one with a line for each function, under the same lock: whoever waited for it finds that its
path leads to another file, and opens that.

Nothing here is signed, or believed for more than being shown.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
import time
from contextlib import suppress

from memopickle.files import READ_FLAGS, WRITE_FLAGS, close, keep_private, replace, write_all
from memopickle.locks import real_clock
from memopickle.notices import warn_once
from memopickle.stores.layout import FUNCTION
from memopickle.tally import NUMBERS, Sums, merge
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Table = dict[str, tuple[str, Sums]]

__all__ = ["append", "read"]

_HEADER = b"# memopickle statistics 1\n"
#: Bytes from which on the file is summed up, and at most left in it then: the functions last used.
_LONG, _SHORT = 1 << 19, 1 << 18
#: No more is ever read: the file may be somebody's joke.
_MOST = 1 << 21
_NAME = 300  # characters
_DIGITS = 18
_END = "."  # tells that a line was not cut
_POLL = 0.002
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | (READ_FLAGS & ~os.O_RDONLY)


def append(path: str, table: Mapping[str, tuple[str, Sums]], patience: float) -> None:
    """Add sums, by function part, to a file that is made if need be, in a directory that exists.

    Raises OSError, also if another process holds the file for more than ``patience`` seconds.
    """
    fd = _open_locked(path, patience)
    try:
        size = os.fstat(fd).st_size
        usable = not size or _begins_well(fd)
        if size > _LONG or not usable:
            _sum_up(fd, path, table, usable)
        else:
            if not size:
                keep_private(fd)
            write_all(fd, [_start(fd, size) + _lines(table)])
    finally:
        _unlock(fd)


def read(path: str) -> Table:
    """Return the sums in a file by function part, with the functions' names; of what is no such file, nothing."""
    try:
        fd = os.open(path, READ_FLAGS)
    except OSError:
        return {}
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return {}
        return _parse(_content(fd))
    except OSError:
        return {}
    finally:
        close(fd)


def _open_locked(path: str, patience: float) -> int:
    deadline = real_clock() + patience
    while True:
        fd = os.open(path, _FLAGS, 0o600)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            while not _lock(fd):
                if real_clock() >= deadline:
                    raise OSError(errno.EAGAIN, "another process holds it", path)
                time.sleep(_POLL)
            if os.path.samestat(found, os.lstat(path)):  # else it was replaced while we waited
                return fd
        except FileNotFoundError:  # removed while we waited
            pass
        except BaseException:
            close(fd)
            raise
        _unlock(fd)


def _lock(fd: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: at worst a line is lost while the file is being summed up
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(fd: int) -> None:
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_UN)  # a child forked meanwhile has the descriptor too, and would keep the lock
    close(fd)


def _begins_well(fd: int) -> bool:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, len(_HEADER)) == _HEADER


def _start(fd: int, size: int) -> bytes:
    """Return what goes before a new line: nothing, unless a writer that was killed left half a line, or a new file."""
    if not size:
        return _HEADER
    os.lseek(fd, -1, os.SEEK_END)
    return b"" if os.read(fd, 1) == b"\n" else b"\n"


def _sum_up(fd: int, path: str, table: Mapping[str, tuple[str, Sums]], usable: bool) -> None:
    if not usable:
        warn_once(("statistics", path), f"the statistics in {path} can't be read, and begin anew")
    sums = _parse(_content(fd)) if usable else {}
    for part, (name, more) in table.items():
        merge(sums, part, name, more)
    temporary = f"{path}.tmp"
    with suppress(FileNotFoundError):
        os.unlink(temporary)  # of one who was killed here
    new = os.open(temporary, WRITE_FLAGS, 0o600)
    try:
        keep_private(new)
        write_all(new, [_HEADER, _lines(_latest(sums))])
    finally:
        close(new)
    replace(temporary, path, None)


def _latest(sums: Table) -> Table:
    """Return the functions last used, as many as there is room for."""
    kept: Table = {}
    room = _SHORT
    for part, found in sorted(sums.items(), key=lambda item: -item[1][1].last):
        room -= len(_lines({part: found}))
        if room < 0:
            break
        kept[part] = found
    return kept


def _content(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    chunks, left = [], _MOST
    while left and (chunk := os.read(fd, left)):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _lines(table: Mapping[str, tuple[str, Sums]]) -> bytes:
    return b"".join(_line(part, name, sums) for part, (name, sums) in table.items())


def _line(part: str, name: str, sums: Sums) -> bytes:
    numbers = (sums.first, sums.last, *(getattr(sums, field) for field in NUMBERS))
    reasons = ",".join(f"{reason}={_bounded(count)}" for reason, count in sums.reasons.items())
    escaped = codecs.unicode_escape_encode(name[:_NAME])[0].decode()  # by name, a codec would have to be imported
    return "\t".join([part, *map(_bounded, numbers), reasons, escaped, _END]).encode() + b"\n"


def _bounded(number: int) -> str:
    return str(min(max(number, 0), 10**_DIGITS - 1))


def _parse(data: bytes) -> Table:
    found: Table = {}
    if data.startswith(_HEADER):
        for line in data[len(_HEADER) :].split(b"\n"):
            with suppress(ValueError):  # cut, or by another's hand
                part, name, sums = _parsed(line)
                merge(found, part, name, sums)
    return found


def _parsed(line: bytes) -> tuple[str, str, Sums]:
    part, first, last, *numbers, reasons, name, end = line.decode("ascii").split("\t")
    name = name.encode().decode("unicode_escape")
    if not FUNCTION.fullmatch(part) or len(numbers) != len(NUMBERS) or end != _END:
        raise ValueError(line)
    if len(name) > _NAME or not name.isprintable():  # what a terminal would obey is not for showing
        raise ValueError(name)
    sums = Sums()
    sums.first, sums.last = _number(first), _number(last)
    for field, text in zip(NUMBERS, numbers, strict=True):
        setattr(sums, field, _number(text))
    for reason, text in _pairs(reasons):
        sums.missed(reason, _number(text))
    return part, name, sums


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for pair in text.split(",") if text else ():
        reason, _, count = pair.partition("=")
        if not reason.isprintable():
            raise ValueError(reason)
        yield reason, count


def _number(text: str) -> int:
    if not text.isdigit() or len(text) > _DIGITS:
        raise ValueError(text)
    return int(text)
