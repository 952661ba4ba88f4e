"""Entries in open files: several one after another, each read once from its beginning to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from memopickle.buffers import ROW, Source, end_of
from memopickle.errors import BadSignatureError
from memopickle.header import HEADER, read_header
from memopickle.pages import fresh_memory
from memopickle.signing import MAC_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memopickle.typed import Blob

__all__ = ["Readable", "Writable", "read_entry", "write_pieces"]

#: What is read at a time while a length is only claimed: no memory is taken for what is not there.
_STEP = 1 << 20


class Readable(Protocol):
    """A file opened for reading bytes; with ``readinto``, as most have it, large buffers are read without a copy."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end of the file."""
        ...


class Writable(Protocol):
    """A file opened for writing bytes."""

    def write(self, data: Any, /) -> Any:
        """Write bytes; a raw file may write fewer, and returns how many."""
        ...


class _Rest(Source):
    """The buffers of an entry, which follow in the file: read once, in their order."""

    def __init__(self, file: Readable, position: int, size: int) -> None:
        self.size = size
        self._file = file
        self._position = position
        self._gap: Blob = b""

    def read(self, start: int, stop: int) -> memoryview:
        if start < self._position:  # the padding, which is asked for after the buffer behind it
            return memoryview(self._gap)
        self._gap = _claimed(self._file, start - self._position)
        self._position = stop
        return _expected(self._file, stop - start)


def read_entry(file: Readable, decode: Callable[[Blob, Source], Any]) -> Any:
    """Return what ``decode`` makes of the head of the next entry and what follows it; None at the end of the file.

    The file is left behind the entry, at its beginning or in it if an error is raised.
    """
    data = _claimed(file, HEADER.size)
    if not data:
        return None
    header = read_header(data)
    table = HEADER.size + header.metadata_size + header.stream_size
    end = table + header.buffer_count * ROW.size + MAC_SIZE
    data += _claimed(file, end - HEADER.size)
    size = end_of(end, memoryview(data)[table : end - MAC_SIZE]) if len(data) == end else end
    return decode(data, _Rest(file, end, size))


def write_pieces(file: Writable, pieces: Iterable[Blob]) -> None:
    """Write all pieces; what a raw file does not take at once is written on."""
    for piece in pieces:
        rest = memoryview(piece).cast("B")
        while rest:
            count = file.write(rest)
            rest = rest[count if isinstance(count, int) else len(rest) :]


def _claimed(file: Readable, size: int) -> bytearray:
    """Read as many bytes as are said to be there, or as there are."""
    data = bytearray()
    while len(data) < size and (more := file.read(min(size - len(data), _STEP))):
        data += more
    return data


def _expected(file: Readable, size: int) -> memoryview:
    """Read bytes whose number was verified, into memory that becomes the arrays' own."""
    view = _filled(file, size) if hasattr(file, "readinto") else memoryview(_claimed(file, size))
    if len(view) < size:
        raise BadSignatureError("the entry is cut short")
    return view


def _filled(file: Any, size: int) -> memoryview:
    view = fresh_memory(size)
    done = 0
    while done < size and (count := file.readinto(view[done:])):
        done += count
    return view[:done]
