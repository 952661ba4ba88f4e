"""The functions that are cached to see what a library does. They count their computations in a file."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]

#: Seconds of a computation that others could share.
LONG = 0.5


def count() -> None:
    """Count a computation."""
    with open(os.environ["COMPUTATIONS"], "ab") as file:
        file.write(b"x")


def counting(folder: str) -> None:
    """Say where computations are counted, here and in processes that are started from here."""
    os.environ["COMPUTATIONS"] = os.path.join(folder, "log")


def double(n: Any) -> Any:
    """Take and return a number."""
    count()
    return n * 2


def kind(n: object) -> str:
    """Tell types apart."""
    count()
    return type(n).__name__


def joined(one: str, other: str) -> str:
    """Take two strings."""
    count()
    return f"{one}/{other}"


def length(things: Any) -> int:
    """Take something with a length."""
    count()
    return len(things)


def middle(array: Any) -> float:
    """Take an array."""
    count()
    return float(array[len(array) // 2])


def listing(n: int) -> list[int]:
    """Return what a caller can change."""
    count()
    return [n]


def nothing(n: int) -> None:
    """Return None."""
    count()


def unpicklable(n: int) -> Any:
    """Return what no pickle holds."""
    return threading.Lock()


def slow(n: int) -> int:
    """Take so long that others ask meanwhile."""
    count()
    time.sleep(LONG)
    return n


async def slow_task(n: int) -> int:
    """Take as long, and let other tasks run."""
    count()
    await asyncio.sleep(LONG)
    return n


def adder(m: int) -> Function:
    """Return a function that holds a number."""

    def add(n: int) -> int:
        return n + m

    return add


def fibonacci(n: int) -> int:
    """Call itself, through the cache."""
    count()
    return n if n < 2 else RECURSIVE[0](n - 1) + RECURSIVE[0](n - 2)


async def fibonacci_task(n: int) -> int:
    """Call itself, through the cache, and await."""
    count()
    return n if n < 2 else await RECURSIVE[0](n - 1) + await RECURSIVE[0](n - 2)


#: The cached fibonacci.
RECURSIVE: list[Function] = []
