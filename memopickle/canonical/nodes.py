"""The bytes that canonical forms are made of: scalars, nodes with children, digests of what is long.

Every encoding begins with a tag and says its own length, so that encodings can be joined without doubt about
where one ends. A child longer than ``LIMIT`` bytes stands in its parent as its digest: a node's own bytes grow
with the number of its children and with nothing else, whatever the children hold or share.

The tags below ``@`` and the letters are those of ``marshal``, version 2, whose layout of scalars, lists and tuples is
ours too; that version has no references and no marks for interned strings, and is alike in all Pythons.
"""

from __future__ import annotations

from marshal import dumps
from types import EllipsisType

from blake3 import blake3

from memopickle.typed import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "CHUNK",
    "DICT",
    "LIMIT",
    "LIST",
    "LONG",
    "OBJECT",
    "SCALARS",
    "SORTABLE",
    "TUPLE",
    "UNORDERED",
    "VERSION",
    "Named",
    "Node",
    "Shape",
    "Unordered",
    "assemble",
    "collapse",
    "concatenated",
    "identity",
    "is_long",
    "kind",
    "scalar",
    "start",
]

LIMIT = 512  # bytes of a node that its parent still takes in whole
LONG = 255  # characters or bytes: a longer string always stands as its digest
LIST, TUPLE, UNORDERED = b"[", b"(", b"{"
VERSION = 2  # of marshal
CHUNK = 8192  # more than LIMIT; children encoded at a time: bounds the memory that a long list needs

SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes, EllipsisType})
SORTABLE = frozenset({str, bytes, int, bool})  # keys that have an order of their own, if all are of one type

Shape: TypeAlias = "tuple[bytes, Sequence[object]]"
"""A value taken apart: the bytes that say what it is, and its children in canonical order."""


class Named:
    """A child that stands for a class or function by its name alone, where that name leads to it."""

    __slots__ = ("target",)

    def __init__(self, target: object) -> None:
        self.target: object = target


class Unordered:
    """A child whose own children have no order: they are sorted by their encodings."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[object]) -> None:
        self.items: tuple[object, ...] = tuple(items)


def kind(name: str) -> bytes:
    """The head of a node that is neither list nor tuple."""
    return b"@" + dumps(name, VERSION)


DICT, OBJECT = kind("dict"), kind("object")


def scalar(value: Any) -> bytes:
    """The encoding of a value whose exact type is one of ``SCALARS``."""
    if type(value) is str and len(value) > LONG:
        return _digest(b"u", value.encode("utf-8", "surrogatepass"))
    if type(value) is bytes and len(value) > LONG:
        return _digest(b"s", value)
    return dumps(value, VERSION)


def is_long(value: object) -> bool:
    """Whether a scalar is a string that stands as its digest, which is worth remembering."""
    return type(value) in (str, bytes) and len(value) > LONG  # type: ignore[arg-type]


def collapse(encoding: bytes) -> bytes:
    """The encoding itself, or the digest that stands for it if it is longer than ``LIMIT``."""
    return encoding if len(encoding) <= LIMIT else b"#" + blake3(encoding).digest()


def assemble(head: bytes, children: Sequence[bytes]) -> bytes:
    """The encoding of a node whose children are encoded."""
    before = start(head, len(children))
    if len(children) <= LIMIT:
        return collapse(before + b"".join(children))
    hasher = blake3(before)
    for i in range(0, len(children), CHUNK):
        hasher.update(b"".join(children[i : i + CHUNK]))
    return b"#" + hasher.digest()


def concatenated(head: bytes, count: int, pieces: Iterable[bytes | memoryview | None]) -> bytes | None:
    """What ``assemble`` gives for children whose encodings come joined; ``None`` if one of the pieces is."""
    before = start(head, count)
    hasher = blake3(before)
    for piece in pieces:
        if piece is None:
            return None
        if count <= LIMIT:  # then there is one piece
            return collapse(before + piece)
        hasher.update(piece)
    return b"#" + hasher.digest() if count else before


def start(head: bytes, count: int) -> bytes:
    """The bytes of a node before its children."""
    return head + count.to_bytes(4, "little")


def _digest(tag: bytes, content: bytes) -> bytes:
    return b"#" + blake3(tag).update(content).digest()


class Node:
    """One value of a graph that is walked without recursion; ``links`` are its children once they are known."""

    __slots__ = ("children", "encoding", "head", "links", "lowest", "number", "parent", "place", "value")

    def __init__(self, value: object, parent: Node | None, place: int) -> None:
        self.value: object = value
        self.parent: Node | None = parent
        self.place: int = place  # which child of its parent it is
        self.head: bytes = b""
        self.children: Sequence[object] = ()
        self.links: list[Node | bytes] = []
        self.number: int = 0
        self.lowest: int = 0
        self.encoding: bytes | None = None


def identity(value: object) -> int:
    """What tells this object from all others that are alive; a name from the object that it names."""
    return -id(value.target) if type(value) is Named else id(value)
