"""Where in a value something was found, in the words of the person who wrote it: ``job.config.lock``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.canonical.nodes import DICT, LIST, OBJECT, TUPLE, UNORDERED, Node, kind

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["path_of"]

_LONGEST = 200  # characters; of a longer path the middle is left out
_REDUCED = kind("reduced")
_FUNCTION, _METHOD, _PARTIAL = kind("function"), kind("method"), kind("partial")
_FIELDS = {  # names of children, by the head of their parent; "" where the child's own children are named
    _REDUCED: ("", "", ".args", "", "", ""),
    _FUNCTION: ("", "", "", ".__defaults__", ".__kwdefaults__", "", ""),
    _METHOD: (".__func__", ".__self__"),
    _PARTIAL: (".func", ".args", ".keywords", ""),
}
_ATTRIBUTES = {OBJECT: (1,), _REDUCED: (1,), _FUNCTION: (5, 6), _PARTIAL: (3,)}  # children that hold attributes


def path_of(node: Node, root: str) -> str:
    """The path from the root value, which is called ``root``, to the value of this node."""
    path = root + "".join(reversed(list(_steps(node))))
    return path if len(path) <= _LONGEST else f"{path[: _LONGEST // 2]}...{path[-_LONGEST // 2 :]}"


def _steps(node: Node) -> Iterator[str]:
    while node.parent is not None:
        yield _step(node.parent, node.place)
        node = node.parent


def _step(parent: Node, place: int) -> str:
    """What to write after the parent's path for its child at this place."""
    above = parent.parent
    if above is not None and above.head == DICT:
        return _item(above, parent, place)
    if above is not None and above.head == UNORDERED and parent.head == TUPLE and _is_mapping(above):
        return f"[{_short(parent.children[0])}]" if place else ""
    if parent.head in (LIST, TUPLE) and not (above is not None and _is_slots(above, parent)):
        return f"[{place}]"
    return _FIELDS.get(parent.head, ("",) * (place + 1))[place]


def _item(mapping: Node, column: Node, place: int) -> str:
    """An item of a dict, whose keys and whose values are a tuple each."""
    key = mapping.children[0][place]  # type: ignore[index]
    if column.place == 0:
        return f"[key {_short(key)}]"
    return f".{key}" if _holds_attributes(mapping) else f"[{_short(key)}]"


def _holds_attributes(mapping: Node) -> bool:
    """Whether a dict is the state of an object: directly, or as one of the pair (attributes, slots)."""
    parent, place = mapping.parent, mapping.place
    if parent is not None and parent.parent is not None and _is_slots(parent.parent, parent):
        return True
    return parent is not None and place in _ATTRIBUTES.get(parent.head, ())


def _is_slots(owner: Node, state: Node) -> bool:
    return state.head == TUPLE and owner.head in (OBJECT, _REDUCED) and state.place == 1


def _is_mapping(items: Node) -> bool:
    return items.parent is not None and items.parent.head not in (kind("set"), kind("frozenset"))


def _short(key: object) -> str:
    text = repr(key) if type(key) in (str, int, bytes, float, bool, type(None)) else type(key).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004
