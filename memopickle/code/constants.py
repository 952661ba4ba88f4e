"""The bytes of a constant: what can stand in source text or in a code object, told apart by type.

``1``, ``1.0``, ``True``, ``"1"`` and ``b"1"`` differ, so do ``0.0`` and ``-0.0``; every ``nan`` is one.
The encoding is prefix-free, so sequences of encodings are unambiguous, and it is part of the code digest:
a change makes every stored result stale.
"""

from __future__ import annotations

from types import EllipsisType

__all__ = ["encode_constant", "framed", "is_constant"]

_SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes, EllipsisType})


def framed(tag: bytes, content: bytes) -> bytes:
    """Put content behind its tag (one byte) and its length."""
    return b"%c%d:%b" % (tag, len(content), content)


def is_constant(value: object) -> bool:
    """Tell whether ``encode_constant`` takes this value (no subclasses; tuples and frozensets of such values too)."""
    if type(value) in (tuple, frozenset):
        return all(is_constant(item) for item in value)  # type: ignore[attr-defined]
    return type(value) in _SCALARS


def encode_constant(value: object) -> bytes:
    """Return the canonical bytes of a constant.

    Raises:
        TypeError: for anything else, also for subclasses of the types that a constant can have.

    """
    kind = type(value)
    if kind is tuple:
        return framed(b"t", b"".join(map(encode_constant, value)))  # type: ignore[call-overload]
    if kind is frozenset:
        return framed(b"z", b"".join(sorted(map(encode_constant, value))))  # type: ignore[call-overload]
    if kind in _SCALARS:
        return _scalar(value)
    msg = f"{kind.__name__} is no constant"
    raise TypeError(msg)


def _scalar(value: object) -> bytes:
    if isinstance(value, str):
        return framed(b"s", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return framed(b"b", value)
    if isinstance(value, bool) or value is None or value is ...:
        return framed(b"n", repr(value).encode())
    if isinstance(value, int):
        return framed(b"i", b"%x" % value)  # hexadecimal: decimal is quadratic and refused for huge numbers
    if isinstance(value, float):
        return framed(b"f", repr(value).encode())
    assert isinstance(value, complex)  # noqa: S101 - for the type checkers; the caller looked
    return framed(b"c", b"%b,%b" % (repr(value.real).encode(), repr(value.imag).encode()))
