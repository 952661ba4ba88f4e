"""Rows of figures: what is printed, written as JSON, and put into a page of the documentation."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from suite.rounds import Round, Rounds, Spread

__all__ = [
    "Against", "Goal", "Row", "at_least", "at_most", "between_markers", "compared", "duration", "markdown", "marked",
    "noted", "plain",
]  # fmt: skip

HEADINGS = ("work", "compared with", "figure", "quartiles", "target", "")


class Goal(NamedTuple):
    """What a figure should be."""

    limit: float
    upwards: bool

    def met(self, figure: float) -> bool:
        """Tell whether a figure is good enough."""
        return figure >= self.limit if self.upwards else figure <= self.limit


def at_most(limit: float) -> Goal:
    """A figure that may not be larger."""
    return Goal(limit, False)


def at_least(limit: float) -> Goal:
    """A figure that may not be smaller."""
    return Goal(limit, True)


class Row(NamedTuple):
    """One figure: a ratio (``unit`` is "x") or an amount, with its goal where there is one.

    ``took`` are the nanoseconds of what a ratio compares.
    """

    work: str
    against: str
    figure: Spread | None
    goal: Goal | None = None
    unit: str = "x"
    note: str = ""
    took: tuple[float, float] | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without goal or figure."""
        return None if self.goal is None or self.figure is None else self.goal.met(self.figure.median)

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, in the order of HEADINGS."""
        if self.figure is None:
            return self.work, self.against, "-", "", "", self.note
        figure, low, high = (_written(number, self.unit) for number in self.figure)
        target = "" if self.goal is None else f"{'>=' if self.goal.upwards else '<='} {_target(self.goal, self.unit)}"
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        took = "" if self.took is None else " to ".join(map(duration, self.took))
        notes = "; ".join(filter(None, (verdict, took, self.note)))
        return self.work, self.against, figure, f"{low} - {high}", target, notes

    def facts(self) -> dict[str, object]:
        """Return the row for JSON."""
        return {
            "work": self.work, "against": self.against, "unit": self.unit, "note": self.note, "met": self.met,
            "nanoseconds": self.took,
            "figure": None if self.figure is None else self.figure._asdict(),
            "goal": None if self.goal is None else {"at_least" if self.goal.upwards else "at_most": self.goal.limit},
        }  # fmt: skip


class Against(NamedTuple):
    """What one figure is compared with: a contender, or something made of several of the same round."""

    name: str
    goal: Goal | None = None
    figure: Callable[[Round], float] | None = None


def compared(work: str, rounds: Rounds, own: str, others: Iterable[Against]) -> Iterator[Row]:
    """Give a row for each comparison; what did not run is said to be missing."""
    own_time = rounds.nanoseconds(itemgetter(own))
    for other in others:
        if other.figure is None and other.name not in rounds:
            yield noted(work, other.name, "not installed")
            continue
        figure = other.figure or itemgetter(other.name)
        took = own_time, rounds.nanoseconds(figure)
        yield Row(work, other.name, rounds.ratio(itemgetter(own), figure), other.goal, took=took)


def noted(work: str, against: str, note: str) -> Row:
    """A row without a figure, that says why."""
    return Row(work, against, None, note=note)


def duration(nanoseconds: float) -> str:
    """Write a time in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def plain(rows: list[Row]) -> Iterator[str]:
    """Give the lines of a table for the terminal."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def markdown(rows: list[Row]) -> Iterator[str]:
    """Give the lines of a Markdown table."""
    yield "| " + " | ".join(HEADINGS) + " |"
    yield "|---|---|---:|---|---|---|"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells()) + " |"


def marked(path: Path, command: str) -> bool:
    """Tell whether a page has a place for what a command prints."""
    return path.exists() and f"<!-- begin: {command} -->" in path.read_text(encoding="utf-8")


def between_markers(path: Path, lines: Iterable[str], command: str) -> None:
    """Put what a command printed between its two markers in a page, or make the page of it."""
    begin, end = f"<!-- begin: {command} -->", f"<!-- end: {command} -->"
    block = "\n".join((begin, "", *lines, "", end))
    text = path.read_text(encoding="utf-8") if path.exists() else f"{begin}\n{end}\n"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise SystemExit(f"{path} has no lines {begin!r} and {end!r} to put the figures between")
    path.write_text(before + block + after, encoding="utf-8")


def _written(number: float, unit: str) -> str:
    if unit != "x":
        return f"{number:.3g} {unit}"
    return f"{number:.2f}x" if number >= 0.1 else f"{number:.2g}x"


def _target(goal: Goal, unit: str) -> str:
    return f"{goal.limit:.3g}{'x' if unit == 'x' else ' ' + unit}"
