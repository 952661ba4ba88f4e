"""Contenders timed round by round, so that a noisy machine disturbs all alike, and what the rounds say.

A round has several turns. In each turn every contender runs once, each begins with another one, and a contender's time
in the round is that of its best turn, so that what else runs on the machine is kept out as far as possible. Only times
of one round are compared. In a turn a contender makes as many calls as take about ``Setting.aim``; the garbage
collector is off meanwhile (as ``timeit`` does it), since it would run in whichever contender happens to make the last
object.
"""

from __future__ import annotations

import math
import statistics
import time
import timeit
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from suite.setting import Setting

    #: The nanoseconds of one call, by contender.
    Round = dict[str, float]

__all__ = ["Contender", "Rounds", "Spread", "calling", "measure", "once", "spread"]


class Contender(NamedTuple):
    """A statement to be timed, with the names that it uses.

    ``between`` is run before each turn, untimed; ``each`` is how many calls the statement makes.
    """

    name: str
    statement: str
    scope: dict[str, Any]
    between: Callable[[], object] | None = None
    each: int = 1


def calling(callables: Mapping[str, Callable[..., object]], statement: str, each: int = 1) -> list[Contender]:
    """Return contenders that make the same call, written with the name ``call``."""
    return [Contender(name, statement, {"call": call}, each=each) for name, call in callables.items()]


class Spread(NamedTuple):
    """The median of a figure over all rounds, and its quartiles."""

    median: float
    low: float
    high: float


def spread(figures: list[float]) -> Spread:
    """Return median and quartiles."""
    if len(figures) == 1:
        return Spread(figures[0], figures[0], figures[0])
    low, median, high = statistics.quantiles(figures, n=4, method="inclusive")
    return Spread(median, low, high)


class Rounds:
    """What was measured: one dict of nanoseconds a round."""

    def __init__(self, rounds: list[Round]) -> None:
        self._rounds = rounds

    def __contains__(self, name: str) -> bool:
        return name in self._rounds[0]

    def nanoseconds(self, figure: Callable[[Round], float]) -> float:
        """Return the median of a figure."""
        return statistics.median(map(figure, self._rounds))

    def least(self, name: str) -> float:
        """Return the time of a contender in the round that was disturbed least."""
        return min(found[name] for found in self._rounds)

    def ratio(self, one: Callable[[Round], float], other: Callable[[Round], float]) -> Spread:
        """Return the ratio of two figures of the same round, over all rounds."""
        return spread([one(found) / other(found) for found in self._rounds])


def measure(contenders: list[Contender], setting: Setting) -> Rounds:
    """Time the contenders, one after the other in each round."""
    timers = [(contender, _timer(contender)) for contender in contenders]
    running = [(contender, timer, _calls(contender, timer, setting.aim)) for contender, timer in timers]
    return Rounds([_best(running, number, setting.turns) for number in range(setting.rounds)])


def once(contenders: list[Contender], rounds: int, turns: int = 1) -> Rounds:
    """Time statements that take long by themselves, once a turn; the first round only warms up."""
    running = [(contender, _timer(contender), 1) for contender in contenders]
    return Rounds([_best(running, number, turns) for number in range(rounds + 1)][1:])


def _timer(contender: Contender) -> timeit.Timer:
    return timeit.Timer(contender.statement, timer=time.perf_counter_ns, globals=contender.scope)


def _best(running: list[tuple[Contender, timeit.Timer, int]], number: int, turns: int) -> Round:
    best = {contender.name: math.inf for contender, _, _ in running}
    for turn in range(turns):
        first = (number + turn) % len(running)
        for contender, timer, calls in running[first:] + running[:first]:
            # The processor's caches are still full of what the one before it used.
            timer.timeit(calls // 2)
            took = _prepared(contender, timer, calls) / calls / contender.each
            best[contender.name] = min(best[contender.name], took)
    return best


def _calls(contender: Contender, timer: timeit.Timer, aim: float) -> int:
    """Return how many calls take as long as is aimed at; the best of three, that no first call or pause counts."""
    calls = 1
    while (took := min(_prepared(contender, timer, calls) for _ in range(3))) < aim / 2:
        calls *= 2
    return max(1, round(calls * aim / took))


def _prepared(contender: Contender, timer: timeit.Timer, calls: int) -> int:
    if contender.between is not None:
        contender.between()
    return int(timer.timeit(calls))
