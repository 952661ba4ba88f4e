"""Message authentication codes over entries.

A :class:`Signer` holds the keys derived from one secret for one algorithm. :meth:`Signer.bind` fixes a context
(purpose, namespace, serializer, ...), so that the hit path only copies a prepared hash state.
"""

from __future__ import annotations

# What hmac re-exports as compare_digest; importing hmac itself would load OpenSSL, 3 ms in a fresh process.
from _operator import _compare_digest as same_digest

from blake3 import blake3

from memopickle.errors import ConfigurationError
from memopickle.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.typed import Blob

__all__ = ["ALGORITHMS", "KEY_ID_SIZE", "MAC_SIZE", "Mac", "Signer", "frame", "make_signer", "same_digest"]

MAC_SIZE = 32
KEY_ID_SIZE = 8


def frame(*parts: bytes) -> bytes:
    """Join parts so that no two different sequences give the same bytes: each is preceded by its length."""
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


class Mac(Protocol):
    """A keyed hash with a fixed context. Safe to share between threads."""

    key_id: bytes

    def mac(self, *parts: Blob) -> bytes:
        """Return the 32-byte code over the context and the parts, whose lengths the caller has framed."""
        ...

    def digest(self, *parts: Blob) -> bytes:
        """Return the 32-byte keyed digest of one large buffer, given in parts."""
        ...


class Signer(Protocol):
    """The keys made from one secret for one algorithm."""

    algorithm: str
    key_id: bytes

    def bind(self, context: bytes) -> Mac:
        """Return a Mac over everything that begins with this context."""
        ...


class _Blake3Mac:
    __slots__ = ("_buffers", "_state", "key_id")

    def __init__(self, key: bytes, buffer_key: bytes, context: bytes, key_id: bytes) -> None:
        self._state = blake3(frame(context), key=key)
        self._buffers = blake3(key=buffer_key)
        self.key_id = key_id

    def mac(self, *parts: Blob) -> bytes:
        state = self._state.copy()
        for part in parts:
            state.update(part)
        return state.digest()

    def digest(self, *parts: Blob) -> bytes:
        state = self._buffers.copy()
        # One thread only: the library's thread pool does not survive a fork, and a forked worker would hang.
        for part in parts:
            state.update(part)
        return state.digest()


class _Blake3Signer:
    algorithm = "blake3"

    def __init__(self, secret: bytes) -> None:
        self._key = blake3(secret, derive_key_context="memopickle 2026 v1 entry signature").digest()
        self._buffer_key = blake3(secret, derive_key_context="memopickle 2026 v1 entry buffer").digest()
        key_id = blake3(secret, derive_key_context="memopickle 2026 v1 key id blake3")
        self.key_id = key_id.digest(KEY_ID_SIZE)

    def bind(self, context: bytes) -> Mac:
        return _Blake3Mac(self._key, self._buffer_key, context, self.key_id)


class _HmacMac:
    __slots__ = ("_buffers", "_state", "key_id")

    def __init__(self, key: bytes, buffer_key: bytes, context: bytes, key_id: bytes) -> None:
        import hmac

        self._state = hmac.new(key, frame(context), "sha256")
        self._buffers = hmac.new(buffer_key, b"", "sha256")
        self.key_id = key_id

    def mac(self, *parts: Blob) -> bytes:
        return _hmac_over(self._state, parts)

    def digest(self, *parts: Blob) -> bytes:
        return _hmac_over(self._buffers, parts)


def _hmac_over(state: object, parts: Sequence[Blob]) -> bytes:
    copy = state.copy()  # type: ignore[attr-defined]
    for part in parts:
        copy.update(part)
    digest: bytes = copy.digest()
    return digest


class _HmacSigner:
    algorithm = "hmac-sha256"

    def __init__(self, secret: bytes) -> None:
        import hmac

        def derive(purpose: str) -> bytes:
            return hmac.digest(secret, f"memopickle 2026 v1 {purpose}".encode(), "sha256")

        self._key = derive("entry signature")
        self._buffer_key = derive("entry buffer")
        self.key_id = derive("key id hmac-sha256")[:KEY_ID_SIZE]

    def bind(self, context: bytes) -> Mac:
        return _HmacMac(self._key, self._buffer_key, context, self.key_id)


ALGORITHMS: dict[str, type[_Blake3Signer] | type[_HmacSigner]] = {
    "blake3": _Blake3Signer,
    "hmac-sha256": _HmacSigner,
}


def make_signer(secret: bytes, algorithm: str) -> Signer:
    """Derive the keys for one secret and one algorithm; ConfigurationError for an unknown algorithm."""
    try:
        return ALGORITHMS[algorithm](secret)
    except KeyError:
        known = ", ".join(map(repr, ALGORITHMS))
        raise ConfigurationError(f"algorithm={algorithm!r}: unknown; choose one of {known}") from None
