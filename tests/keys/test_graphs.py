"""Shared, deep and circular values: right, and in time that grows with their size and no faster."""

from __future__ import annotations

import copy
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from memopickle.keys import digest
from tests.keys import samples

if TYPE_CHECKING:
    from collections.abc import Callable


def _diamond(levels: int, join: Callable[[object], object]) -> object:
    value: object = 1
    for _ in range(levels):
        value = join(value)
    return value


JOINS: dict[str, Callable[[object], object]] = {
    "lists": lambda x: [x, x],
    "tuples": lambda x: (x, x),
    "dicts": lambda x: {"left": x, "right": x},
    "wide lists": lambda x: [x] * 8,
    "lists of dicts": lambda x: [{"left": x, "right": x}] * 5,
    "instances": lambda x: [samples.Point(x, x) for _ in range(5)],
    "slots": lambda x: samples.Slotted(x, x),
    "mixed keys": lambda x: {1: x, "a": x},
    "rows": lambda x: [(x, 1), (x, 2), (x, 3), (x, 4)],
}


@pytest.mark.parametrize("join", JOINS.values(), ids=JOINS.keys())
def test_sixty_levels_of_sharing_take_milliseconds(join: Callable[[object], object]) -> None:
    value = _diamond(60, join)
    digest(join(1))  # code of classes is read once
    start = time.process_time()
    digest(value)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("join", JOINS.values(), ids=JOINS.keys())
def test_shared_and_unshared_are_one(join: Callable[[object], object]) -> None:
    shared = _diamond(2, join)
    assert digest(shared) == digest(_unshared(shared))


def _unshared(value: object) -> object:
    if isinstance(value, list | tuple):
        return type(value)(_unshared(item) for item in value)
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    if isinstance(value, samples.Point | samples.Slotted):
        return type(value)(_unshared(value.x), _unshared(value.y))
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda: [[[list(range(1000))] * 1000] * 1000] * 1000,
        lambda: ["x" * 10**6] * 10**5,
        lambda: [["x" * 10**6]] * 10**5,
        lambda: [{"a": list(range(1000))}] * 10**5,
    ],
    ids=["rows", "long strings", "lists of a long string", "dicts"],
)
def test_many_references_to_something_big_cost_little(make: Callable[[], object]) -> None:
    start = time.process_time()
    digest(make())
    assert time.process_time() - start < 3


NESTS: dict[str, Callable[[object], object]] = {
    "lists": lambda x: [x],
    "tuples": lambda x: (x,),
    "dicts": lambda x: {"a": x},
    "mixed keys": lambda x: {1: 1, "a": x},
    "frozensets": lambda x: frozenset([x]),
    "instances": lambda x: samples.Plain(x=x),
    "slots": samples.Slotted,
    "rows": lambda x: [(x, 1)] * 4,
}


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS.keys())
def test_nesting_of_any_depth_works_and_leaves_the_recursion_limit(nest: Callable[[object], object]) -> None:
    limit = sys.getrecursionlimit()
    value: object = 1
    for _ in range(5 * limit):
        value = nest(value)
    deeper = nest(value)
    assert len({digest(value), digest(deeper)}) == 2
    assert sys.getrecursionlimit() == limit


def test_a_hundred_thousand_levels() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert len(digest(value)) == 32


def test_depth_left_by_the_caller_does_not_change_the_key() -> None:
    value: object = 1
    for _ in range(120):
        value = [value, 2]

    def deep(levels: int) -> bytes:
        return digest(value) if levels == 0 else deep(levels - 1)

    assert deep(700) == digest(value)


def _ring(size: int, last: object = None) -> list[samples.Plain]:
    nodes = [samples.Plain(number=i) for i in range(size)]
    for i, node in enumerate(nodes):
        node.next, node.previous = nodes[(i + 1) % size], nodes[i - 1]  # type: ignore[attr-defined]
    nodes[-1].extra = last  # type: ignore[attr-defined]
    return nodes


def _own_list() -> list[object]:
    value: list[object] = [1]
    value.append(value)
    return value


def _own_dict() -> dict[str, object]:
    value: dict[str, object] = {"a": 1}
    value["self"] = value
    return value


def _tree() -> samples.Tree:
    root = samples.Tree("root")
    for name in "abc":
        root.add(name).add(name + name)
    return root


def _neighbours() -> samples.Plain:
    nodes = _ring(7)
    for node in nodes:
        node.near = {node.next, node.previous}  # type: ignore[attr-defined]
    return nodes[3]


CIRCLES: dict[str, Callable[[], object]] = {
    "list in itself": _own_list,
    "dict in itself": _own_dict,
    "instance in itself": lambda: _ring(1)[0],
    "ring": lambda: _ring(5)[0],
    "ring, entered elsewhere": lambda: _ring(5)[2],
    "ring of 6": lambda: _ring(6)[0],
    "all of a ring": lambda: _ring(5),
    "ring that ends otherwise": lambda: _ring(5, last=[1])[0],
    "tree": _tree,
    "leaf of a tree": lambda: _tree().children[0],
    "sets": _neighbours,
    "function that calls itself": lambda: samples.make_recursive(3),
    "another such function": lambda: samples.make_recursive(4),
    "list of lists in itself": lambda: [_own_list(), _own_list()],
}


@pytest.mark.parametrize("make", CIRCLES.values(), ids=CIRCLES.keys())
def test_circles_made_twice_have_one_key(make: Callable[[], object]) -> None:
    assert digest(make()) == digest(make())


@pytest.mark.parametrize("make", [m for n, m in CIRCLES.items() if "function" not in n])
def test_copies_of_circles_have_their_key(make: Callable[[], object]) -> None:
    value = make()
    assert digest(copy.deepcopy(value)) == digest(value)


def test_different_circles_have_different_keys() -> None:
    assert len({digest(make()) for make in CIRCLES.values()}) == len(CIRCLES)


def test_a_leaf_far_inside_a_circle_counts() -> None:
    keys = set()
    for changed in range(10):
        nodes = _ring(10)
        nodes[changed].number = "changed"  # type: ignore[attr-defined]
        keys.add(digest(nodes[0]))
    assert len(keys) == 10


def test_a_circle_outside_of_which_something_differs() -> None:
    inside = _own_list()
    assert len({digest([inside, 1]), digest([inside, 2]), digest([1, inside]), digest(inside)}) == 4


def test_members_of_a_circle_in_a_set_have_one_key_in_any_order() -> None:
    def build(order: range) -> object:
        nodes = _ring(20)
        return {nodes[i] for i in order}, {nodes[i]: i for i in order}

    assert digest(build(range(20))) == digest(build(range(19, -1, -1)))


def test_all_members_of_a_big_circle_take_linear_time() -> None:
    nodes = _ring(3000)
    start = time.process_time()
    digest(nodes)
    assert time.process_time() - start < 5


def test_a_list_that_another_thread_changes_gives_a_key_or_an_exception() -> None:
    value: list[object] = list(range(1000))
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            value[500] = bytearray(b"x")
            value[500] = 500
            value.append([value[0]])
            value.pop()

    worker = threading.Thread(target=change)
    worker.start()
    try:
        for _ in range(300):
            assert len(digest(value)) == 32
    finally:
        stop.set()
        worker.join()
    assert digest(list(range(1000))) == digest(value)
