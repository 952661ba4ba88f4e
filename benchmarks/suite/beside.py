"""The same figures seen from the other side: what each library takes, where memopickle takes 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import charts
from suite.peers import DISK, MEMORY
from suite.report import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.report import Row

__all__ = ["drawn", "table"]

#: Headings, and the work whose rows they are of, each with the options that memopickle has by itself.
COLUMNS = {
    "hit in memory": "memory hit, scalar, immutable result",
    "the same awaited": "async memory hit, small",
    "hit on disk": "disk hit, small, blake3",
    "the same awaited ": "async disk hit, small",
    "miss, stored on disk": "disk miss + store, single_flight=True",
    "100 MB from disk": "disk hit, array of 100 MB",
    "import": "import",
}
LIBRARIES = (*MEMORY[:-1], *DISK, "cashews")
#: File, work and title of each chart.
CHARTS = (
    ("speed-memory", "memory hit, scalar, immutable result", "A hit in memory"),
    ("speed-disk", "disk hit, small, blake3", "A hit on disk, small result"),
    ("speed-store", "disk miss + store, single_flight=True", "A miss that stores its small result on disk"),
    ("speed-large", "disk hit, array of 100 MB", "An array of 100 MB, read back from disk"),
)
#: Contenders that a chart leaves out, for they are close to another one.
LEFT_OUT = ("signed floor + pickle and blake3 as key",)


def table(rows: list[Row]) -> list[str]:
    """Return the lines of a Markdown table with a row for each library, [] unless all its columns were measured."""
    found = {(row.work, row.against): row for row in rows}
    if not set(COLUMNS.values()) <= {row.work for row in rows}:
        return []
    return list(_lines(found))


def _lines(found: dict[tuple[str, str], Row]) -> Iterator[str]:
    yield "| library | " + " | ".join(heading.rstrip() for heading in COLUMNS) + " |"
    yield "|---|" + "---:|" * len(COLUMNS)
    yield "| memopickle, takes 1: | " + " | ".join(_own(found, work) for work in COLUMNS.values()) + " |"
    for name in LIBRARIES:
        yield f"| {name} | " + " | ".join(_times(found.get((work, name))) for work in COLUMNS.values()) + " |"


def _own(found: dict[tuple[str, str], Row], work: str) -> str:
    return next((duration(row.took[0]) for (of, _), row in found.items() if of == work and row.took), "")


def _times(row: Row | None) -> str:
    """Return how many times as long as memopickle's."""
    return "" if row is None or row.figure is None else f"{1 / row.figure.median:.2g}"


def drawn(rows: list[Row]) -> Iterator[tuple[str, str]]:
    """Give name and contents of each chart whose work was measured."""
    for name, work, title in CHARTS:
        there = [row for row in rows if row.work == work and row.took and row.against not in LEFT_OUT]
        if there:
            yield f"{name}.svg", charts.bars(title, "how many times as long as memopickle", _bars(there))


def _bars(rows: list[Row]) -> list[charts.Bar]:
    """Return a bar for memopickle and for what it is compared with, the shortest first."""
    others = [(1 / row.figure.median, row.against, row.took[1]) for row in rows if row.figure and row.took]
    own = (1.0, "memopickle", rows[0].took[0] if rows[0].took else 0.0)
    lines = sorted((own, *others))
    return [charts.Bar(name, times, f"{times:.2g}x, {duration(took)}") for times, name, took in lines]
