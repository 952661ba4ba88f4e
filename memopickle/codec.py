"""Making entries of values, and verifying them before anything else is done with their bytes."""

from __future__ import annotations

import struct
from functools import partial

from memopickle.buffers import PLAIN, ROW, Part, Source, Stored, aligned, check_buffers, rows, writable
from memopickle.encoder import Encoder
from memopickle.entry import Entry
from memopickle.errors import BadPayloadError, BadSignatureError, UnknownFormatError
from memopickle.header import (
    EXCEPTION,
    HEADER,
    PREFIX_SIZE,
    VALUE,
    Facts,
    check_format,
    pack_header,
    prefix,
    read_header,
)
from memopickle.outofband import is_plain
from memopickle.pages import LARGE
from memopickle.serializers import PickleSerializer
from memopickle.signing import MAC_SIZE, Mac, Signer, frame, same_digest
from memopickle.typed import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memopickle.compression import Compression
    from memopickle.serializers import Serializer
    from memopickle.typed import Blob

__all__ = ["UNKNOWN_SECRET", "Codec"]

#: The size of our own keys, framed beforehand.
_USUAL_SIZE = 122
_USUAL = _USUAL_SIZE.to_bytes(8, "little")
UNKNOWN_SECRET = "unknown secret: it was signed with one that is not configured here"  # noqa: S105  a message
#: What is read of a file at first, and is all of its head unless stream or metadata are large.
_HEAD = 16384


