"""``memopickle stats``: what is stored, and what it saved."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from memopickle.cli import units
from memopickle.cli.output import Column, json_option, note, print_json, print_rows
from memopickle.cli.places import namespace_option, open_place, store_argument
from memopickle.expiry import wall_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.catalog import FunctionStats

__all__ = ["bar", "stats", "total_of"]

_BAR = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


@click.command(short_help="What is stored, and what it saved, by function.")
@store_argument
@namespace_option
@json_option
def stats(store: str | None, namespace: str | None, as_json: bool) -> None:
    """Show what STORE holds of each function, and what that saved: hits, misses and their reasons, time.

    STORE is a directory or a store URL; without it, the default cache. Time saved is the number of hits times what
    computing a stored result took on average. Counts are of all processes since the statistics began, as far as they
    have written them down, and unverified. Misses by reason can sum to more than the misses: a call that waits for
    another's result found nothing at first. No payload is read.

    \b
    Example: where does the space go?
      memopickle stats .cache
    """
    place = open_place(store, namespace)
    rows = place.cache.stats()
    if as_json:
        print_json({"store": place.name, "total": total_of(rows)}, "functions", map(_row, rows))
    elif rows:
        print_rows(_columns(), rows, place.name)
        _summarise(rows)
    else:
        note(place.emptiness)


def bar(part: float, width: int = _BAR) -> str:
    """Draw a part of a whole; in ASCII where the terminal has nothing better."""
    eighths = round(min(max(part, 0), 1) * width * 8)
    drawn = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    try:
        drawn.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        drawn = "#" * round(eighths / 8)
    return drawn.ljust(width)


def _row(row: FunctionStats) -> dict[str, Any]:
    times = {name: units.moment(getattr(row, name)) for name in ("first", "last", "oldest", "newest")}
    return {**row._asdict(), **times, "hit_rate": row.hit_rate, "saved_seconds": row.saved}


def total_of(rows: Sequence[FunctionStats]) -> dict[str, Any]:
    """Return the sums of all rows."""
    hits, misses = sum(row.hits for row in rows), sum(row.misses for row in rows)
    return {
        "functions": len(rows),
        "entries": sum(row.entries for row in rows),
        "bytes": sum(row.bytes for row in rows),
        "hits": hits,
        "misses": misses,
        "hit_rate": hits / (hits + misses) if hits + misses else None,
        "saved_seconds": sum(row.saved for row in rows),
    }


def _columns() -> list[Column]:
    now = wall_clock()
    return [
        Column("function", lambda row: row.function, lambda row: units.readable(row.function), shortens=True),
        Column("entries", lambda row: row.entries, lambda row: f"{row.entries:,}", right=True),
        Column("bytes", lambda row: row.bytes, lambda row: units.size(row.bytes), right=True),
        Column("hits", lambda row: row.hits, lambda row: f"{row.hits:,}", right=True, rank=3),
        Column("misses", lambda row: row.misses, lambda row: f"{row.misses:,}", right=True, rank=4),
        Column("hit rate", lambda row: row.hit_rate, lambda row: _rate(row.hit_rate), right=True),
        Column("", None, lambda row: bar(row.hit_rate or 0.0), rank=5),
        Column("saved", lambda row: row.saved, lambda row: units.duration(row.saved), right=True),
        Column("newest", lambda row: units.moment(row.newest), lambda row: _ago(row.newest, now), right=True, rank=6),
        Column("oldest", lambda row: units.moment(row.oldest), lambda row: _ago(row.oldest, now), right=True, rank=7),
        Column("misses by reason", _reasons, lambda row: _reasons(row).replace(",", ", ").replace("=", " "), rank=8),
    ]


def _rate(rate: float | None) -> str:
    return "" if rate is None else units.share(rate)


def _ago(then: float | None, now: float) -> str:
    return "" if then is None else units.age(then, now)


def _reasons(row: FunctionStats) -> str:
    return units.clean(",".join(f"{reason.replace(' ', '-')}={count}" for reason, count in row.reasons.items()))


def _summarise(rows: Sequence[FunctionStats]) -> None:
    total = total_of(rows)
    text = f"{units.plural(total['entries'], 'entry', 'entries')} of {units.plural(len(rows), 'function')}"
    text += f", {units.size(total['bytes'])}"
    if total["hit_rate"] is not None:
        hits, misses = units.plural(total["hits"], "hit"), units.plural(total["misses"], "miss", "misses")
        text += f"; {hits}, {misses} ({units.share(total['hit_rate'])})"
        text += f", {units.duration(total['saved_seconds'])} saved"
    note(text)
