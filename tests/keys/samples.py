"""Types and functions for the tests of keys, in a module that other processes can import."""

from __future__ import annotations

import enum
import typing
from collections import namedtuple
from dataclasses import dataclass, field


@dataclass
class Point:
    x: object
    y: object = 0


@dataclass(frozen=True)
class Frozen:
    x: object


@dataclass(slots=True)
class Slotted:
    x: object
    y: object = 0


@dataclass(frozen=True, slots=True)
class FrozenSlotted:
    x: object


@dataclass
class Tree:
    name: object
    parent: Tree | None = None
    children: list[Tree] = field(default_factory=list)

    def add(self, name: object) -> Tree:
        child = Tree(name, self)
        self.children.append(child)
        return child


Pair = namedtuple("Pair", "left right")


class Typed(typing.NamedTuple):
    left: object
    right: object = None


class Color(enum.Enum):
    RED = 1
    GREEN = "g"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Perm(enum.Flag):
    R = 1
    W = 2
    X = 4


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)

    def method(self) -> object:
        return self


class OtherPlain(Plain):
    pass


class Slots:
    __slots__ = ("a", "b")


class SlotsAndDict(Slots):
    pass


class MyInt(int):
    pass


class MyStr(str):
    pass


class MyList(list):
    pass


class MyDict(dict):
    pass


class MySet(set):
    pass


class WithState:
    """Says itself what its state is."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.cache = object()

    def __getstate__(self) -> object:
        return {"value": self.value}


class Reduced:
    """Says itself how to make it."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __reduce__(self) -> tuple[object, ...]:
        return make_reduced, (self.value,)


def make_reduced(value: object) -> Reduced:
    raise AssertionError("a reduction was executed")


class ByAddress:
    def __reduce__(self) -> tuple[object, ...]:
        return ByAddress, (id(self),)


class StandsFor:
    """What memopickle's own CachedFunction does: the key is that of another object."""

    def __init__(self, other: object) -> None:
        self.other = other

    def __memopickle_key__(self) -> object:
        return self.other


def function(x: int, y: int = 1) -> int:
    return x + y


def same_text(x: int, y: int = 1) -> int:
    return x + y


def make_adder(n: object) -> typing.Callable[[object], object]:
    return lambda x: x + n  # type: ignore[operator]


def make_recursive(n: int) -> typing.Callable[[int], int]:
    def down(x: int) -> int:
        return n if x == 0 else down(x - 1)

    return down
