"""``memopickle copy``: entries from one store to another."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import click

from memopickle.audit import NOT_GOOD, State
from memopickle.cli import units
from memopickle.cli.filters import function_option
from memopickle.cli.output import json_name, json_option, note, print_json
from memopickle.cli.places import check, name_of, namespace_option, open_place
from memopickle.cli.progress import tracked
from memopickle.cli.signers import signers_for
from memopickle.config import as_store
from memopickle.expiry import microseconds, wall_clock
from memopickle.selection import parts
from memopickle.stores.memory import MemoryStore
from memopickle.transfer import COPIED, EXPIRED, PRESENT, Copier

if TYPE_CHECKING:
    from memopickle.stores.base import Store

__all__ = ["copy"]

_ORDER = (COPIED, PRESENT, EXPIRED, *NOT_GOOD, State.GONE)


@click.command(short_help="Copy entries to another store.")
@click.argument("source")
@click.argument("target")
@function_option
@namespace_option
@click.option("--dry-run", is_flag=True, help="Count what would be copied, and copy nothing.")
@json_option
def copy(source: str, target: str, function: str | None, namespace: str | None, dry_run: bool, as_json: bool) -> None:
    """Copy the entries of the store SOURCE to the store TARGET, which is made if need be.

    Each signature is checked first, then the bytes are copied as they are, so that programs with the same namespace
    and secret use them there; entries keep their expiry. What TARGET has already, and what is expired, is skipped: a
    copy that was stopped goes on when run again. Exit code 1 if an entry was not copied because it is not good.

    \b
    Example: fill a cache for an image, then look at what it holds
      memopickle copy ~/.cache/memopickle dir:/image/cache --function 'app.*'
      memopickle stats /image/cache
    """
    place = open_place(source, namespace)
    there = _target(place.store, as_store(target), dry_run)
    # What verifies is needed only where there is something to verify.
    signers = signers_for(list(islice(place.store.keys(place.prefix), 1)))
    copier = Copier(place.store, there, signers, microseconds(wall_clock))
    lacking, present = copier.plan(parts(place.store, place.prefix, function))
    counts = Counter({PRESENT: present})
    if dry_run:
        counts[COPIED] = len(lacking)
    else:
        _run(copier, lacking, counts)
    _report(counts, name_of(as_store(target)), dry_run, as_json)
    if any(counts[state] for state in NOT_GOOD):
        raise click.exceptions.Exit(1)


def _target(source: Store, target: Store, dry_run: bool) -> Store:
    if repr(source) == repr(target):
        raise click.UsageError("SOURCE and TARGET are the same store; name another TARGET")
    if not check(target):
        if dry_run:
            return MemoryStore()
        target.open()
    return target


def _run(copier: Copier, keys: list[str], counts: Counter[str]) -> None:
    for key in tracked("copying", keys):
        found = copier.copy(key)
        counts[found.state] += 1
        if found.state in NOT_GOOD:
            note(f"Not copied, {found.state}: {found.key} ({units.clean(found.reason)})")


def _report(counts: Counter[str], name: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"target": name, "dry_run": dry_run, **{json_name(state): counts[state] for state in _ORDER}})
        return
    done = "Would copy" if dry_run else "Copied"
    told = [f"{done} {units.plural(counts[COPIED], 'entry', 'entries')} to {name}", *units.counted(counts, _ORDER[1:])]
    click.echo(f"{', '.join(told)}.")
