"""One stored entry: a fixed header, metadata, the pickled stream, a table of buffers, a MAC, and the buffers.

=====  ====  ==================================================================
bytes  type  field (little-endian)
=====  ====  ==================================================================
0-3    4s    magic, ``mpkl``
4-5    u16   format, 1
6-7    u16   kind, 0 = a returned value
8-15   8s    key id: which secret and algorithm signed; an untrusted hint
16-23  i64   created, microseconds since the epoch
24-31  i64   expires, microseconds since the epoch, 2**63-1 = never; the ttl as it was when storing
32-39  i64   cost, nanoseconds that computing the value took
40-55  16s   first half of the digest of the function's code, zeros where code is not tracked
56-59  u32   length M of the metadata
60-63  u32   number B of buffers
64-71  u64   length S of the stream
=====  ====  ==================================================================

then M bytes of metadata (JSON, UTF-8), S bytes of stream, B times a length (u64) and a keyed digest (32 bytes),
the MAC (32 bytes), and each buffer, preceded by zeros up to a multiple of 64 from the entry's beginning. Nothing
follows. The MAC covers the context (purpose, namespace, serializer), the store key, and every byte before it, so
that neither can be exchanged; through the table it covers the buffers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.errors import BadPayloadError, BadSignatureError, UnknownFormatError
from memopickle.expiry import NEVER
from memopickle.signing import MAC_SIZE, Mac, Signer, frame, same_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memopickle.serializers import Serializer

    Blob = bytes | bytearray | memoryview

__all__ = [
    "CODE_SIZE",
    "FORMAT",
    "HEADER",
    "Codec",
    "Entry",
    "Facts",
    "Header",
    "pack_header",
    "read_header",
    "read_metadata",
]

MAGIC = b"mpkl"
FORMAT = 1
ALIGNMENT = 64
CODE_SIZE = 16
HEADER = struct.Struct("<4sHH8sqqq16sIIQ")
_ROW = struct.Struct("<Q32s")


class Header(NamedTuple):
    """The fixed part, as it stands in the bytes; not verified."""

    magic: bytes
    format: int
    kind: int
    key_id: bytes
    created: int
    expires: int
    cost: int
    code: bytes
    metadata_size: int
    buffer_count: int
    stream_size: int


class Facts(NamedTuple):
    """What is signed along with a value; times as in the header, ``metadata`` as JSON."""

    created: int
    expires: int = NEVER
    cost: int = 0
    code: bytes = b"\0" * CODE_SIZE
    metadata: bytes = b"{}"


class Entry:
    """A verified entry, not yet unpickled. It keeps what was read and cuts out of it what is asked for."""

    __slots__ = ("_data", "_header", "_serializer", "buffers")

    def __init__(
        self, header: tuple[Any, ...], data: memoryview, buffers: Sequence[memoryview], serializer: Serializer
    ) -> None:
        self._header = header
        self._data = data
        self._serializer = serializer
        self.buffers = buffers

    @property
    def created(self) -> int:
        created: int = self._header[4]
        return created

    @property
    def expires(self) -> int:
        expires: int = self._header[5]
        return expires

    @property
    def cost(self) -> int:
        cost: int = self._header[6]
        return cost

    @property
    def code(self) -> bytes:
        code: bytes = self._header[7]
        return code

    @property
    def metadata(self) -> memoryview:
        return self._data[HEADER.size : HEADER.size + self._header[8]]

    @property
    def stream(self) -> memoryview:
        start = HEADER.size + self._header[8]
        return self._data[start : start + self._header[10]]

    def value(self) -> Any:
        """Unpickle the value; BadPayloadError, with the reason, if it can't be made any more."""
        try:
            return self._serializer.decode(self.stream, list(map(_writable, self.buffers)))
        except BadPayloadError:
            raise
        except Exception as error:
            raise BadPayloadError(f"cannot be loaded ({type(error).__name__}: {error})") from error


