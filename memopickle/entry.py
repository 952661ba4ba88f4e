"""One stored entry: a fixed header, metadata, the serialized stream, a table of buffers, a MAC, and the buffers.

After the header (:mod:`memopickle.header`) come M bytes of metadata (JSON, UTF-8), S bytes of stream, B rows (length
as stored u64, length uncompressed u64, flags u32, keyed digest of what is stored 32 bytes), the MAC (32 bytes), and
each buffer, preceded by zeros up to a multiple of 64 from the entry's beginning. Nothing follows. The MAC covers the
context (purpose, namespace, serializer), the store key, and every byte before it, so that neither can be exchanged;
through the table it covers the buffers. A stream or buffer whose two lengths are equal is stored as it is, any other
is compressed by the algorithm that the header names and that the reader expects.
"""

from __future__ import annotations

from memopickle.errors import BadPayloadError
from memopickle.header import HEADER, Facts, Header
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.buffers import Stored
    from memopickle.codec import Codec
    from memopickle.typed import Blob

__all__ = ["Entry"]


class Entry:
    """A verified entry, not yet unpickled. It keeps what was read and cuts out of it what is asked for."""

    __slots__ = ("_codec", "_data", "_header", "_stored", "code", "created", "raises")

    def __init__(
        self, header: tuple[Any, ...], data: Blob, stored: Sequence[Stored], codec: Codec, raises: bool
    ) -> None:
        self._header = header
        self.created: int = header[2]
        self.code: bytes = header[5]
        self._data = data
        self._stored = stored
        self._codec = codec
        #: Whether it is an exception, not a value.
        self.raises: bool = raises

    @property
    def header(self) -> Header:
        return Header(*self._header)

    @property
    def expires(self) -> int:
        expires: int = self._header[3]
        return expires

    @property
    def cost(self) -> int:
        cost: int = self._header[4]
        return cost

    @property
    def facts(self) -> Facts:
        """What was signed along with the value."""
        metadata = bytes(self.metadata)
        return Facts(self.created, self.expires, self.cost, self.code, metadata, self.ttl, self._header[0][6])

    @property
    def ttl(self) -> int:
        """The ttl when it was stored, microseconds."""
        ttl: int = self._header[10]
        return ttl

    @property
    def metadata(self) -> Blob:
        return self._data[HEADER.size : HEADER.size + self._header[6]]

    @property
    def stream(self) -> Blob:
        """The stream as it is stored."""
        start = HEADER.size + self._header[6]
        return self._data[start : start + self._header[8]]

    @property
    def buffers(self) -> list[memoryview]:
        """The buffers as they are stored."""
        return [stored.data for stored in self._stored]

    def value(self) -> Any:
        """Unpickle the value; BadPayloadError, with the reason, if it can't be made any more."""
        _, _, _, _, _, _, metadata, _, size, raw_size, _ = self._header
        start = HEADER.size + metadata
        stream = self._data[start : start + size]
        try:
            if size == raw_size and not self._stored:
                return self._codec.loads(stream)
            return self._codec.load(stream, raw_size, self._stored)
        except BadPayloadError:
            raise
        except Exception as error:
            raise BadPayloadError(f"cannot be loaded ({type(error).__name__}: {error})") from error
