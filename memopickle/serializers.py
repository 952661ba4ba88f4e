"""Turning results into bytes and back.

A serializer gives a stream and, for large contiguous memory such as NumPy arrays, buffers that are stored beside
the stream without having been copied into it (pickle protocol 5).
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PICKLE", "PickleSerializer", "Serializer"]

#: Fixed, so that what one supported Python writes every other can read.
PROTOCOL = 5
#: Smaller buffers stay in the stream: their own digest and alignment would cost more than the copy.
OUT_OF_BAND = 4096


class Serializer(Protocol):
    """What the entry format needs of a serializer. ``name`` is part of every key's variant and signed."""

    name: str

    def encode(self, value: Any) -> tuple[bytes, list[memoryview]]:
        """Return the stream and the buffers; raise whatever the value's own code raises if it can't be stored."""
        ...

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview]) -> Any:
        """Return the value; called only with bytes whose signature was verified."""
        ...


class PickleSerializer:
    """The default: pickle protocol 5, large buffers out of band."""

    name = "pickle"

    def encode(self, value: Any) -> tuple[bytes, list[memoryview]]:
        buffers: list[memoryview] = []

        def in_band(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < OUT_OF_BAND:
                return True
            buffers.append(raw)
            return False

        return pickle.dumps(value, PROTOCOL, buffer_callback=in_band), buffers

    def encode_whole(self, value: Any) -> bytes:
        """Return one stream that shares no memory with the value."""
        return pickle.dumps(value, PROTOCOL)

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> Any:
        return pickle.loads(stream, buffers=buffers)


PICKLE = PickleSerializer()
