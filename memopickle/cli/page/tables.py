"""Tables: figures in rows and columns, with pictures among them, which a phone shows as cards.

The roles are written out because a table that is laid out otherwise is none any more for some screen readers.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from memopickle.cli import units
from memopickle.cli.page.charts import bar
from memopickle.cli.page.markup import Markup, element, fragment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Bar", "age", "bars", "count", "duration", "function", "rate", "size", "table"]


_JOINT = re.compile(r"(?<=[.:_])(?=.)")
_BREAK = element("wbr")


class Bar(NamedTuple):
    """A row of a bar chart: what it is of, the part of the whole (0 to 1), the figure, and what explains that."""

    name: str
    part: float
    figure: Markup
    detail: str


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], **attributes: str) -> Markup:
    """Return a table; the first cell of each row is its heading."""
    heads = [element("th", title, role="columnheader", scope="col") for title in titles]
    lines = [_line(titles, cells) for cells in rows]
    return element(
        "table",
        element("thead", element("tr", *heads, role="row"), role="rowgroup"),
        element("tbody", *lines, role="rowgroup"),
        role="table", **attributes,
    )  # fmt: skip


def bars(titles: Sequence[str], rows: Iterable[Bar], **attributes: str) -> Markup:
    """Return a bar chart that is a table: name, figure, detail; the bars come last for who can't see them."""
    cells = ((row.name, row.figure, row.detail, bar(row.part)) for row in rows)
    return table([*titles, "Bar"], cells, class_="bars", **attributes)


def _line(titles: Sequence[str], cells: Sequence[str]) -> Markup:
    rest = [
        element("td", cell, role="cell", data_title=title) for title, cell in zip(titles[1:], cells[1:], strict=True)
    ]
    return element("tr", element("th", cells[0], role="rowheader", scope="row"), *rest, role="row")


def function(name: str) -> Markup:
    """Write the name of a function, which may be broken where it has joints."""
    parts = _JOINT.split(units.readable(name))
    return fragment(parts[0], *chain.from_iterable((_BREAK, part) for part in parts[1:]))


# -- figures: the exact one for programs, a readable one for people ----------------------------------------------------


def count(value: int) -> Markup:
    """Write a number of things."""
    return element("data", f"{value:,}", value=value)


def size(value: int) -> Markup:
    """Write bytes."""
    return element("data", units.size(value), value=value, title=f"{value:,} bytes")


def duration(seconds: float) -> Markup:
    """Write seconds."""
    return element("data", units.duration(seconds), value=seconds)


def rate(part: float | None) -> Markup:
    """Write a part of a whole, None where there is no whole."""
    return element("data", "-" if part is None else units.share(part), value="" if part is None else part)


def age(then: float | None, now: float) -> Markup:
    """Write how long before the page was made something was."""
    if then is None:
        return element("span", "-")
    return element("time", units.age(then, now), datetime=units.moment(then))
