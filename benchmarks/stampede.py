"""What happens when a hot key expires, simulated: ``python benchmarks/stampede.py``.

One key is asked for 1,000 times a second, at random times; computing its value takes one second, and its ttl is 60
seconds. Each policy answers the same calls of five minutes. Whether a value is fresh, may be served late, or is to be
computed early is decided by memopickle's own ``Freshness``, with a simulated clock; what a caller does then is what
``memopickle.runner`` does, written down here once more in a few lines (``Policy.single`` is its single flight). Seeds
are fixed: the figures are the same on every machine.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

from suite.report import between_markers
from suite.strips import Strip, draw

from memopickle.expiry import NEVER, SECOND
from memopickle.freshness import Freshness

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = "benchmarks/stampede.py"
RATE, COST, TTL, WINDOW, MINUTES, SEED = 1000, 1.0, 60, 30, 5, 20150804
#: What the picture shows: seconds from the start, and seconds of one step.
SHOWN, STEP = 130.0, 0.25
HEADINGS = ("policy", "computations", "most at once", "calls that waited", "longest wait", "calls served expired")


class Policy(NamedTuple):
    """What is done about a value that is expired, or will be soon."""

    name: str
    freshness: Freshness
    #: Whether who finds a computation under way joins it, or leaves it alone, and does not begin another.
    single: bool = True


def _freshness(early: float = 0.0, revalidate: int = 0) -> Freshness:
    return Freshness(ttl=TTL * SECOND, code=None, early=early, revalidate=revalidate * SECOND)


POLICIES = (
    Policy("`ttl`, `single_flight=False`", _freshness(), single=False),
    Policy("`ttl`", _freshness()),
    Policy("XFetch as published: no single flight", _freshness(early=1.0), single=False),
    Policy("`early_refresh=True`", _freshness(early=1.0)),
    Policy("`stale_while_revalidate`", _freshness(revalidate=WINDOW)),
    Policy("`early_refresh` and `stale_while_revalidate`", _freshness(early=1.0, revalidate=WINDOW)),
)


class Outcome:
    """What became of all calls; times in seconds from the start."""

    def __init__(self) -> None:
        self.computations: list[tuple[float, float]] = []
        self.waits: list[tuple[float, float]] = []
        self.served_expired: list[float] = []

    def cells(self, policy: Policy) -> tuple[str, ...]:
        """Return a row of the table."""
        most = max(_at_once(self.computations))
        longest = max((end - start for start, end in self.waits), default=0.0)
        figures = len(self.computations), most, len(self.waits), f"{longest:.1f} s", len(self.served_expired)
        return policy.name, *(f"{figure:,}" if isinstance(figure, int) else figure for figure in figures)

    def strip(self, policy: Policy) -> Strip:
        """Return a row of the picture."""
        per_second = [0.0] * round(SHOWN / STEP)
        for at in self.served_expired:
            if at < SHOWN:
                per_second[int(at / STEP)] += 1 / STEP
        return Strip(policy.name.replace("`", ""), _steps(self.computations), _steps(self.waits), per_second)


def simulate(policy: Policy, seed: int = SEED) -> Outcome:
    """Answer the calls of some minutes, beginning with a value just stored."""
    calls, drawn = random.Random(seed), random.Random(seed + 1)
    judge, outcome = policy.freshness, Outcome()
    stored = _stored(0.0)
    ends: list[float] = []  # of the computations under way, the first to end first

    def compute(at: float) -> None:
        ends.append(at + COST)
        outcome.computations.append((at, at + COST))

    for at in _arrivals(calls):
        while ends and ends[0] <= at:
            stored = _stored(ends.pop(0))
        now = round(at * SECOND)
        expired = judge.stale(stored, now)
        if not expired and not judge.is_due(stored, now, lambda: 1 - drawn.random()):
            continue
        joins = policy.single and bool(ends)
        usable = not expired or judge.is_within(judge.revalidate, stored, now)
        if not joins:
            compute(at)
        if expired and usable:
            outcome.served_expired.append(at)
        # A value that may be used is, while another computes; in the background, nobody waits at all.
        if not usable or not (joins or judge.revalidate):
            outcome.waits.append((at, ends[0] if joins else at + COST))
    return outcome


def _arrivals(calls: random.Random) -> Iterator[float]:
    at = calls.expovariate(RATE)
    while at < MINUTES * 60:
        yield at
        at += calls.expovariate(RATE)


def _stored(at: float) -> SimpleNamespace:
    return SimpleNamespace(created=round(at * SECOND), cost=round(COST * 1e9), code=b"", raises=False, ttl=NEVER)


def _at_once(spans: list[tuple[float, float]]) -> Iterator[int]:
    """Yield how many there are at the same time, each time one begins or ends."""
    changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    count = 0
    for _, change in changes:
        count += change
        yield count


def _steps(spans: list[tuple[float, float]]) -> list[float]:
    """Return how many there are in each step of the picture: at least for a moment, at the same time."""
    counts = [0.0] * round(SHOWN / STEP)
    changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    count, position = 0, 0
    for at, change in changes:
        if at >= SHOWN:
            break
        while position < int(at / STEP):
            position += 1
            counts[position] = count
        count += change
        counts[position] = max(counts[position], count)
    return counts


def table(outcomes: dict[Policy, Outcome]) -> list[str]:
    """Return the lines of a Markdown table."""
    rows = [HEADINGS, ("---",) + ("--:",) * (len(HEADINGS) - 1)]
    rows += [outcome.cells(policy) for policy, outcome in outcomes.items()]
    return [f"| {' | '.join(row)} |" for row in rows]


def main() -> None:
    """Simulate all policies, print the table, and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the picture here")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the table between its markers in this page")
    arguments = parser.parse_args()
    outcomes = {policy: simulate(policy) for policy in POLICIES}
    lines = table(outcomes)
    print("\n".join(lines))
    if arguments.markdown:
        between_markers(arguments.markdown, lines, COMMAND)
    if arguments.svg:
        strips = [outcome.strip(policy) for policy, outcome in outcomes.items()]
        arguments.svg.write_text(draw(strips, SHOWN), encoding="utf-8")


if __name__ == "__main__":
    main()
