"""The walk without recursion: for values that refer to themselves, are nested very deeply, or can't be keyed.

Gives an acyclic value the bytes that the recursive walk gives. Values that refer to each other in a circle (a
strongly connected part of the graph) are encoded together, see ``memopickle.canonical.cycles``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.canonical.builtin import shape
from memopickle.canonical.bulk import leaf
from memopickle.canonical.cycles import encode_cycle
from memopickle.canonical.nodes import SCALARS, UNORDERED, Node, assemble, identity, is_long, scalar
from memopickle.canonical.places import path_of
from memopickle.canonical.reductions import type_name
from memopickle.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["encode_graph"]

_DEEPEST = 1_000_000  # levels: a reduction that makes a new object each time would never end


def encode_graph(value: object, path: str) -> bytes:
    """The canonical form of a value, as ``memopickle.keys.encode`` gives it.

    Raises:
        UnkeyableError: with the path from ``path`` to the part that can't be keyed.

    """
    found = leaf(value)
    if found is not None:
        return found
    graph = _Graph()
    root = graph.node(value, None, 0, path)
    graph.walk(root, path)
    assert root.encoding is not None  # noqa: S101 - for the type checkers: the walk has been over it
    return root.encoding


class _Graph:
    """The nodes met so far, and Tarjan's algorithm over them (Tarjan 1972), with a stack in place of recursion."""

    def __init__(self) -> None:
        self._nodes: dict[int, Node | bytes] = {}  # by identity; a node keeps its value alive
        self._open: list[Node] = []  # Tarjan's stack: nodes not yet given to a strongly connected part

    def node(self, value: object, parent: Node | None, place: int, path: str) -> Node:
        """Take a value apart and file it under its identity."""
        found = Node(value, parent, place)
        try:
            found.head, found.children = shape(value)
        except UnkeyableError as error:
            raise UnkeyableError(error.type_name, path_of(found, path), error.reason) from error.__cause__
        found.number = found.lowest = len(self._nodes)
        self._nodes[identity(value)] = found
        self._open.append(found)
        return found

    def walk(self, root: Node, path: str) -> None:
        """Encode every node that the root leads to, children first."""
        stack = [(root, self._kids(root, path))]
        while stack:
            node, kids = stack[-1]
            kid = next(kids, None)
            if kid is not None:
                if len(stack) > _DEEPEST:
                    raise UnkeyableError(
                        type_name(type(root.value)), path, f"its parts lie over {_DEEPEST} levels deep"
                    )
                stack.append((kid, self._kids(kid, path)))
                continue
            stack.pop()
            if node.lowest == node.number:
                self._close(node)
            if stack:
                above = stack[-1][0]
                above.lowest = min(above.lowest, node.lowest)

    def _kids(self, node: Node, path: str) -> Iterator[Node]:
        """Link a node to its children; yield those that are new, to be walked before the next."""
        for place, child in enumerate(node.children):
            link = self._known(child)
            if link is None:
                link = self.node(child, node, place, path)
                yield link
            elif isinstance(link, Node) and link.encoding is None:
                node.lowest = min(node.lowest, link.number)
            node.links.append(link)

    def _known(self, child: object) -> Node | bytes | None:
        if type(child) in SCALARS and not is_long(child):
            return scalar(child)
        found = self._nodes.get(identity(child)) or leaf(child)
        if isinstance(found, bytes):
            self._nodes[identity(child)] = found  # its parent keeps it alive
        return found

    def _close(self, first: Node) -> None:
        """Encode the strongly connected part that was entered at this node."""
        part = [self._open.pop()]
        while part[-1] is not first:
            part.append(self._open.pop())
        part.reverse()
        if len(part) > 1 or first in first.links:
            encode_cycle(part)
        else:
            first.encoding = _plain(first)


def _plain(node: Node) -> bytes:
    encodings = [link if isinstance(link, bytes) else link.encoding or b"" for link in node.links]
    if node.head == UNORDERED:
        encodings.sort()
    return assemble(node.head, encodings)
