"""Hits in memory."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from memopickle import Cache, MemoryStore
from suite import floors
from suite.peers import MEMORY, SIZE, cachetools_copying, installed, memory_peers
from suite.report import Against, Row, at_least, at_most, compared, noted
from suite.rounds import calling, measure, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from suite.setting import Setting

__all__ = ["copied", "scalar", "threads"]

GOALS = {"functools.lru_cache": at_most(6), "cachetools with lock": at_most(1), "cachebox": at_most(1)}
THREADS = 8
#: How many arguments come in turn: almost as many as all the caches may hold.
TURNS = SIZE * 9 // 10


def double(number: int) -> int:
    """A function with a scalar argument and an immutable result."""
    return number * 2


def double_any(*numbers: int) -> int:
    """The same, with a signature such as another decorator's wrapper has."""
    return numbers[0] * 2


def small(city: str, when: object) -> object:
    """A small result that a caller could change."""
    return {"city": city, "when": when, "total": 1.5, "parts": [1, 2, 3]}


def listing(city: str, when: object) -> object:
    """A result of ten records."""
    return [{"city": city, "when": when, "total": number / 7, "parts": [1, 2, number]} for number in range(10)]


def remembered(function: Callable[..., Any], copy: bool) -> Callable[..., Any]:
    """Cache a function in memory."""
    return Cache(MemoryStore(SIZE, copy=copy), on_error="raise").cached(function)


def scalar(setting: Setting) -> Iterator[Row]:
    """One scalar argument, and many in turn, with ``copy=False`` and with a result that needs no copy."""
    callables = {name: decorate(double) for name, decorate in memory_peers().items()}
    callables["dict in a closure"] = floors.closure(double)
    callables["copy=False"] = remembered(double, copy=False)
    callables["copy=True"] = remembered(double, copy=True)
    callables["*args"] = remembered(double_any, copy=False)
    against = [*(Against(name, GOALS.get(name)) for name in MEMORY), Against("dict in a closure")]
    statements = {"scalar": ("call(12345)", 1), "scalars in turn": (f"for n in range({TURNS}): call(n)", TURNS)}
    for title, (statement, each) in statements.items():
        rounds = measure(calling(callables, statement, each), setting)
        for own, result in (("copy=False", "copy=False"), ("copy=True", "immutable result")):
            yield from compared(f"memory hit, {title}, {result}", rounds, own, against)
        yield from compared(f"memory hit, {title}, function of *args", rounds, "*args", [Against(MEMORY[0])])


def copied(setting: Setting) -> Iterator[Row]:
    """Several arguments, and a result of which every caller gets a copy."""
    if not installed("cachetools"):
        yield noted("memory hit, copy=True", "ttl_cache + deepcopy", "cachetools is not installed")
        return
    peer = "ttl_cache + deepcopy"
    for function, result in ((small, "a small dict"), (listing, "ten records")):
        callables = {"memopickle": remembered(function, copy=True), peer: cachetools_copying(function)}
        for arguments, title in (("'paris', 2026", "two scalars"), ("'paris', (1, 2, 3)", "a scalar and a tuple")):
            rounds = measure(calling(callables, f"call({arguments})"), setting)
            work = f"memory hit, copy=True, {title}, {result}"
            yield from compared(work, rounds, "memopickle", [Against(peer, at_most(1 / 3))])


def threads(setting: Setting) -> Iterator[Row]:
    """Eight threads that hit one memory cache, against one thread."""
    call = remembered(double, copy=False)
    calls = max(1000, 200_000 // setting.smaller)
    together(call, 1, calls)
    figures = []
    for number in range(setting.rounds):
        crowd = (1, THREADS) if number % 2 else (THREADS, 1)
        took = {count: together(call, count, calls) for count in crowd}
        figures.append(took[1] / took[THREADS])
    yield Row("eight threads, calls per second together", "one thread", spread(figures), at_least(0.8))


def together(call: Callable[[int], object], count: int, calls: int) -> float:
    """Return the seconds in which so many threads make so many calls altogether."""
    barrier = threading.Barrier(count + 1)

    def work() -> None:
        barrier.wait()
        for number in range(calls // count):
            call(number & 511)

    crowd = [threading.Thread(target=work) for _ in range(count)]
    for thread in crowd:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in crowd:
        thread.join()
    return time.perf_counter() - began