class Codec:
    """Encodes and decodes the entries of one purpose, namespace, serializer and compression, with a set of secrets.

    Args:
        signers: the first signs, all verify. The algorithm is theirs, never the entry's choice.
        namespace: signed along; no entry of another one is read.
        serializer: makes the stream and the buffers; its name is signed along.
        purpose: signed along, so that what was signed for one use is refused in every other.
        kinds: what may be read, of VALUE, EXCEPTION, SNAPSHOT and SIGNED; the first is what is written if not told.
        compress: the one algorithm that is written and read, or None. ConfigurationError if it is not installed.

    Safe to share between threads.

    """

    def __init__(
        self,
        signers: Sequence[Signer],
        namespace: str,
        serializer: Serializer,
        purpose: str = "cache",
        *,
        kinds: Sequence[int] = (VALUE,),
        compress: str | None = None,
    ) -> None:
        names = (namespace, serializer.name)
        context = frame(purpose.encode(), *(name.encode("utf-8", "surrogatepass") for name in names))
        macs = [signer.bind(context) for signer in signers]
        self._signing = macs[0]
        # The first wins where a secret is listed twice; dict() keeps the last of equal keys.
        self._by_key_id: dict[bytes, Mac] = {mac.key_id: mac for mac in reversed(macs)}
        self._serializer = serializer
        self._encoder = Encoder(serializer)
        #: Makes the value of a stream that is not compressed and has no buffers.
        self.loads: Callable[[Any], Any] = partial(serializer.decode, buffers=())
        if isinstance(serializer, PickleSerializer):
            self.loads = serializer.loads
        self._compression = None if compress is None else _find_compression(compress)
        number = self._compression.number if self._compression else 0
        self._prefixes = {kind: prefix(kind, number) for kind in kinds}
        #: How an entry that is read may begin, and whether it is an exception then.
        self._accepted = {start: kind == EXCEPTION for kind, start in self._prefixes.items()}
        self._kind = kinds[0]

    def encode(self, key: str, value: Any, facts: Facts, kind: int | None = None) -> list[Blob]:
        """Return the entry in pieces, to be written one after the other without joining them."""
        pieces, buffers, size = self._encoder.encode(value)
        parts = [self._part(buffer) for buffer in buffers] if buffers else ()
        start = self._prefixes[self._kind if kind is None else kind]
        raw_size = size
        if self._compression is not None:
            pieces, size = self._compression.shrink(pieces, size)
        return self._sealed(key, start, facts, pieces, (size, raw_size), parts)

    def resign(self, key: str, entry: Entry) -> list[Blob]:
        """Return a verified entry as encode would, signed with the first secret, but not unpickled."""
        header = entry.header
        sizes = header.stream_size, header.raw_stream_size
        parts = [Part([one.data], len(one.data), one.raw_size, one.flags) for one in entry._stored]
        return self._sealed(key, header.prefix, entry.facts, [entry.stream], sizes, parts)

    def decode(self, key: str, data: Blob, source: Source | None = None) -> Entry:
        """Verify everything and return the entry.

        Raises UnknownFormatError, also for another kind or compression than this reader's, or BadSignatureError;
        nothing of the payload has been parsed then. ``source``: where the buffers are, if ``data`` end with the MAC.
        """
        # One function, and nothing built that is not needed: this is most of what a hit costs.
        try:
            header = HEADER.unpack_from(data)
        except struct.error:
            self._refuse(data)
        start, key_id, _, _, _, _, metadata_size, buffer_count, stream_size, _, _ = header
        raises = self._accepted.get(start)
        if raises is None:
            self._refuse(data)
        mac = self._by_key_id.get(key_id)
        if mac is None:
            raise BadSignatureError(UNKNOWN_SECRET)
        size = len(data)
        table = HEADER.size + metadata_size + stream_size
        signed = table + buffer_count * ROW.size
        end = signed + MAC_SIZE
        if end > size:
            raise BadSignatureError("the entry is cut short")
        if size >= LARGE:
            data = memoryview(data)  # whose parts are no copies
            found = mac.mac(_framed_key(key), data[:signed])
        else:
            found = mac.mac(_framed_key(key) + data[:signed])  # a call more costs more than copying so little
        code: Any = data[signed:end]
        if not same_digest(found, code):
            raise BadSignatureError("the signature does not match")
        stored: Sequence[Stored] = ()
        if buffer_count or source:
            stored = check_buffers(source or Source(data), end, data[table:signed], mac)
        elif size != end:
            raise BadSignatureError("bytes follow the end of the entry")
        return Entry(header, data, stored, self, raises)

    def decode_from(self, key: str, source: Source) -> Entry:
        """Do the same, without reading, or verifying, the buffers of plain data that the source can map."""
        data = source.read(0, min(source.size, _HEAD))
        header = read_header(data)
        end = HEADER.size + header.metadata_size + header.stream_size + header.buffer_count * ROW.size + MAC_SIZE
        if len(data) < end <= source.size:
            data = source.read(0, end)
        return self.decode(key, data[:end], source)

    def verify(self, key: str, data: Blob) -> Entry:
        """Verify everything, of whatever kind and compression; for checking and :meth:`resign`, not for values."""
        from copy import copy  # for those who check

        check_format(data)
        indifferent = copy(self)
        indifferent._accepted = {bytes(data[:PREFIX_SIZE]): False}
        return indifferent.decode(key, data)

    def load(self, stream: Blob, raw_size: int, stored: Sequence[Stored]) -> Any:
        """Return the value of a verified stream and its buffers; internal, for :meth:`Entry.value`."""
        buffers = [one.data if one.mapped else writable(self._expanded(one.data, one.raw_size)) for one in stored]
        return self._serializer.decode(memoryview(self._expanded(stream, raw_size)), buffers)

    def _refuse(self, data: Blob) -> NoReturn:
        found = read_header(data)
        if found.kind not in self._prefixes:
            raise UnknownFormatError(f"this is not an entry of the kind that is read here, but of kind {found.kind}")
        expected = self._compression.name if self._compression else None
        from memopickle.compression import algorithm_name

        raise UnknownFormatError(f"compressed with {algorithm_name(found.compression)}, where compress={expected!r}")

    def _sealed(
        self, key: str, start: bytes, facts: Facts, stream: Sequence[Blob], sizes: tuple[int, int],
        parts: Sequence[Part],
    ) -> list[Blob]:  # fmt: skip
        sign = self._signing
        head: list[Blob] = [pack_header(sign.key_id, facts, len(parts), *sizes, start), facts.metadata, *stream]
        if parts:
            head.append(rows(parts, sign))
        if sizes[0] < LARGE:
            whole = b"".join(head)  # a call more costs more than copying so little
            head = [whole + sign.mac(_framed_key(key) + whole)]
        else:
            head.append(sign.mac(_framed_key(key), *head))
        return [*head, *aligned(sum(map(len, head)), parts)] if parts else head

    def _part(self, buffer: memoryview) -> Part:
        pieces: Sequence[Blob] = [buffer]
        size = raw_size = len(buffer)
        if self._compression is not None:
            pieces, size = self._compression.shrink(pieces, size)
        return Part(pieces, size, raw_size, PLAIN if is_plain(buffer) else 0)

    def _expanded(self, data: Blob, raw_size: int) -> Blob:
        if len(data) == raw_size:
            return data
        if self._compression is None:
            raise BadPayloadError("its lengths say that it is compressed, its header that it is not")
        return self._compression.expand(data, raw_size)


def _framed_key(key: str) -> bytes:
    raw = key.encode("ascii")
    size = len(raw)
    return (_USUAL if size == _USUAL_SIZE else size.to_bytes(8, "little")) + raw


def _find_compression(name: str) -> Compression | None:
    from memopickle.compression import find_compression  # where something is compressed

    return find_compression(name)
