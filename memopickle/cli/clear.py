"""``memopickle clear``: remove entries by function, age or expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from memopickle.catalog import function_names
from memopickle.cli import units
from memopickle.cli.consent import agree, need_somebody
from memopickle.cli.filters import function_option, missing_ok_option, older_than_option
from memopickle.cli.output import Column, json_option, print_json, print_rows
from memopickle.cli.places import namespace_option, open_place, store_argument
from memopickle.cli.progress import tracked
from memopickle.selection import Selection
from memopickle.storekey import FUNCTION_SIZE

if TYPE_CHECKING:
    from memopickle.cli.places import Place

__all__ = ["clear"]


class _Doomed(NamedTuple):
    """What would go of one function."""

    function: str
    entries: int
    bytes: int


@click.command(short_help="Remove entries: by function, age, expiry, or all.")
@store_argument
@function_option
@namespace_option
@older_than_option
@click.option("--expired", is_flag=True, help="Only what outlived the ttl that it was stored under.")
@click.option("--all", "everything", is_flag=True, help="Everything; has to be said where no other option selects.")
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Tell what would be removed, and remove nothing.")
@missing_ok_option
@json_option
def clear(
    store: str | None, function: str | None, namespace: str | None, older_than: float | None, expired: bool,
    everything: bool, yes: bool, dry_run: bool, missing_ok: bool, as_json: bool,
) -> None:  # fmt: skip
    """Remove entries of STORE that all the given options select.

    Asks before it removes anything; --yes does not. Neither the modules whose functions filled the cache nor the
    signing secret are needed, and files that are not memopickle's stay. Running programs compute what is missing when
    they next need it. Entries whose head is damaged have no age: they go with --all, or by --function alone.

    \b
    Example: from cron, what a package stored more than a week ago
      memopickle clear .cache --function 'pkg.*' --older-than 7d --yes
    """
    selection = Selection(function, older_than, expired=expired)
    if everything == (selection != Selection() or namespace is not None):
        raise click.UsageError(
            "say what to clear: --function, --older-than, --expired or --namespace; or --all, without the others"
        )
    place = open_place(store, namespace, missing_ok)
    if dry_run:
        _announce(place, _doomed(place, selection), as_json)
        return
    if not yes:
        _ask(place, _doomed(place, selection))
    removed = place.cache.clear(function, older_than=older_than, expired=expired)
    if as_json:
        print_json({"store": place.name, "dry_run": False, "removed": removed})
    else:
        click.echo(f"Removed {units.plural(removed, 'entry', 'entries')} from {place.name}.")


def _doomed(place: Place, selection: Selection) -> list[_Doomed]:
    """Return what would go, function by function, most bytes first."""
    names = function_names(place.store, place.prefix)
    counts: dict[str, tuple[int, int]] = {}
    for key in tracked("looking", list(selection.keys(place.store, place.prefix))):
        name = names.get(key[:FUNCTION_SIZE], "")
        entries, size = counts.get(name, (0, 0))
        counts[name] = entries + 1, size + place.store.size(key)
    return sorted((_Doomed(name, *count) for name, count in counts.items()), key=lambda one: (-one.bytes, one.function))


def _announce(place: Place, doomed: list[_Doomed], as_json: bool) -> None:
    entries, size = _totals(doomed)
    if as_json:
        head = {"store": place.name, "dry_run": True, "removed": 0, "would_remove": entries, "bytes": size}
        print_json(head, "functions", (one._asdict() for one in doomed))
        return
    if doomed:
        print_rows(_COLUMNS, doomed)
    click.echo(f"Would remove {units.plural(entries, 'entry', 'entries')} ({units.size(size)}) from {place.name}.")


def _ask(place: Place, doomed: list[_Doomed]) -> None:
    need_somebody()
    entries, size = _totals(doomed)
    if entries:
        of = f"{units.plural(entries, 'entry', 'entries')} ({units.size(size)})"
        agree(f"Remove {of} of {units.plural(len(doomed), 'function')} from {place.name}?")


def _totals(doomed: list[_Doomed]) -> tuple[int, int]:
    return sum(one.entries for one in doomed), sum(one.bytes for one in doomed)


_COLUMNS = [
    Column("entries", lambda one: one.entries, lambda one: f"{one.entries:,}", right=True),
    Column("bytes", lambda one: one.bytes, lambda one: units.size(one.bytes), right=True),
    Column("function", lambda one: one.function, lambda one: units.readable(one.function), shortens=True),
]
