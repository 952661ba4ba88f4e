"""``memopickle prune``: remove what is expired, and what killed writers left behind."""

from __future__ import annotations

import click

from memopickle.cli import units
from memopickle.cli.filters import missing_ok_option
from memopickle.cli.output import json_option, print_json
from memopickle.cli.places import open_place, store_argument
from memopickle.selection import Selection

__all__ = ["prune"]


@click.command(short_help="Remove expired entries and leftovers.")
@store_argument
@click.option("--dry-run", is_flag=True, help="Count what is expired, and remove nothing.")
@missing_ok_option
@json_option
def prune(store: str | None, dry_run: bool, missing_ok: bool, as_json: bool) -> None:
    """Remove from STORE what is expired, and what killed writers left behind.

    Expired means: by the ttl that an entry was stored under. Nothing that a program could still use is removed, so
    this does not ask. Safe while programs use the cache; worth running from cron.

    \b
    Example: every night at four
      0 4 * * * memopickle prune /var/cache/app --missing-ok
    """
    place = open_place(store, missing_ok=missing_ok)
    count = sum(1 for _ in Selection(expired=True).keys(place.store)) if dry_run else place.cache.prune()
    if as_json:
        print_json({"store": place.name, "dry_run": dry_run, "expired" if dry_run else "removed": count})
        return
    done = "Would remove" if dry_run else "Removed"
    click.echo(f"{done} {units.plural(count, 'expired entry', 'expired entries')} from {place.name}.")
