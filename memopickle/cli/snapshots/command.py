"""``memopickle snapshots``: what a program has saved of its state, whether it is good, and going back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from memopickle.cli import units
from memopickle.cli.consent import agree, need_somebody
from memopickle.cli.output import json_option, note, print_json, print_rows
from memopickle.cli.snapshots.chosen import (
    all_names,
    archive_of,
    find_name,
    inspected,
    kept_of,
    open_snapshots,
    plan,
)
from memopickle.cli.snapshots.tables import bad_columns, columns, name_columns, name_row, row
from memopickle.snapshots.choice import roll_back
from memopickle.snapshots.names import sequence_of

if TYPE_CHECKING:
    from memopickle.cli.filters import Decorator
    from memopickle.snapshots.choice import Rollback
    from memopickle.snapshots.info import SnapshotInfo

__all__ = ["snapshots"]

#: Seconds to wait for a program that is just saving.
_PATIENCE = 30.0

path_argument: Decorator = click.argument("path")
name_argument: Decorator = click.argument("name")
namespace_option: Decorator = click.option(
    "--namespace", metavar="NAME", help="Only those of this namespace.  [default: all]"
)


@click.group(short_help="Saved states of programs: list, verify, go back.")
def snapshots() -> None:
    """The snapshots in PATH: a directory, or a store URL, that was given to memopickle.Snapshots.

    Nothing is unpickled, and nothing of the program that saved them is imported.
    """


@snapshots.command(short_help="List the names.")
@path_argument
@namespace_option
@json_option
def ls(path: str, namespace: str | None, as_json: bool) -> None:
    """List the names in PATH, with how many snapshots there are of each and what the newest says of itself.

    Only heads are read, and no signature is checked: 'memopickle snapshots verify' does that.

    \b
    Example:
      memopickle snapshots ls runs
    """
    store, place = open_snapshots(path)
    kept = [one for one in (kept_of(store, one) for one in all_names(store, namespace)) if one.infos]
    if as_json:
        print_json({"store": place}, "names", map(name_row, kept))
    elif kept:
        print_rows(name_columns(), kept)
    else:
        note(f"No snapshots in {place}.")


@snapshots.command(short_help="The history of one name.")
@path_argument
@name_argument
@namespace_option
@json_option
def show(path: str, name: str, namespace: str | None, as_json: bool) -> None:
    """Show each snapshot of NAME in PATH, the newest first, and whether its signature is good; all of it is read.

    The number is what 'memopickle snapshots rollback --to' takes. Exit code 1 if one is not good.

    \b
    Example:
      memopickle snapshots show runs training
    """
    store, place = open_snapshots(path)
    infos = inspected(store, find_name(store, name, namespace, place))
    if as_json:
        print_json({"store": place, "name": name}, "snapshots", map(row, infos))
    else:
        print_rows(columns(), infos)
    _exit_unless_good(infos)


@snapshots.command(short_help="Check every signature.")
@path_argument
@click.argument("name", required=False)
@namespace_option
@json_option
def verify(path: str, name: str | None, namespace: str | None, as_json: bool) -> None:
    """Read every snapshot in PATH, or of NAME only, and check its signature; unpickle nothing and remove nothing.

    Exit code 1 if one is not good.

    \b
    Example:
      memopickle snapshots verify runs
    """
    store, place = open_snapshots(path)
    chosen = all_names(store, namespace) if name is None else [find_name(store, name, namespace, place)]
    infos = [info for one in chosen for info in inspected(store, one)]
    bad = [info for info in infos if not info.good]
    if as_json:
        print_json({"store": place, "good": len(infos) - len(bad)}, "bad", map(row, bad))
    else:
        if bad:
            print_rows(bad_columns(store), bad)
        others = f", {len(bad):,} not good" if bad else ""
        click.echo(f"{units.plural(len(infos) - len(bad), 'snapshot')} good{others}: {place}")
    _exit_unless_good(infos)


@snapshots.command(short_help="Go back to an earlier one.")
@path_argument
@name_argument
@click.option(
    "--to", type=click.IntRange(0), metavar="NUMBER", help="Back to this one.  [default: the good one before]"
)
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Tell what would be removed, and remove nothing.")
@namespace_option
@json_option
def rollback(
    path: str, name: str, to: int | None, yes: bool, dry_run: bool, namespace: str | None, as_json: bool
) -> None:
    """Remove the newest snapshot of NAME in PATH, and damaged ones before it: the newest is then the good one before.

    With --to, everything newer than that one is removed; it must be good. Asks before; --yes does not. Exit code 1 if
    there is no good one to go back to: then nothing is removed.

    \b
    Example:
      memopickle snapshots rollback runs training --dry-run
      memopickle snapshots rollback runs training
    """
    store, place = open_snapshots(path)
    archive = archive_of(store, find_name(store, name, namespace, place))
    planned = plan(archive, name, to)
    if not (yes or dry_run):
        need_somebody()
        agree(f"Of {units.clean(name)!r} remove {_told(planned)}?")
    if not dry_run:
        planned = roll_back(archive, name, planned.target, _PATIENCE)  # a program may have saved meanwhile
    if as_json:
        print_json({
            "store": place, "name": name, "dry_run": dry_run, "newest": row(planned.target),
            "removed": [sequence_of(key) for key in planned.doomed],
        })  # fmt: skip
    else:
        click.echo(f"{'Would remove' if dry_run else 'Removed'} {_told(planned)}.")


def _told(planned: Rollback) -> str:
    numbers = ", ".join(str(sequence_of(key)) for key in planned.doomed)
    saved = f"{sequence_of(planned.target.key)}, saved {units.moment(planned.target.time)}"
    count = units.plural(len(planned.doomed), "snapshot")
    return f"{count}{f' ({numbers})' if numbers else ''}; the newest is then {saved}"


def _exit_unless_good(infos: list[SnapshotInfo]) -> None:
    if not all(info.good for info in infos):
        raise click.exceptions.Exit(1)
