"""What a command prints: a table on a terminal, aligned plain text into a pipe, JSON where that is asked for."""

from __future__ import annotations

import json
import sys
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from memopickle.cli.units import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from memopickle.cli.filters import Decorator

__all__ = ["Column", "json_name", "json_option", "note", "print_json", "print_pairs", "print_rows", "print_table"]

#: Rows that are looked at to see how wide the columns of plain text must be; what follows may stick out.
_SAMPLE = 500
_GAP = "  "
#: A name that is too long keeps its end, which says more; and at least this much of it.
_LEAST = 16

json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document in place of the table."
)


def _plain(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else clean(str(value))


class Column(NamedTuple):
    """A column of a table: its title, and what it shows of a row."""

    title: str
    #: The exact value, for a pipe; None for what is drawn for eyes only, such as a bar.
    value: Callable[[Any], Any] | None
    #: What a terminal shows, if something else.
    pretty: Callable[[Any], str] | None = None
    right: bool = False
    #: Where a terminal is too narrow, columns are left out, the highest rank first; 0 is never left out.
    rank: int = 0
    #: Whether a terminal that is too narrow may show the end of it only.
    shortens: bool = False

    def plain(self, row: Any) -> str:
        """Return what a pipe gets."""
        return "" if self.value is None else _plain(self.value(row))

    def text(self, row: Any) -> str:
        """Return what a terminal shows."""
        return self.plain(row) if self.pretty is None else self.pretty(row)


def note(text: str) -> None:
    """Tell people something beside the result, after what was printed of it."""
    sys.stdout.flush()
    click.echo(text, err=True)


def json_name(words: str) -> str:
    """Return a state, which is told in words, as a name in a JSON document."""
    return words.replace(" ", "_").replace("-", "_")


def print_json(document: Mapping[str, Any], name: str = "", rows: Iterable[Mapping[str, Any]] | None = None) -> None:
    """Print one JSON document; the ``rows``, under ``name``, one a line and each as soon as it is known."""
    if rows is None:
        click.echo(json.dumps(document, indent=2))
        return
    head = json.dumps(document, indent=2)[:-2]
    sys.stdout.write(f"{head},\n  {json.dumps(name)}: [")
    for number, row in enumerate(rows):
        sys.stdout.write(f"{',' if number else ''}\n    {json.dumps(row)}")
    sys.stdout.write("\n  ]\n}\n")


def print_rows(columns: Sequence[Column], rows: Iterable[Any], title: str = "") -> None:
    """Print rows: as a table that fits the terminal, or in full as plain text, each line as soon as it is known."""
    if sys.stdout.isatty():
        print_table(columns, list(rows), title)
        return
    for line in _plain_lines([column for column in columns if column.value], rows):
        sys.stdout.write(f"{line}\n")  # click.echo flushes after each


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and what they stand for, one a line; nothing is cut."""
    found = [(clean(name), clean(text)) for name, text in pairs]
    width = max(len(name) for name, _ in found)
    for name, text in found:
        click.echo(f"{name:{width}}{_GAP}{text}".rstrip())


def _plain_lines(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[str]:
    texts = ([column.plain(row) for column in columns] for row in rows)
    first = list(islice(texts, _SAMPLE))
    titles = [column.title for column in columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *first, strict=True)]
    for cells in chain([titles], first, texts):
        yield _GAP.join(map(_aligned, columns, cells, widths)).rstrip()


def _aligned(column: Column, text: str, width: int) -> str:
    return text.rjust(width) if column.right else text.ljust(width)


def print_table(columns: Sequence[Column], rows: Sequence[Any], title: str = "") -> None:
    """Print a table on the terminal: names are shortened and columns left out until it fits."""
    from rich.console import Console  # 40 ms that a pipe need not wait for

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    cells = {column: [column.text(row) for row in rows] for column in columns}
    widths = {column: max(len(column.title), *map(len, texts), 0) for column, texts in cells.items()}
    shown = _fitting(columns, widths, console.width)
    spare = console.width - _total(shown, widths)
    console.print(_rich_table(shown, cells, widths, spare, title))
    left_out = [column.title for column in columns if column not in shown and column.title]
    if left_out:
        note(f"Too narrow for: {', '.join(left_out)}. Widen the terminal, or use --json.")


def _fitting(columns: Sequence[Column], widths: Mapping[Column, int], width: int) -> list[Column]:
    shown = list(columns)
    while _least(shown, widths) > width and any(column.rank for column in shown):
        shown.remove(max(shown, key=lambda column: column.rank))
    return shown


def _total(columns: Sequence[Column], widths: Mapping[Column, int]) -> int:
    return sum(widths[column] for column in columns) + len(_GAP) * (len(columns) - 1)


def _least(columns: Sequence[Column], widths: Mapping[Column, int]) -> int:
    spare = sum(max(widths[column] - _LEAST, 0) for column in columns if column.shortens)
    return _total(columns, widths) - spare


def _rich_table(
    columns: Sequence[Column], cells: Mapping[Column, list[str]], widths: Mapping[Column, int], spare: int, title: str
) -> Any:
    from rich.table import Table

    table = Table(
        title=title or None, title_justify="left", title_style="bold", header_style="bold underline",
        box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0),
    )  # fmt: skip
    limits: dict[Column, int] = {}
    for column in columns:
        limits[column] = max(widths[column] + min(spare, 0), _LEAST) if column.shortens else widths[column]
        justify: Any = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, no_wrap=True, min_width=limits[column])
    for texts in zip(*(cells[column] for column in columns), strict=True):
        table.add_row(*(_shortened(text, limits[column]) for column, text in zip(columns, texts, strict=True)))
    return table


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"
