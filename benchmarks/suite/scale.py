"""Many entries: hits among them, eviction, and a clear."""

from __future__ import annotations

import shutil
import statistics
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from suite.disk import record
from suite.report import Against, Row, at_most, compared, duration, noted
from suite.rounds import Contender, measure, spread
from suite.setting import disk_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memopickle import Cache
    from suite.report import Goal
    from suite.setting import Setting

__all__ = ["clear", "evict", "million"]

HOT = 1000
MILLION, CLEARED, LIMIT = 1_000_000, 200_000, 20_000


class Timed(NamedTuple):
    """The nanoseconds of one call, by the clock and of the processor."""

    wall: int
    busy: int


READ_HOT = "for key in keys:\n    call(key)"


def million(setting: Setting) -> Iterator[Row]:
    """The same thousand hot keys, in a cache of a thousand entries and in one of a million."""
    many = max(2 * HOT, MILLION // setting.smaller)
    few_folder, many_folder = setting.folder(), setting.folder()
    few, crowded = disk_cache(few_folder).cached(record), disk_cache(many_folder).cached(record)
    fill(few, range(HOT))
    took = fill(crowded, range(many))
    # Spread over the whole million, in no order in which they were stored.
    keys = [number * 7919 % HOT for number in range(HOT)]
    spread_out = [key * (many // HOT) for key in keys]
    contenders = [
        Contender("a thousand entries", READ_HOT, {"call": few, "keys": keys}, each=HOT),
        Contender(f"{many:,} entries", READ_HOT, {"call": crowded, "keys": spread_out}, each=HOT),
    ]
    rounds = measure(contenders, setting)
    goal = Against("a thousand entries", at_most(1.3))
    yield from compared("hits on 1,000 hot keys", rounds, f"{many:,} entries", [goal])
    yield noted(f"storing {many:,} entries", "", f"{duration(took / many)} each")
    shutil.rmtree(many_folder)


def fill(function: Any, numbers: range) -> float:
    """Store results without computing them; return the nanoseconds that it took."""
    began = time.perf_counter_ns()
    for number in numbers:
        function.cache_set(record(number), number)
    return time.perf_counter_ns() - began


def evict(setting: Setting) -> Iterator[Row]:
    """Stores into a full cache, that each evict another entry, beside stores into one without a limit."""
    limit = max(100, LIMIT // setting.smaller)
    size = _entry_size(setting)
    for name, value in (("max_entries", limit), ("max_bytes", limit * size)):
        options: dict[str, Any] = {name: value}
        caches = {"limit": disk_cache(setting.folder(), **options), "none": disk_cache(setting.folder())}
        yield from _evicting(f"stores near {name}", caches, limit, setting.few)


def _entry_size(setting: Setting) -> int:
    cache = disk_cache(setting.folder())
    cache.cached(record)(1)
    return cache.stats()[0].bytes


def _evicting(work: str, caches: dict[str, Cache], limit: int, rounds: int) -> Iterator[Row]:
    functions = {name: cache.cached(record, single_flight=False) for name, cache in caches.items()}
    for function in functions.values():
        fill(function, range(limit))
    part = limit // 4
    times: dict[str, list[list[Timed]]] = {name: [] for name in functions}
    for number in range(rounds):
        # In parts, so that turns are short; seven of them are more than the limit, and evict all that was there first.
        numbers = range(limit + number * part, limit + (number + 1) * part)
        for name in sorted(functions, reverse=bool(number % 2)):
            times[name].append(_each(functions[name], numbers))
    yield _mean(f"{work}, mean", times, 0, at_most(1.5))
    yield _mean(f"{work}, mean, processor", times, 1, None)
    # By processor time, which a scan of the directory would take, and other programs' use of the disk does not.
    note = f"by the clock {_longest(times['limit'])}, without limit {_longest(times['none'])}"
    worst = spread([max(call.busy for calls in times["limit"] for call in calls) / 1e6])
    yield Row(f"{work}, longest single call, processor", "", worst, at_most(50), "ms", note)
    left = sum(1 for _ in caches["limit"].entries())
    yield noted(f"{work}, entries left", "", f"{left:,} of {limit:,}, after {limit + rounds * part:,} stores")


def _mean(work: str, times: dict[str, list[list[Timed]]], which: int, goal: Goal | None) -> Row:
    """Compare the calls of each round by one of their times."""
    limit, none = (
        [statistics.fmean(call[which] for call in calls) for calls in times[name]] for name in ("limit", "none")
    )
    ratio = spread([ours / theirs for ours, theirs in zip(limit, none, strict=True)])
    note = f"{duration(statistics.median(limit))} to {duration(statistics.median(none))}"
    return Row(work, "a store without limit", ratio, goal, note=note)


def _longest(times: list[list[Timed]]) -> str:
    return duration(max(call.wall for calls in times for call in calls))


def _each(function: Callable[[int], object], numbers: range) -> list[Timed]:
    times = []
    for number in numbers:
        busy, wall = time.thread_time_ns(), time.perf_counter_ns()
        function(number)
        times.append(Timed(time.perf_counter_ns() - wall, time.thread_time_ns() - busy))
    return times


def clear(setting: Setting) -> Iterator[Row]:
    """The clear of a function, while others call it."""
    count = CLEARED // setting.smaller
    cache = disk_cache(setting.folder())
    function = cache.cached(record)
    fill(function, range(count))
    work = f"clear of a function with {count:,} entries"
    gone, meanwhile, took, removed = _cleared(cache, function, count)
    yield Row(f"{work}, until callers see none", "", spread([gone / 1e6]), None, "ms")
    yield Row(f"{work}, longest call meanwhile", "", spread([max(call.wall for call in meanwhile) / 1e6]), None, "ms")
    left = sum(1 for _ in cache.entries())
    yield noted(f"{work}, entries counted", "", f"{removed:,}: {'right' if removed == count else 'WRONG'}")
    note = f"{len(meanwhile):,} stored meanwhile, {left:,} left"
    yield Row(f"{work}, until it returns", "", spread([took / 1e6]), None, "ms", note)


def _cleared(cache: Cache, function: Any, count: int) -> tuple[float, list[Timed], float, int]:
    """Return the nanoseconds until nothing is found, of each call after that, and until the clear returned; a count."""
    ended: list[tuple[float, int]] = []

    def work() -> None:
        began = time.perf_counter_ns()
        removed = cache.clear(function)
        ended.append((time.perf_counter_ns() - began, removed))

    thread = threading.Thread(target=work)
    began = time.perf_counter_ns()
    thread.start()
    while function.cache_contains(count - 1):
        pass
    gone = time.perf_counter_ns() - began
    meanwhile: list[Timed] = []
    while not ended or not meanwhile:
        new = count + len(meanwhile)
        meanwhile += _each(function, range(new, new + 1))
    thread.join()
    return gone, meanwhile, *ended[0]
