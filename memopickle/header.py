"""The fixed part of an entry, and what is signed along with a value. docs/reference/entry-format.md is the book.

=====  ====  ==================================================================
bytes  type  field (little-endian)
=====  ====  ==================================================================
0-3    4s    magic, ``mpkl``
4-5    u16   format, 2
6      u8    kind: 0 a returned value, 1 an exception, 2 a snapshot, 3 a signed value
7      u8    compression: 0 none, 1 zlib, 2 lzma, 3 lz4, 4 zstd
8-15   8s    key id: which secret and algorithm signed; an untrusted hint
16-23  i64   created, microseconds since the epoch
24-31  i64   expires, microseconds since the epoch, 2**63-1 = never: ttl and stale window as they were when storing
32-39  i64   cost, nanoseconds that computing the value took
40-55  16s   first half of the digest of the function's code, zeros where code is not tracked
56-59  u32   length M of the metadata
60-63  u32   number B of buffers
64-71  u64   length S of the stream as it is stored
72-79  u64   length of the stream uncompressed; S if it is stored as it is
80-87  i64   ttl, microseconds, 2**63-1 = for ever; as it was when storing
=====  ====  ==================================================================
"""

from __future__ import annotations

import struct

from memopickle.errors import UnknownFormatError
from memopickle.expiry import NEVER
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from memopickle.typed import Blob

__all__ = [
    "ALGORITHMS",
    "CODE_SIZE",
    "EXCEPTION",
    "FORMAT",
    "HEADER",
    "PREFIX_SIZE",
    "SIGNED",
    "SNAPSHOT",
    "VALUE",
    "Facts",
    "Header",
    "check_format",
    "format_of",
    "pack_header",
    "prefix",
    "read_header",
    "read_metadata",
]

MAGIC = b"mpkl"
FORMAT = 2
CODE_SIZE = 16
#: What a stream or buffer may be compressed with, in the order of its numbers.
ALGORITHMS = (None, "zlib", "lzma", "lz4", "zstd")
#: What an entry holds. A reader takes only the kinds that it asks for.
VALUE, EXCEPTION, SNAPSHOT, SIGNED = range(4)

#: Magic, format, kind and compression: compared as a whole, and taken apart only to say what is wrong.
_PREFIX = struct.Struct("<4sHBB")
PREFIX_SIZE = _PREFIX.size
HEADER = struct.Struct("<8s8sqqq16sIIQQq")


class Header(NamedTuple):
    """The fixed part, as it stands in the bytes; not verified."""

    prefix: bytes
    key_id: bytes
    created: int
    expires: int
    cost: int
    code: bytes
    metadata_size: int
    buffer_count: int
    stream_size: int
    raw_stream_size: int
    ttl: int

    @property
    def kind(self) -> int:
        return self.prefix[6]

    @property
    def compression(self) -> int:
        return self.prefix[7]


class Facts(NamedTuple):
    """What is signed along with a value; times as in the header, ``metadata`` as JSON."""

    created: int
    expires: int = NEVER
    cost: int = 0
    code: bytes = b"\0" * CODE_SIZE
    metadata: bytes = b"{}"
    ttl: int = NEVER
    kind: int = VALUE


def prefix(kind: int = VALUE, compression: int = 0) -> bytes:
    """Return the first bytes of the entries of a kind and compression."""
    return _PREFIX.pack(MAGIC, FORMAT, kind, compression)


def pack_header(
    key_id: bytes,
    facts: Facts,
    buffer_count: int,
    stream_size: int,
    raw_stream_size: int | None = None,
    start: bytes | None = None,
) -> bytes:
    """Return the fixed part of an entry; ``start`` is its :func:`prefix`, that of a plain value if not given."""
    return HEADER.pack(
        start or prefix(), key_id, facts.created, facts.expires, facts.cost, facts.code, len(facts.metadata),
        buffer_count, stream_size, stream_size if raw_stream_size is None else raw_stream_size, facts.ttl,
    )  # fmt: skip


def read_header(data: Blob) -> Header:
    """Return the header of entry bytes, unverified; UnknownFormatError if they are not an entry of this format."""
    check_format(data)
    return Header(*HEADER.unpack_from(data))


def format_of(data: Blob) -> int | None:
    """Return the number of the entry format that bytes begin with, unverified; None for what is no entry."""
    magic, found, _, _ = _PREFIX.unpack_from(data) if len(data) >= PREFIX_SIZE else (b"", 0, 0, 0)
    return found if magic == MAGIC else None


def check_format(data: Blob) -> None:
    """Raise UnknownFormatError unless the bytes begin as an entry of this format does."""
    if len(data) < HEADER.size:
        raise UnknownFormatError(f"only {len(data)} bytes, which is no entry")
    found = format_of(data)
    if found is None:
        raise UnknownFormatError("this is not an entry")
    if found != FORMAT:
        raise UnknownFormatError(f"entry format {found}; this version reads format {FORMAT}")


def read_metadata(data: Blob) -> dict[str, Any]:
    """Return the metadata of entry bytes, unverified, or ``{}`` where there is none to read."""
    import json  # not needed for a hit

    try:
        size = read_header(data).metadata_size
        found = json.loads(bytes(data[HEADER.size : HEADER.size + size]))
    except (ValueError, RecursionError, UnknownFormatError):
        return {}
    return found if isinstance(found, dict) else {}
