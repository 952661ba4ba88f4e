"""The large parts of an entry: where they lie, and the signed table that says what each of them must be."""

from __future__ import annotations

import struct

from memopickle.errors import BadSignatureError
from memopickle.pages import copied
from memopickle.signing import Mac, same_digest
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memopickle.typed import Blob

__all__ = ["PLAIN", "ROW", "Part", "Source", "Stored", "aligned", "check_buffers", "end_of", "rows", "writable"]

_ALIGNMENT = 64
#: Length as stored, length uncompressed, flags, keyed digest of what is stored.
ROW = struct.Struct("<QQI32s")
#: A flag: the data of a NumPy array of bool, number or datetime dtype.
PLAIN = 1


class Source:
    """Where an entry lies: this one in memory, read as a whole; others may be mapped."""

    def __init__(self, data: Blob) -> None:
        self._view = memoryview(data)
        #: The length of the whole entry, in bytes.
        self.size: int = len(data)

    def read(self, start: int, stop: int) -> memoryview:
        """Return these bytes in memory of our own; fewer if there are fewer."""
        return self._view[start:stop]

    def mapped(self, start: int, stop: int) -> memoryview | None:
        """Return these bytes as they lie there, read-only and not verified; None where that can't be."""
        return None


class Part:
    """The stream or a buffer on its way into an entry, as it is stored."""

    __slots__ = ("flags", "pieces", "raw_size", "size")

    def __init__(self, pieces: Sequence[Blob], size: int, raw_size: int, flags: int = 0) -> None:
        self.pieces: Sequence[Blob] = pieces
        self.size: int = size
        self.raw_size: int = raw_size
        self.flags: int = flags


class Stored:
    """A buffer out of an entry, as it is stored; verified unless it is mapped."""

    __slots__ = ("data", "flags", "mapped", "raw_size")

    def __init__(self, data: memoryview, raw_size: int, flags: int, mapped: bool) -> None:
        self.data: memoryview = data
        self.raw_size: int = raw_size
        self.flags: int = flags
        self.mapped: bool = mapped


def rows(parts: Sequence[Part], mac: Mac) -> bytes:
    """Return the table of these buffers."""
    return b"".join(ROW.pack(part.size, part.raw_size, part.flags, mac.digest(*part.pieces)) for part in parts)


def aligned(position: int, parts: Sequence[Part]) -> Iterator[Blob]:
    """Give the buffers, each after the zeros that bring it to a multiple of 64."""
    for part in parts:
        padding = _padding(position)
        if padding:
            yield b"\0" * padding
        yield from part.pieces
        position += padding + part.size


def end_of(position: int, table: Blob) -> int:
    """Return where the last buffer of a (perhaps not verified) table would end."""
    for size, _, _, _ in ROW.iter_unpack(table):
        position += _padding(position) + size
    return position


def check_buffers(source: Source, position: int, table: Blob, mac: Mac) -> list[Stored]:
    """Verify each buffer that isn't mapped against the (already verified) table, and that nothing else is there."""
    found = []
    for size, raw_size, flags, digest in ROW.iter_unpack(table):
        start = position + _padding(position)
        stop = start + size
        if stop > source.size:
            raise BadSignatureError("the entry is cut short")
        mapped = source.mapped(start, stop) if flags & PLAIN and size == raw_size else None
        data = source.read(start, stop) if mapped is None else mapped
        if any(source.read(position, start)) or (mapped is None and not same_digest(mac.digest(data), digest)):
            raise BadSignatureError("a buffer does not match its signed digest")
        found.append(Stored(data, raw_size, flags, mapped is not None))
        position = stop
    if position != source.size:
        raise BadSignatureError("bytes follow the end of the entry")
    return found


def writable(buffer: Blob) -> memoryview:
    """Return a buffer that may be changed, the same one if it is."""
    # The caller may change the arrays that he gets. What was read-only when stored, pickle makes read-only again.
    view = memoryview(buffer)
    return copied(view) if view.readonly else view


def _padding(position: int) -> int:
    return -position % _ALIGNMENT
