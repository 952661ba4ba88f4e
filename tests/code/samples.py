"""Functions whose code digests are pinned. Not a test module: pytest would rewrite its asserts."""

# ruff: noqa: B007, B008, C416, I001, PLW0603, RUF012 - odd on purpose

from __future__ import annotations

import asyncio
import enum
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

SAMPLES: dict[str, object] = {}


def sample(function):
    SAMPLES[function.__qualname__] = function
    return function


def keep(label):
    return sample


@sample
def plain(x, y=2):
    """A docstring."""
    # A comment.
    return x * y + 1


@sample
def nothing():
    """Only a docstring."""


@sample
def constants():
    return 1, 1.0, True, "1", b"1", ..., -0.0, 1e999, 2j, None, 10**40, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF, "é\ud800"


@sample
def f_strings(x, w):
    return f"a{x}bc{x!r:>{w}}{x=}{x:%H:%M}{x:}{{{w}}}lone{x:{w}.{w}}"


@sample
def comprehensions(rows):
    squares = [x * x for row in rows for x in row if x]
    return {s for s in squares}, {s: s for s in squares}, sum(s for s in squares), [[y for y in r] for r in rows]


@sample
def signature(a, /, b: int, *args: str, c, d: float = 1.5, e=None, **kwargs: object) -> tuple[int, ...]:
    return a, b, args, c, d, e, kwargs


@sample
def branches(x):
    if x > 3 and not x % 2:
        pass
    elif x is None or x in (1, 2, 3):
        return "small"
    else:
        x = -x if x else +x
    while x:
        x -= 1
        if x == 7:
            continue
        if x == 5:
            break
    else:
        x = ~x
    for i, (a, *b) in enumerate([]):
        x @= i
    return x


@sample
def failures(path):
    try:
        with open(path) as f, open(path) as g:
            return f.read() + g.read()
    except (OSError, ValueError) as e:
        raise RuntimeError("no") from e
    else:
        assert path, "path"
    finally:
        del path


@sample
def groups(call):
    try:
        call()
    except* ValueError as group:
        call = group.exceptions
    return call


@sample
def matching(value):
    match value:
        case {"a": [1, *rest], **others} if rest:
            return others
        case (1 | 2) as small:
            return small
        case complex(real=0, imag=i):
            return i
        case None | True | "x":
            return 0
        case _:
            return ...


@sample
def generator(n: int) -> Iterator[int]:
    got = yield n
    yield from range(got)


@sample
async def coroutine(url, *, delay: float = 0.1):
    async with asyncio.timeout(delay):
        await asyncio.sleep(delay)
    return [x async for x in agenerator(3)]


@sample
async def agenerator(n: int) -> AsyncIterator[int]:
    async for i in agenerator(n):
        yield i


@sample
def locals_annotated(n):
    total: int = 0
    rest: list[int]
    rest = [n]
    return total, rest


@sample
def outer(n):
    @functools.wraps(outer)
    def inner(x: int = n) -> int:
        nonlocal n
        n += x
        return n

    class Local:
        """With a docstring."""

        rate: float = 0.5

        def get(self):
            global _state
            _state = self.rate
            return super().__repr__()

    return inner, Local, lambda a, *, b=3: (a, b, n)


inner, Local, local_lambda = outer(1)
SAMPLES["inner"] = inner
SAMPLES["Local"] = Local
SAMPLES["local_lambda"] = local_lambda
SAMPLES["first"], SAMPLES["second"], SAMPLES["curried"] = lambda x: 1, lambda x: 2, lambda x: lambda y: x + y
SAMPLES["in_list"] = [lambda i=i: i + 1 for i in range(3)][2]


@sample
@keep("label")
def decorated(x, y=(1, 2), z=len("abc")):
    return x[y:z, ::2, ...]


@sample
def walrus(items, key: Callable[[int], int] = lambda k: k):
    if (n := len(items)) > 10:
        print(n, *items, sep="", **{"end": ""})
    items[0].name, items[1:] = n, [key(n)]
    return items


@sample
def imports():
    import os.path as p
    from collections import OrderedDict as O, deque

    return p, O, deque


class Shape:
    """A base."""

    sides = 0
    _names: list[str] = []

    def __init__(self, size: float) -> None:
        self.size = size

    @property
    def area(self) -> float:
        return self.size**2

    @area.setter
    def area(self, value: float) -> None:
        self.size = value**0.5

    @classmethod
    def unit(cls) -> Shape:
        return cls(1)

    @staticmethod
    def origin():
        return 0, 0

    @functools.cached_property
    def label(self) -> str:
        return f"{self.size}"

    def __hidden(self):
        return self.__hidden


class Square(Shape):
    sides = 4

    def __repr__(self):
        return super().__repr__() + "!"


@sample
@dataclass(frozen=True)
class Job:
    name: str
    priority: int = 5
    tags: list[str] = field(default_factory=list)

    def run(self):
        return self.name


@sample
@dataclass(slots=True)
class Slotted:
    name: str
    size: int = 0


@sample
class Colour(enum.Enum):
    RED = 1
    BLUE = "b"

    def lower(self):
        return self.name.lower()


@sample
class Point(NamedTuple):
    x: int
    y: int = 0

    def norm(self):
        return abs(self.x) + abs(self.y)


SAMPLES["Shape"] = Shape
SAMPLES["Square"] = Square
SAMPLES["area"] = Shape.area.fget
SAMPLES["unit"] = Shape.unit.__func__
