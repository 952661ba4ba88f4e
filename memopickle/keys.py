"""Keys of values: the same bytes for the same value in every process, on every machine, in every Python.

``encode`` gives the canonical form, ``digest`` 32 bytes of it. The rules, type by type, are in
docs/explanation/keys. Values of ordinary depth are walked by recursion; what refers to itself, is nested very
deeply or can't be keyed is walked again, without recursion, by ``memopickle.canonical.graph``, which gives the
same bytes.
"""

from __future__ import annotations

from contextlib import suppress

from blake3 import blake3

from memopickle.canonical.builtin import shape
from memopickle.canonical.bulk import leaf, short_tuple
from memopickle.canonical.graph import encode_graph
from memopickle.canonical.nodes import LIST, SCALARS, TUPLE, UNORDERED, assemble, identity, is_long, scalar
from memopickle.canonical.records import records
from memopickle.errors import UnkeyableError

__all__ = ["KEY_FORMAT", "digest", "encode"]

KEY_FORMAT = 1  # of the canonical form: raised whenever a value's bytes change
_DOMAIN = b"memopickle key %d\0" % KEY_FORMAT
_SHORT = 8  # arguments
_DEEPEST = 200  # levels of encodings; a level of the caller's objects takes up to three


def digest(value: object, path: str = "") -> bytes:
    """The digest (32 bytes) of a value's canonical form; see ``encode``."""
    return blake3(_DOMAIN + encode(value, path)).digest()


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
