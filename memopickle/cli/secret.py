"""``memopickle secret``: where the signing secret comes from; make one; change it. It is never shown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from memopickle.audit import NOT_GOOD, State
from memopickle.cli import units
from memopickle.cli.output import Column, json_name, json_option, note, print_json, print_pairs, print_rows
from memopickle.cli.places import open_place, store_argument
from memopickle.cli.progress import tracked
from memopickle.errors import SecretError
from memopickle.rotation import BUSY, CURRENT, RESIGNED, Resigner, head_of, key_id
from memopickle.secretfile import begin_rotation, end_rotation, make_secret, secret_source

if TYPE_CHECKING:
    from memopickle.cli.places import Place
    from memopickle.secretfile import SecretSource

__all__ = ["secret"]

#: What may need an old secret after a rotation.
_LEFT = (BUSY, *NOT_GOOD)
_UNREADABLE = "unreadable"


@click.group(short_help="The signing secret: where it comes from, make, rotate.")
def secret() -> None:
    """The secret that entries are signed with. No command shows it; ids tell secrets apart and tell nothing else."""


@secret.command(short_help="Where the secret comes from, and its id.")
@store_argument
@click.option("--entries", is_flag=True, help="Count the entries of STORE by the secret that they name.")
@json_option
def show(store: str | None, entries: bool, as_json: bool) -> None:
    """Show where the signing secret comes from, and the id of each that is listed, never the secret itself.

    The first signs, all verify. With --entries, the heads of all entries of STORE are read and counted by secret; what
    they name is not verified. Nothing is made: the user's own secret is made when the first result is stored.

    \b
    Example: which entries need the old secret?
      memopickle secret show --entries
    """
    source = secret_source()
    ids = [signer.key_id.hex() for signer in source.signers()]
    counts = _count(open_place(store)) if entries else None
    if as_json:
        print_json(_document(source, ids, counts))
        return
    print_pairs([("source", _source(source)), ("listed", str(len(ids)))])
    rows = _rows(ids, counts)
    if rows:
        click.echo()
        print_rows(_COLUMNS if counts is not None else _COLUMNS[:2], rows)


@secret.command(short_help="Make a secret file.")
@click.option("--file", "path", metavar="PATH", help="Make this file in place of the user's own.")
@json_option
def make(path: str | None, as_json: bool) -> None:
    """Make a file with a new random secret that only you can read; never replaces one.

    Without --file it is the user's own, which would otherwise be made when the first result is stored. Programs on
    other machines that share the cache need the same secret: give them the file, and set MEMOPICKLE_SECRET_FILE.

    \b
    Example: a secret for a service
      memopickle secret make --file /etc/billing/memopickle-secret
    """
    made = make_secret(path)
    if as_json:
        print_json({"path": made})
    else:
        click.echo(f"Made {made}, mode 0600.")


@secret.command(short_help="Sign all entries with a new secret.")
@store_argument
@click.option("--drop-old", is_flag=True, help="Then take the old secrets off the list, if no entry needs them.")
@json_option
def rotate(store: str | None, drop_old: bool, as_json: bool) -> None:
    """Put a new secret first, and sign all entries of STORE with it.

    The old secret stays on the list, so that old entries stay valid; each is replaced as a whole. Stopped, even killed,
    it goes on when run again: as long as several secrets are listed, that rotation is continued and no other begun.
    When all your stores are done, --drop-old ends it; a program that has been running since before knows the old
    secret only, misses what was signed anew, and should be restarted first.

    Changes the user's own secret file. A secret from MEMOPICKLE_SECRET or MEMOPICKLE_SECRET_FILE is yours to change:
    list the new one before the old one there, then run this.

    \b
    Example:
      memopickle secret rotate
      memopickle secret rotate --drop-old
    """
    place = open_place(store)
    source = secret_source()
    _begin(source)
    counts = _resign(place, source)
    left = sum(counts[state] for state in _LEFT)
    dropped = _end(source, left, counts) if drop_old else 0
    if as_json:
        states = {json_name(state): counts[state] for state in (RESIGNED, CURRENT, *_LEFT)}
        print_json({"store": place.name, **states, "secrets_dropped": dropped})
    else:
        _report(place, counts, dropped)
    if left:
        raise click.exceptions.Exit(1)


def _source(source: SecretSource) -> str:
    if source.kind == "own file":
        return f"{source.path}{'' if source.exists else ', which is made when the first result is stored'}"
    return f"{source.kind}{f' = {source.path}' if source.path else ''}"


def _count(place: Place) -> Counter[str]:
    keys = list(place.store.keys())
    return Counter(key_id(head_of(place.store, key)).hex() or _UNREADABLE for key in tracked("reading heads", keys))


def _rows(ids: list[str], counts: Counter[str] | None) -> list[tuple[str, str, int]]:
    found = counts or Counter()
    listed = [(one, "verifies" if number else "signs", found[one]) for number, one in enumerate(ids)]
    return [
        *listed,
        *((one, "unknown" if one != _UNREADABLE else "-", n) for one, n in found.items() if one not in ids),
    ]


_COLUMNS = [
    Column("secret", lambda row: row[0]),
    Column("use", lambda row: row[1]),
    Column("entries", lambda row: row[2], lambda row: f"{row[2]:,}", right=True),
]


def _document(source: SecretSource, ids: list[str], counts: Counter[str] | None) -> dict[str, Any]:
    rows = _rows(ids, counts)
    secrets = [{"id": one, "use": use, **({} if counts is None else {"entries": n})} for one, use, n in rows]
    return {"source": source.kind, "path": source.path or None, "exists": source.exists, "secrets": secrets}


def _begin(source: SecretSource) -> None:
    if source.kind == "own file":
        if begin_rotation():
            note(f"A new secret is first in {source.path}; the old one stays listed.")
        else:
            note("Several secrets are listed: going on with the rotation that is under way.")
    elif len(source.signers()) == 1:
        raise click.UsageError(
            f"{source.kind} lists one secret, and is not ours to change: put a new one before it there "
            "('memopickle secret make --file PATH' makes one), then run this again"
        )


def _resign(place: Place, source: SecretSource) -> Counter[str]:
    resigner = Resigner(place.store, source.signers())
    keys = list(place.store.keys())
    return Counter(resigner.resign(key).state for key in tracked("signing", keys))


def _end(source: SecretSource, left: int, counts: Counter[str]) -> int:
    needed = left - counts[State.DAMAGED]
    if needed:
        raise SecretError(
            f"the old secrets stay listed: {units.plural(needed, 'entry was', 'entries were')} not signed anew "
            f"({', '.join(units.counted(counts, _LEFT))}); "
            "run it again, or remove them with 'memopickle verify --delete-unknown'"
        )
    if source.kind != "own file":
        raise click.UsageError(f"{source.kind} is not ours to change: take the old secrets off the list there")
    return end_rotation()


def _report(place: Place, counts: Counter[str], dropped: int) -> None:
    done = f"{units.plural(counts[RESIGNED], 'entry', 'entries')} signed anew, {counts[CURRENT]:,} had been before"
    click.echo(f"{', '.join([done, *units.counted(counts, _LEFT)])}: {place.name}")
    if dropped:
        click.echo(f"{units.plural(dropped, 'old secret')} taken off the list.")