class Codec:
    """Encodes and decodes the entries of one namespace and serializer, with one set of secrets.

    Safe to share between threads. The algorithm is the signers', never the entry's choice.
    """

    def __init__(
        self, signers: Sequence[Signer], namespace: str, serializer: Serializer, purpose: str = "cache"
    ) -> None:
        context = frame(purpose.encode(), namespace.encode("utf-8", "surrogatepass"), serializer.name.encode())
        macs = [signer.bind(context) for signer in signers]
        self._signing = macs[0]
        # The first wins where a secret is listed twice; dict() keeps the last of equal keys.
        self._by_key_id: dict[bytes, Mac] = {mac.key_id: mac for mac in reversed(macs)}
        self._serializer = serializer

    def encode(self, key: str, value: Any, facts: Facts) -> list[Blob]:
        """Return the entry in pieces, to be written one after the other without joining them."""
        stream, buffers = self._serializer.encode(value)
        table = b"".join(_ROW.pack(buffer.nbytes, self._signing.digest(buffer)) for buffer in buffers)
        header = pack_header(self._signing.key_id, facts, len(buffers), len(stream))
        head = b"".join((header, facts.metadata, stream, table))
        head += self._signing.mac(_framed_key(key), head)
        return [head, *_aligned(len(head), buffers)]

    def decode(self, key: str, data: Blob) -> Entry:
        """Verify everything and return the entry.

        Raises UnknownFormatError or BadSignatureError; nothing of the payload has been parsed then.
        """
        header = _unpack(data)
        mac = self._by_key_id.get(header[3])
        if mac is None:
            raise BadSignatureError("unknown secret: it was signed with one that is not configured here")
        stream_end = HEADER.size + header[8] + header[10]
        table_end = stream_end + header[9] * _ROW.size
        end = table_end + MAC_SIZE
        if end > len(data):
            raise BadSignatureError("the entry is cut short")
        view = memoryview(data)
        if not same_digest(mac.mac(_framed_key(key), view[:table_end]), bytes(view[table_end:end])):
            raise BadSignatureError("the signature does not match")
        buffers = _check_buffers(view, end, view[stream_end:table_end], mac)
        return Entry(header, view, buffers, self._serializer)


def pack_header(key_id: bytes, facts: Facts, buffer_count: int, stream_size: int) -> bytes:
    """Return the fixed part of an entry."""
    return HEADER.pack(
        MAGIC, FORMAT, 0, key_id, facts.created, facts.expires, facts.cost, facts.code,
        len(facts.metadata), buffer_count, stream_size,
    )  # fmt: skip


def read_header(data: Blob) -> Header:
    """Return the header of entry bytes, unverified; UnknownFormatError if they are not an entry."""
    return Header(*_unpack(data))


def read_metadata(data: Blob) -> dict[str, Any]:
    """Return the metadata of entry bytes, unverified, or ``{}`` where there is none to read."""
    import json  # not needed for a hit

    try:
        size = _unpack(data)[8]
        found = json.loads(bytes(data[HEADER.size : HEADER.size + size]))
    except (ValueError, RecursionError, UnknownFormatError):
        return {}
    return found if isinstance(found, dict) else {}


def _unpack(data: Blob) -> tuple[Any, ...]:
    if len(data) < HEADER.size:
        raise UnknownFormatError(f"only {len(data)} bytes, which is no entry")
    header = HEADER.unpack_from(data)
    if header[0] != MAGIC or header[2] != 0:
        raise UnknownFormatError("this is not an entry")
    if header[1] != FORMAT:
        raise UnknownFormatError(f"entry format {header[1]}; this version reads format {FORMAT}")
    return header


def _framed_key(key: str) -> bytes:
    raw = key.encode("ascii")
    return len(raw).to_bytes(8, "little") + raw


def _writable(buffer: memoryview) -> memoryview:
    # The caller may change the arrays that he gets. What was read-only when stored, pickle makes read-only again.
    return memoryview(bytearray(buffer)) if buffer.readonly else buffer


def _padding(position: int) -> int:
    return -position % ALIGNMENT


def _aligned(position: int, buffers: Sequence[memoryview]) -> Iterator[Blob]:
    for buffer in buffers:
        padding = _padding(position)
        if padding:
            yield b"\0" * padding
        yield buffer
        position += padding + buffer.nbytes


def _check_buffers(view: memoryview, position: int, table: memoryview, mac: Mac) -> Sequence[memoryview]:
    """Verify each buffer against the (already verified) table, and that nothing else is there."""
    buffers = []
    for size, digest in _ROW.iter_unpack(table):
        start = position + _padding(position)
        buffer = view[start : start + size]
        if buffer.nbytes != size:
            raise BadSignatureError("the entry is cut short")
        if any(view[position:start]) or not same_digest(mac.digest(buffer), digest):
            raise BadSignatureError("a buffer does not match its signed digest")
        buffers.append(buffer)
        position = start + size
    if position != len(view):
        raise BadSignatureError("bytes follow the end of the entry")
    return buffers
