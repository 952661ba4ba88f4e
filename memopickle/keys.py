"""Keys of values: the same bytes for the same value in every process, on every machine, in every Python.

``encode`` gives the canonical form, ``digest`` 32 bytes of it. The rules, type by type, are in
docs/explanation/keys. Plain short arguments are encoded here; ``memopickle.canonical.walk`` encodes the rest.
"""

from __future__ import annotations

from binascii import hexlify

from blake3 import blake3

from memopickle.canonical.bulk import short_tuple
from memopickle.canonical.nodes import SCALARS, scalar

__all__ = ["KEY_FORMAT", "digest", "encode", "short_digest"]

KEY_FORMAT = 1  # of the canonical form: raised whenever a value's bytes change
_DOMAIN = b"memopickle key %d\0" % KEY_FORMAT
_SHORT = 8  # arguments
_SHORT_SIZE = 8  # bytes


def digest(value: object, path: str = "") -> bytes:
    """The digest (32 bytes) of a value's canonical form; see ``encode``."""
    return blake3(_DOMAIN + encode(value, path)).digest()


def short_digest(value: object) -> bytes:
    """The first 16 hex digits of the digest: enough to tell apart the arguments of two calls."""
    encoding = scalar(value) if type(value) in SCALARS else encode(value)  # each call counts where all calls make it
    return hexlify(blake3(_DOMAIN + encoding).digest(_SHORT_SIZE))


def encode(value: object, path: str = "") -> bytes:
    """The canonical form of a value: equal for values that are the same, self-delimiting, short.

    At most 600 bytes, save for an integer of thousands of bits, which is written out.

    Args:
        value: anything. It is neither changed nor executed, though its ``__reduce_ex__`` may be called.
        path: what to call the value in errors, such as the name of a parameter.

    Raises:
        UnkeyableError: if some part of the value can't have a key; its ``path`` says which.

    Safe to call from several threads. If another thread changes the value meanwhile, the result is an exception
    of the value's own or a key that no other value has.

    """
    if type(value) in SCALARS:
        return scalar(value)
    if type(value) is tuple and len(value) <= _SHORT:
        found = short_tuple(value)
        if found is not None:
            return found
    from memopickle.canonical.walk import encode_any  # a dozen modules that calls with plain arguments don't need

    return encode_any(value, path)
