"""Entries for another use than caching: of one purpose and kind, whatever they are compressed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memopickle.codec import Codec
from memopickle.compression import ALGORITHMS, algorithm_name
from memopickle.errors import ConfigurationError, SecretError, UnavailableError, UnknownFormatError
from memopickle.header import EXCEPTION, SIGNED, SNAPSHOT, VALUE, read_header
from memopickle.secret import find_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.buffers import Source
    from memopickle.entry import Entry
    from memopickle.header import Facts
    from memopickle.serializers import Serializer
    from memopickle.signing import Signer
    from memopickle.typed import Blob

__all__ = ["Purpose", "needed_secrets"]

_KINDS = {
    VALUE: "the stored result of a function",
    EXCEPTION: "the stored exception of a function",
    SNAPSHOT: "a snapshot",
    SIGNED: "a signed value",
}


class Purpose:
    """Encodes and decodes the entries of one use.

    Args:
        name: signed along, so that what was signed for one use is refused in every other.
        kind: the one kind of entry that is written and read; it is told what any other is.
        signers: the first signs, all verify.
        serializer: makes the stream and the buffers; its name is signed along.
        namespace: signed along.

    Unlike a cache, which would just compute again, it reads what was written with other compressions than its own,
    so that a program may change its mind about them. Safe to share between threads.

    """

    def __init__(
        self, name: str, kind: int, signers: Sequence[Signer], serializer: Serializer, namespace: str = ""
    ) -> None:
        self._parts = signers, namespace, serializer, name
        self._kind = kind
        #: The name of the serializer.
        self.serializer: str = serializer.name
        self._codecs: dict[str | None, Codec] = {}

    def encode(self, key: str, value: Any, facts: Facts, compress: str | None = None) -> list[Blob]:
        """Return the entry in pieces; raises what the value's own code raises if it can't be written."""
        return self._codec(compress).encode(key, value, facts)

    def decode(self, key: str, data: Blob, source: Source | None = None) -> Entry:
        """Verify everything and return the entry, as :meth:`Codec.decode` does; nothing is unpickled."""
        header = read_header(data)
        if header.kind != self._kind:
            found = _KINDS.get(header.kind, f"an entry of the unknown kind {header.kind}")
            raise UnknownFormatError(f"this is {found}, where {_KINDS[self._kind]} is read")
        return self._reader(header.compression).decode(key, data, source)

    def _reader(self, number: int) -> Codec:
        if number >= len(ALGORITHMS):
            raise UnknownFormatError(f"compressed with {algorithm_name(number)}")
        try:
            return self._codec(ALGORITHMS[number])
        except ConfigurationError as error:  # not installed; or another byte stood there
            raise UnknownFormatError(str(error)) from error

    def _codec(self, compress: str | None) -> Codec:
        codec = self._codecs.get(compress)
        if codec is None:
            codec = self._codecs[compress] = Codec(*self._parts, kinds=(self._kind,), compress=compress)
        return codec


def needed_secrets(given: object) -> list[Signer]:
    """Return the signers as find_secrets does; SecretError where a cache would do without."""
    try:
        return find_secrets(given)
    except UnavailableError as error:
        raise SecretError(
            "no place for a signing secret; give secret=, or set MEMOPICKLE_SECRET or MEMOPICKLE_SECRET_FILE"
        ) from error
