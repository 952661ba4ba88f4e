"""The same figures seen from the other side: what each library takes, where memopickle takes 1."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from suite import charts
from suite.peers import DISK, MEMORY
from suite.report import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.report import Row

__all__ = ["drawn", "table"]

#: Headings, and patterns of the work whose rows they are of, with the options that memopickle has by itself.
COLUMNS = (
    ("hit in memory", "memory hit, scalar, immutable result"),
    ("the same awaited", "async memory hit, small"),
    ("hit on disk", "disk hit, small, blake3"),
    ("the same awaited", "async disk hit, small"),
    ("miss, stored on disk", "disk miss + store, single_flight=True"),
    ("100 MB from disk", "disk hit, array of * MB"),
    ("process with one hit", "process with one disk hit"),
)
LIBRARIES = (*MEMORY[:-1], *DISK, "cashews")
#: File, pattern of the work, and title of each chart.
CHARTS = (
    ("speed-memory", "memory hit, scalar, immutable result", "A hit in memory"),
    ("speed-disk", "disk hit, small, blake3", "A hit on disk, small result"),
    ("speed-store", "disk miss + store, single_flight=True", "A miss that stores its small result on disk"),
    ("speed-large", "disk hit, array of * MB", "An array of 100 MB, read back from disk"),
)
#: Contenders that a chart leaves out, for they are close to another one.
LEFT_OUT = ("signed floor + pickle and blake3 as key",)


def table(rows: list[Row]) -> list[str]:
    """Return the lines of a Markdown table with a row for each library, [] unless all its columns were measured."""
    columns = [_of(rows, work) for _, work in COLUMNS]
    return list(_lines(columns)) if all(columns) else []


def _of(rows: list[Row], work: str) -> dict[str, Row]:
    """Return the ratios of a work, by what memopickle is compared with."""
    return {row.against: row for row in rows if row.took and fnmatchcase(row.work, work)}


def _lines(columns: list[dict[str, Row]]) -> Iterator[str]:
    yield f"| library | {' | '.join(heading for heading, _ in COLUMNS)} |"
    yield "|---|" + "---:|" * len(COLUMNS)
    yield "| memopickle | " + " | ".join(f"1: {duration(_own(column))}" for column in columns) + " |"
    for name in LIBRARIES:
        yield f"| {name} | " + " | ".join(_times(column.get(name)) for column in columns) + " |"


def _own(column: dict[str, Row]) -> float:
    """Return the nanoseconds of memopickle, which are those of all rows."""
    return next(row.took[0] for row in column.values() if row.took)


def _times(row: Row | None) -> str:
    """Return how many times as long as memopickle's."""
    return "" if row is None or row.figure is None else _written(1 / row.figure.median)


def _written(times: float) -> str:
    return f"{times:.0f}" if times >= 10 else f"{times:.2g}"


def drawn(rows: list[Row]) -> Iterator[tuple[str, str]]:
    """Give name and contents of each chart whose work was measured."""
    for name, work, title in CHARTS:
        found = {against: row for against, row in _of(rows, work).items() if against not in LEFT_OUT}
        if found:
            yield f"{name}.svg", charts.bars(title, "how many times as long as memopickle", _bars(found))


def _bars(found: dict[str, Row]) -> list[charts.Bar]:
    """Return a bar for memopickle and for what it is compared with, the shortest first."""
    others = [(1 / row.figure.median, name, row.took[1]) for name, row in found.items() if row.figure and row.took]
    lines = sorted([(1.0, charts.OWN, _own(found)), *others])
    return [charts.Bar(name, times, f"{_written(times)}x, {duration(took)}") for times, name, took in lines]
