"""What RedisStore's keys on the server are called.

``prefix{function}:v<generation>/arguments.variant`` is a value, ``...:g`` the function's generation, ``...:l/...`` the
lock of a key and ``...:c/...`` the claims on it. The braces make a cluster keep all of a function in one slot.
"""

from __future__ import annotations

import os
import re

from memopickle.storekey import FUNCTION_SIZE

__all__ = ["TOKEN_SIZE", "Names", "Value", "generations_pattern", "new_token", "values_pattern"]

#: Bytes of a generation, and of whatever else is told apart by a random token.
TOKEN_SIZE = 16


def new_token() -> bytes:
    """Return hex digits that nobody else draws."""
    return os.urandom(TOKEN_SIZE // 2).hex().encode()


class Names:
    """The names on the server of what belongs to one store key."""

    __slots__ = ("_rest", "_tagged", "generation")

    def __init__(self, prefix: str, key: str) -> None:
        self._tagged = f"{prefix}{{{key[:FUNCTION_SIZE]}}}:".encode("ascii")
        self._rest = key[FUNCTION_SIZE:].encode("ascii")
        self.generation: bytes = self._tagged + b"g"

    def value(self, generation: bytes) -> bytes:
        """Return the name of the value in a generation."""
        return b"%bv%b%b" % (self._tagged, generation, self._rest)

    def keys(self) -> list[bytes]:
        """Return the names of the generation, the claims and the lock, in this order."""
        return [self.generation, b"%bc%b" % (self._tagged, self._rest), b"%bl%b" % (self._tagged, self._rest)]


class Value:
    """A value that was found on the server."""

    __slots__ = ("function", "generation", "key", "live", "name")

    def __init__(self, name: bytes, tail: bytes) -> None:
        self.name: bytes = name
        function, _, rest = tail.partition(b"}:v")
        self.function: str = function[1:].decode("ascii")
        self.generation: bytes = rest[:TOKEN_SIZE]
        self.key: str = self.function + rest[TOKEN_SIZE:].decode("ascii")
        self.live: bool = False


def values_pattern(prefix: str, key_prefix: str) -> bytes:
    """Return the pattern of the values, of any generation, whose store key begins with ``key_prefix``."""
    rest = key_prefix[FUNCTION_SIZE:].encode("ascii")
    return _pattern(prefix, key_prefix, b"v" + b"?" * TOKEN_SIZE + rest + b"*")


def generations_pattern(prefix: str, key_prefix: str) -> bytes:
    """Return the pattern of the generations of the functions that begin with ``key_prefix``."""
    return _pattern(prefix, key_prefix, b"g")


def _pattern(prefix: str, key_prefix: str, tail: bytes) -> bytes:
    function = key_prefix[:FUNCTION_SIZE]
    wild = "" if len(function) == FUNCTION_SIZE else "*"
    literal = re.sub(r"([*?\[\]\\])", r"\\\1", prefix)
    return f"{literal}{{{function}{wild}}}:".encode("ascii") + tail
