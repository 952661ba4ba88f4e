"""Which snapshots a command means: all in a store, those of a name, or those that going back would remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from memopickle.cli.places import open_place
from memopickle.cli.signers import signers_for
from memopickle.errors import StoreError
from memopickle.snapshots.archive import Archive, Named, named, newest_first
from memopickle.snapshots.choice import Rollback, plan_rollback
from memopickle.snapshots.names import sequence_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.snapshots.info import SnapshotInfo
    from memopickle.stores.base import Store

__all__ = ["Kept", "all_names", "archive_of", "find_name", "inspected", "kept_of", "open_snapshots", "plan"]


class Kept(NamedTuple):
    """The snapshots of one name."""

    named: Named
    infos: list[SnapshotInfo]

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(info.size for info in self.infos)


def open_snapshots(path: str) -> tuple[Store, str]:
    """Return the store at a place, and what to call it."""
    place = open_place(path)
    return place.store, place.name


def all_names(store: Store, namespace: str | None) -> Iterator[Named]:
    """Iterate over the names that a store has snapshots of, in all namespaces or in one."""
    return (one for one in named(store) if namespace in (None, one.namespace))


def find_name(store: Store, name: str, namespace: str | None, place: str) -> Named:
    """Return a name that there must be; StoreError, or UsageError where there are several of it."""
    known = list(all_names(store, namespace))
    found = [one for one in known if one.name == name]
    if not found:
        others = ", ".join(sorted(repr(one.name) for one in known if one.name))
        raise StoreError(f"no snapshot of {name!r} in {place}; there are: {others or 'none'}")
    if len(found) > 1:
        several = ", ".join(sorted(repr(one.namespace) for one in found))
        raise click.UsageError(f"{name!r} is in several namespaces; give --namespace, one of {several}")
    return found[0]


def kept_of(store: Store, one: Named) -> Kept:
    """Return what the heads of the snapshots of a name say."""
    archive = archive_of(store, one)
    return Kept(one, [archive.glance(key) for key in newest_first(store, one.part)])


def archive_of(store: Store, one: Named) -> Archive:
    """Return what reads the snapshots of a name, with the configured secrets."""
    return Archive(store, one.namespace, lambda: signers_for([one.part]))


def inspected(store: Store, one: Named) -> list[SnapshotInfo]:
    """Return what is known of each snapshot of a name, the newest first; all of it is read."""
    archive = archive_of(store, one)
    found = (archive.inspect(key, one.name) for key in newest_first(store, one.part))
    return [info for info in found if info is not None]


def plan(archive: Archive, name: str, to: int | None) -> Rollback:
    """Return what going back would remove; StoreError if there is nothing to go back to."""
    if to is None:
        return plan_rollback(archive, name, None)
    for key in archive.keys(name):
        if sequence_of(key) == to and (info := archive.inspect(key, name)):
            return plan_rollback(archive, name, info)
    raise StoreError(f"there is no snapshot of {name!r} with the number {to}; 'memopickle snapshots show' lists them")
