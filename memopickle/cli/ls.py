"""``memopickle ls``: what is stored, one entry a line."""

from __future__ import annotations

import sys
from heapq import nsmallest
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from memopickle.cli import units
from memopickle.cli.filters import AGE, SIZE, function_option, older_than_option
from memopickle.cli.output import Column, json_option, note, print_json, print_rows
from memopickle.cli.places import namespace_option, open_place, store_argument
from memopickle.cli.progress import tracked
from memopickle.expiry import wall_clock
from memopickle.selection import Selection
from memopickle.storekey import NAMESPACE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memopickle.catalog import EntryInfo
    from memopickle.cli.places import Place

__all__ = ["entry_row", "ls", "short"]

#: How many entries a terminal shows unless told; whoever reads a pipe wants all.
_SCREENFUL = 50

_ORDERS: dict[str, Callable[[EntryInfo], Any]] = {
    "newest": lambda info: -info.created,
    "oldest": lambda info: info.created,
    "largest": lambda info: -info.size,
    "smallest": lambda info: info.size,
    "slowest": lambda info: -info.cost,
    "expires": lambda info: float("inf") if info.expires is None else info.expires,
    "function": lambda info: (info.function, -info.created),
}


@click.command(short_help="List entries.")
@store_argument
@function_option
@namespace_option
@older_than_option
@click.option("--newer-than", type=AGE, metavar="AGE", help="Only what was stored since.")
@click.option("--larger-than", type=SIZE, metavar="SIZE", help="Only entries of more bytes: 500, 10kB, 1.5MB, 2GiB.")
@click.option("--smaller-than", type=SIZE, metavar="SIZE", help="Only entries of fewer bytes.")
@click.option("--expired", is_flag=True, help="Only what outlived the ttl that it was stored under.")
@click.option("--sort", type=click.Choice(list(_ORDERS)), help="Read all heads and sort.  [default: as they lie]")
@click.option("--reverse", is_flag=True, help="The other way round; needs --sort.")
@click.option(
    "--limit", "-n", type=click.IntRange(0), help="At most so many, 0 for all.  [default: 50 on a terminal, else all]"
)
@json_option
def ls(
    store: str | None, function: str | None, namespace: str | None, older_than: float | None, newer_than: float | None,
    larger_than: int | None, smaller_than: int | None, expired: bool, sort: str | None, reverse: bool,
    limit: int | None, as_json: bool,
) -> None:  # fmt: skip
    """List what is stored in STORE, one entry a line.

    STORE is a directory or a store URL; without it, the default cache. Only the heads of entries are read, no payload,
    and no signature is checked: 'memopickle verify' does that. Without --sort a listing that is limited stops early,
    however large the cache.

    \b
    Example: the ten largest results of one package, older than a week
      memopickle ls .cache --function 'pkg.*' --older-than 7d --sort largest -n 10
    """
    if reverse and sort is None:
        raise click.UsageError("--reverse needs --sort: without it there is no order to turn round")
    selection = Selection(function, older_than, newer_than, larger_than, smaller_than, expired)
    place = open_place(store, namespace)
    if limit is None:
        limit = 0 if as_json or not sys.stdout.isatty() else _SCREENFUL
    found = _ordered(_entries(place, selection, sort), sort, reverse, limit and limit + 1)
    if as_json:
        print_json({"store": place.name}, "entries", map(entry_row, islice(found, limit or None)))
    else:
        _print(place, found, limit)


def entry_row(info: EntryInfo) -> dict[str, Any]:
    """Return an entry's facts as JSON has them: times ISO 8601 in UTC, bytes, seconds."""
    return {
        "key": info.key,
        "function": info.function,
        "namespace": info.namespace,
        "created": units.moment(info.created),
        "expires": units.moment(info.expires),
        "bytes": info.size,
        "compute_seconds": info.cost,
        "version": info.version,
    }


def _entries(place: Place, selection: Selection, sort: str | None) -> Iterator[EntryInfo]:
    candidates: Iterable[str] = selection.candidates(place.store, place.prefix)
    if sort is not None:
        candidates = tracked("reading heads", list(candidates))
    return selection.entries(place.store, candidates)


def _ordered(found: Iterator[EntryInfo], sort: str | None, reverse: bool, limit: int) -> Iterator[EntryInfo]:
    if sort is None:
        return islice(found, limit or None)
    if limit and not reverse:
        return iter(nsmallest(limit, found, _ORDERS[sort]))
    return islice(sorted(found, key=_ORDERS[sort], reverse=reverse), limit or None)


def _print(place: Place, found: Iterator[EntryInfo], limit: int) -> None:
    first = next(found, None)
    if first is None:
        note(place.emptiness)
        return
    everything = chain([first], found)
    print_rows(_columns(), islice(everything, limit or None))
    if next(everything, None) is not None:
        note(f"{limit} are shown, and there are more: --limit 0 shows all.")


def _columns() -> list[Column]:
    now = wall_clock()
    return [
        Column("key", lambda info: info.key, lambda info: short(info.key)),
        Column(
            "stored", lambda info: units.moment(info.created), lambda info: units.age(info.created, now), right=True
        ),
        Column(
            "expires", lambda info: units.moment(info.expires), lambda info: _expires(info, now), right=True, rank=2
        ),
        Column("bytes", lambda info: info.size, lambda info: units.size(info.size), right=True),
        Column("seconds", lambda info: info.cost, lambda info: units.duration(info.cost), right=True, rank=1),
        Column("function", lambda info: info.function, lambda info: units.readable(info.function), shortens=True),
    ]


def short(key: str) -> str:
    """Return what a terminal shows of a key, enough for ``memopickle show``: some of the function and the arguments."""
    function, _, rest = key.partition("/")
    return f"{function[NAMESPACE_SIZE:][:6]}/{rest[:8]}"


def _expires(info: EntryInfo, now: float) -> str:
    return "never" if info.expires is None else units.age(info.expires, now)
