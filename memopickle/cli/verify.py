"""``memopickle verify``: check every signature."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from memopickle.audit import NOT_GOOD, Auditor, Checked, State
from memopickle.cli import units
from memopickle.cli.output import Column, json_option, print_json, print_rows
from memopickle.cli.places import namespace_option, open_place, store_argument
from memopickle.cli.progress import tracked
from memopickle.cli.signers import signers_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memopickle.cli.places import Place

__all__ = ["verify"]


@click.command(short_help="Check every signature.")
@store_argument
@namespace_option
@click.option("--delete-bad", is_flag=True, help="Remove damaged entries, and only those.")
@click.option("--delete-unknown", is_flag=True, help="Remove those signed with a secret that is not configured here.")
@json_option
def verify(store: str | None, namespace: str | None, delete_bad: bool, delete_unknown: bool, as_json: bool) -> None:
    """Read every entry of STORE and check its signature; unpickle nothing.

    Exit code 1 if an entry is not good: damaged (a call that needs it computes anew and replaces it), signed with
    an unknown secret (another user's, or one taken off the list), of an unknown format (another version's), or
    unreadable.
    With --delete-bad it is still 1: something was wrong.

    \b
    Example: what is wrong, and then be rid of it
      memopickle verify .cache
      memopickle verify .cache --delete-bad
    """
    place = open_place(store, namespace)
    keys = list(place.store.keys(place.prefix))
    auditor = Auditor(place.store, signers_for(keys))
    counts: Counter[str] = Counter()
    bad = [found for found in _checked(auditor, keys, counts) if found.state in NOT_GOOD]
    doomed = {State.DAMAGED: delete_bad, State.UNKNOWN_SECRET: delete_unknown}
    deleted = sum(_delete(place, auditor, found) for found in bad if doomed.get(found.state))
    if as_json:
        head = {"store": place.name, "good": counts[State.GOOD], "deleted": deleted}
        print_json(head, "bad", (_row(place, found) for found in bad))
    else:
        _print(place, bad, counts, deleted)
    if bad:
        raise click.exceptions.Exit(1)


def _checked(auditor: Auditor, keys: list[str], counts: Counter[str]) -> Iterable[Checked]:
    for key in tracked("verifying", keys):
        found = auditor.check(key)
        counts[found.state] += 1
        yield found


def _delete(place: Place, auditor: Auditor, found: Checked) -> bool:
    # Looked at again: since it was found wrong a program may have replaced it.
    return auditor.check(found.key).state == found.state and place.store.delete(found.key)


def _row(place: Place, found: Checked) -> dict[str, Any]:
    return {"key": found.key, "state": found.state, "reason": found.reason, "place": place.store.place(found.key)}


def _print(place: Place, bad: list[Checked], counts: Counter[str], deleted: int) -> None:
    if bad:
        print_rows(
            [
                Column("state", lambda found: found.state.replace(" ", "-"), lambda found: found.state),
                Column("place", lambda found: place.store.place(found.key), shortens=True),
                Column("reason", lambda found: found.reason, rank=1),
            ],
            bad,
        )
    told = [f"{units.plural(counts[State.GOOD], 'entry', 'entries')} good", *units.counted(counts, NOT_GOOD)]
    removed = f"; {units.plural(deleted, 'entry', 'entries')} removed" if deleted else ""
    click.echo(f"{', '.join(told)}{removed}: {place.name}")
