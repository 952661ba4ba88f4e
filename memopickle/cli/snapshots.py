"""``memopickle snapshots``: what a program has saved of its state, whether it is good, and going back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from memopickle.cli import units
from memopickle.cli.output import Column, json_option, note, print_json, print_rows
from memopickle.cli.places import open_place
from memopickle.cli.signers import signers_for
from memopickle.errors import StoreError
from memopickle.expiry import wall_clock
from memopickle.snapshots.archive import Archive, Named, named, newest_first
from memopickle.snapshots.choice import Rollback, plan_rollback, roll_back
from memopickle.snapshots.names import sequence_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.snapshots.info import SnapshotInfo
    from memopickle.stores.base import Store

__all__ = ["snapshots"]

#: Seconds to wait for a program that is just saving.
_PATIENCE = 30.0

path_argument = click.argument("path")
name_argument = click.argument("name")
namespace_option = click.option("--namespace", metavar="NAME", help="Only those of this namespace.  [default: all]")


class _Kept(NamedTuple):
    """The snapshots of one name."""

    named: Named
    infos: list[SnapshotInfo]

    @property
    def size(self) -> int:
        return sum(info.size for info in self.infos)


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
    store, place = _open(path)
    kept = [one for one in (_kept(store, one) for one in _all(store, namespace)) if one.infos]
    if as_json:
        print_json({"store": place}, "names", map(_name_row, kept))
    elif kept:
        print_rows(_name_columns(), kept)
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
    store, place = _open(path)
    infos = _inspected(store, _find(store, name, namespace, place))
    if as_json:
        print_json({"store": place, "name": name}, "snapshots", map(_row, infos))
    else:
        print_rows(_columns(), infos)
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
    store, place = _open(path)
    chosen = _all(store, namespace) if name is None else [_find(store, name, namespace, place)]
    infos = [info for one in chosen for info in _inspected(store, one)]
    bad = [info for info in infos if not info.good]
    if as_json:
        print_json({"store": place, "good": len(infos) - len(bad)}, "bad", map(_row, bad))
    else:
        if bad:
            print_rows(_bad_columns(store), bad)
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
    store, place = _open(path)
    archive = _archive(store, _find(store, name, namespace, place))
    planned = _plan(archive, name, to)
    if not (yes or dry_run):
        _ask(planned, name)
    if not dry_run:
        planned = roll_back(archive, name, planned.target, _PATIENCE)  # a program may have saved meanwhile
    if as_json:
        print_json({
            "store": place, "name": name, "dry_run": dry_run, "newest": _row(planned.target),
            "removed": [sequence_of(key) for key in planned.doomed],
        })  # fmt: skip
    else:
        click.echo(f"{'Would remove' if dry_run else 'Removed'} {_told(planned)}.")


# -- finding -----------------------------------------------------------------------------------------------------------


def _open(path: str) -> tuple[Store, str]:
    place = open_place(path)
    return place.store, place.name


def _all(store: Store, namespace: str | None) -> Iterator[Named]:
    return (one for one in named(store) if namespace in (None, one.namespace))


def _find(store: Store, name: str, namespace: str | None, place: str) -> Named:
    known = list(_all(store, namespace))
    found = [one for one in known if one.name == name]
    if not found:
        others = ", ".join(sorted(repr(one.name) for one in known if one.name))
        raise StoreError(f"no snapshot of {name!r} in {place}; there are: {others or 'none'}")
    if len(found) > 1:
        several = ", ".join(sorted(repr(one.namespace) for one in found))
        raise click.UsageError(f"{name!r} is in several namespaces; give --namespace, one of {several}")
    return found[0]


def _kept(store: Store, one: Named) -> _Kept:
    archive = _archive(store, one)
    return _Kept(one, [archive.glance(key) for key in newest_first(store, one.part)])


def _archive(store: Store, one: Named) -> Archive:
    return Archive(store, one.namespace, lambda: signers_for([one.part]))


def _inspected(store: Store, one: Named) -> list[SnapshotInfo]:
    archive = _archive(store, one)
    found = (archive.inspect(key, one.name) for key in newest_first(store, one.part))
    return [info for info in found if info is not None]


# -- going back --------------------------------------------------------------------------------------------------------


def _plan(archive: Archive, name: str, to: int | None) -> Rollback:
    if to is None:
        return plan_rollback(archive, name, None)
    for key in archive.keys(name):
        if sequence_of(key) == to and (info := archive.inspect(key, name)):
            return plan_rollback(archive, name, info)
    raise StoreError(f"there is no snapshot of {name!r} with the number {to}; 'memopickle snapshots show' lists them")


def _told(planned: Rollback) -> str:
    numbers = ", ".join(str(sequence_of(key)) for key in planned.doomed)
    saved = f"{sequence_of(planned.target.key)}, saved {units.moment(planned.target.time)}"
    count = units.plural(len(planned.doomed), "snapshot")
    return f"{count}{f' ({numbers})' if numbers else ''}; the newest is then {saved}"


def _ask(planned: Rollback, name: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask; say --yes to remove, or --dry-run to see what that would be")
    if not click.confirm(f"Of {units.clean(name)!r} remove {_told(planned)}?", err=True):
        note("Nothing was removed.")
        raise click.exceptions.Exit(1)


def _exit_unless_good(infos: list[SnapshotInfo]) -> None:
    if not all(info.good for info in infos):
        raise click.exceptions.Exit(1)


# -- what is printed ---------------------------------------------------------------------------------------------------


def _readable(name: str) -> str:
    return units.clean(name) or "(cannot be read)"


def _name_row(kept: _Kept) -> dict[str, Any]:
    newest = kept.infos[0]
    return {
        "name": kept.named.name, "namespace": kept.named.namespace, "snapshots": len(kept.infos), "bytes": kept.size,
        "saved": units.moment(newest.time), "version": newest.version, "metadata": newest.metadata,
    }  # fmt: skip


def _row(info: SnapshotInfo) -> dict[str, Any]:
    return {
        "name": info.name, "number": sequence_of(info.key), "saved": units.moment(info.time), "bytes": info.size,
        "version": info.version, "metadata": info.metadata, "good": info.good, "reason": info.reason, "key": info.key,
    }  # fmt: skip


def _name_columns() -> list[Column]:
    return [
        Column("name", lambda kept: kept.named.name, lambda kept: _readable(kept.named.name), shortens=True),
        Column("namespace", lambda kept: kept.named.namespace, rank=3),
        Column("snapshots", lambda kept: len(kept.infos), right=True),
        Column("bytes", lambda kept: kept.size, lambda kept: units.size(kept.size), right=True),
        Column("saved", lambda kept: units.moment(kept.infos[0].time), lambda kept: _age(kept.infos[0]), right=True),
        Column("version", lambda kept: kept.infos[0].version, right=True, rank=1),
        Column("metadata", lambda kept: _metadata(kept.infos[0]), rank=2),
    ]


def _columns() -> list[Column]:
    return [
        Column("number", lambda info: sequence_of(info.key), right=True),
        Column("saved", lambda info: units.moment(info.time), _age, right=True),
        Column("bytes", lambda info: info.size, lambda info: units.size(info.size), right=True),
        Column("version", lambda info: info.version, right=True, rank=1),
        Column("signature", lambda info: "good" if info.good else f"NOT GOOD: {info.reason}"),
        Column("metadata", _metadata, rank=2),
    ]


def _bad_columns(store: Store) -> list[Column]:
    return [
        Column("name", lambda info: info.name, lambda info: _readable(info.name)),
        Column("number", lambda info: sequence_of(info.key), right=True),
        Column("reason", lambda info: info.reason),
        Column("place", lambda info: store.place(info.key), rank=1, shortens=True),
    ]


def _age(info: SnapshotInfo) -> str:
    return "-" if info.time is None else units.age(info.time, wall_clock())


def _metadata(info: SnapshotInfo) -> str:
    return ", ".join(f"{key}={value}" for key, value in info.metadata.items())
