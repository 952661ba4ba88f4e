"""The walk over a value: by recursion, as long as that is safe.

What refers to itself, is nested very deeply or can't be keyed is walked again, without recursion, by
``memopickle.canonical.graph``, which gives the same bytes.
"""

from __future__ import annotations

from contextlib import suppress

from memopickle.canonical.builtin import shape
from memopickle.canonical.bulk import leaf
from memopickle.canonical.graph import encode_graph
from memopickle.canonical.nodes import LIST, SCALARS, TUPLE, UNORDERED, assemble, identity, is_long, scalar
from memopickle.canonical.records import records
from memopickle.errors import UnkeyableError

__all__ = ["encode_any"]

_DEEPEST = 200  # levels of encodings; a level of the caller's objects takes up to three


def encode_any(value: object, path: str) -> bytes:
    """Return the canonical form of a value; see ``memopickle.keys.encode``."""
    with suppress(_Restart, RecursionError, UnkeyableError):
        return _Walk().encode(value)
    return encode_graph(value, path)


class _Restart(Exception):  # noqa: N818 - a signal, not an error
    """The value refers to itself or is nested too deeply for recursion."""


class _Walk:
    """One value's walk: remembers by identity what it has encoded, so that shared structure costs once."""

    __slots__ = ("_depth", "_kept", "_memo")

    def __init__(self) -> None:
        self._memo: dict[int, bytes | None] = {}  # None: begun, not finished
        self._kept: list[object] = []  # an id is only good as long as its object lives
        self._depth = 0

    def encode(self, value: object) -> bytes:
        if type(value) in SCALARS and not is_long(value):
            return scalar(value)
        key = identity(value)
        known = self._memo.get(key)
        if known is not None:
            return known
        if key in self._memo or self._depth > _DEEPEST:
            raise _Restart
        self._memo[key] = None
        self._kept.append(value)
        self._depth += 1
        found = self._memo[key] = leaf(value) or self._node(value)
        self._depth -= 1
        return found

    def _node(self, value: object) -> bytes:
        head, children = shape(value)
        encodings = records(children, self.encode) if head in (LIST, TUPLE) else None
        if encodings is None:
            encodings = list(map(self.encode, children))
        if head == UNORDERED:
            encodings.sort()
        return assemble(head, encodings)
