"""Store keys: ``function/arguments.variant``, all lower-case hex, 122 characters.

The first 8 digits of the function part are those of the namespace, so that a namespace can be listed by prefix.
"""

from __future__ import annotations

from blake3 import blake3

from memopickle.signing import frame

__all__ = ["FUNCTION_SIZE", "NAMESPACE_SIZE", "function_part", "is_key", "join", "namespace_part", "variant_part"]

NAMESPACE_SIZE = 8
FUNCTION_SIZE = 40
VARIANT_SIZE = 16
_KEY_SIZE = FUNCTION_SIZE + 64 + VARIANT_SIZE + 2
_DIGITS = b"0123456789abcdef"


def namespace_part(namespace: str) -> str:
    """Return the 8 digits that every key of this namespace begins with."""
    return _hex("namespace", NAMESPACE_SIZE, _text(namespace))


def function_part(namespace: str, name: str) -> str:
    """Return the 40 digits that every key of this function begins with."""
    rest = _hex("function", FUNCTION_SIZE - NAMESPACE_SIZE, _text(namespace), _text(name))
    return namespace_part(namespace) + rest


def variant_part(*parts: bytes) -> str:
    """Return the 16 digits that tell apart entry formats, serializers and versions or code."""
    return _hex("variant", VARIANT_SIZE, *parts)


def is_key(text: str) -> bool:
    """Tell whether a text has the form of a store key."""
    # A regular expression would be one import more for a hit.
    if len(text) != _KEY_SIZE or text[FUNCTION_SIZE] != "/" or text[-VARIANT_SIZE - 1] != ".":
        return False
    return text.encode("utf-8", "replace").translate(None, _DIGITS) == b"/."


def join(function: str, arguments: str, variant: str) -> str:
    """Put a key together from its three parts."""
    return f"{function}/{arguments}.{variant}"


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _hex(purpose: str, digits: int, *parts: bytes) -> str:
    return blake3(frame(f"memopickle {purpose} 1".encode(), *parts)).hexdigest(digits // 2)
