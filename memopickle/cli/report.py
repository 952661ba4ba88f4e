"""``memopickle report``: the figures of a cache as one page for a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from memopickle.cli import units
from memopickle.cli.output import note
from memopickle.cli.page.ages import ages_of
from memopickle.cli.page.document import Report, render
from memopickle.cli.page.file import check_target, write_page
from memopickle.cli.places import namespace_option, open_place, store_argument
from memopickle.cli.progress import tracked
from memopickle.cli.stats import total_of
from memopickle.expiry import wall_clock

if TYPE_CHECKING:
    from memopickle.cli.places import Place

__all__ = ["report"]


@click.command(short_help="The same as one page with pictures.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@store_argument
@namespace_option
@click.option("--force", is_flag=True, help="Overwrite FILE even if it is not a page that memopickle made.")
def report(file: str, store: str | None, namespace: str | None, force: bool) -> None:
    """Write what 'memopickle stats' tells of STORE as a page with pictures: one HTML FILE, which needs no other.

    STORE is a directory or a store URL; without it, the default cache. FILE is overwritten if it is such a page, and
    '-' stands for standard output. The page shows hit rates, time saved, bytes, the age of entries and the reasons of
    misses; no result, no argument, and nothing of the secret. Only the heads of entries are read.

    \b
    Example:
      memopickle report cache.html .cache
    """
    if file != "-":
        check_target(file, force)
    place = open_place(store, namespace)
    found = _look(place, namespace)
    page = render(found)
    if file == "-":
        click.echo(page.encode(), nl=False)
    else:
        write_page(file, page)
        click.echo(f"Wrote {units.clean(file)}: {_size(found)} in {place.name}")
    if not found.rows:
        note(place.emptiness)
    if found.ages.unreadable:
        entries = units.plural(found.ages.unreadable, "entry", "entries")
        note(f"{entries} could not be read: 'memopickle verify' says why.")


def _size(found: Report) -> str:
    return f"{units.plural(found.total['entries'], 'entry', 'entries')} of {units.plural(len(found.rows), 'function')}"


def _look(place: Place, namespace: str | None) -> Report:
    now = wall_clock()
    rows = place.cache.stats()
    ages = ages_of(place.store, tracked("reading heads", list(place.store.keys(place.prefix))), now)
    return Report(place.name, namespace, now, rows, total_of(rows), ages)
