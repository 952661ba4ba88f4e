"""Values that refer to each other in a circle: one text for all of them, and a number in it for each.

The text must not depend on where the circle was entered, nor on the order in which a set of its members happens
to yield them. So the members are first coloured by what can be seen around them, in rounds (Weisfeiler and Leman
1968), and the text begins at a member whose colour is rare. Members that stay alike after all rounds are told
apart by the order of the visit; for a circle of sets whose members differ only far away that may give two keys to
equal values, never one key to different ones: the text says all there is to know.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from blake3 import blake3

from memopickle.canonical.nodes import UNORDERED, Node, kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["encode_cycle"]

_MEMBER, _BACK = kind("cycle"), b"^"
_ROUNDS = 32


def encode_cycle(part: list[Node]) -> None:
    """Set the encodings of the nodes of one strongly connected part, in order of visit."""
    colours = _coloured(part)
    for node in part:
        if node.head == UNORDERED:
            node.links.sort(key=lambda link: _colour(link, colours))
    order = _numbered(_rarest(part, colours), part)
    text = blake3()
    for node in order:
        text.update(_line(node, lambda link: _reference(link, order)))
    name = _MEMBER + text.digest()
    for node, number in order.items():
        node.encoding = name + number.to_bytes(8, "little")


def _coloured(part: list[Node]) -> dict[Node, bytes]:
    """What each node looks like from afar: so far that one looks like no other, or with sets, as many as can be."""
    colours = dict.fromkeys(part, b"")
    ordered = all(node.head != UNORDERED for node in part)
    seen = 1
    for _ in range(_ROUNDS):
        colours = _next_round(colours)
        count = Counter(colours.values())
        before, seen = seen, len(count)
        if seen in (before, len(part)) or (ordered and 1 in count.values()):
            break
    return colours


def _next_round(colours: dict[Node, bytes]) -> dict[Node, bytes]:
    return {node: blake3(_line(node, lambda link: _colour(link, colours))).digest() for node in colours}


def _colour(link: Node | bytes, colours: dict[Node, bytes]) -> bytes:
    if isinstance(link, bytes):
        return link
    known = colours.get(link)
    return link.encoding or b"" if known is None else _BACK + known


def _rarest(part: list[Node], colours: dict[Node, bytes]) -> Node:
    count = Counter(colours.values())
    return min(part, key=lambda node: (count[colours[node]], colours[node]))


def _numbered(first: Node, part: list[Node]) -> dict[Node, int]:
    """The nodes by first visit, depth first, from the node that begins the text."""
    members, stack = set(part), [first]
    order: dict[Node, int] = {}
    while stack:
        node = stack.pop()
        if node in members and node not in order:
            order[node] = len(order)
            stack.extend(link for link in reversed(node.links) if isinstance(link, Node))
    return order


def _reference(link: Node | bytes, order: dict[Node, int]) -> bytes:
    if isinstance(link, bytes):
        return link
    number = order.get(link)
    return link.encoding or b"" if number is None else _BACK + number.to_bytes(8, "little")


def _line(node: Node, name: Callable[[Node | bytes], bytes]) -> bytes:
    """A node with its children by name; sets are sorted, as everywhere."""
    names: Iterable[bytes] = map(name, node.links)
    if node.head == UNORDERED:
        names = sorted(names)
    return b"%b%b%b" % (node.head, len(node.links).to_bytes(4, "little"), b"".join(names))
