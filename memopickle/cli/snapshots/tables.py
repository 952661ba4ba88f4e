"""What is told of snapshots: rows of JSON, and the columns of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memopickle.cli import units
from memopickle.cli.output import Column
from memopickle.expiry import wall_clock
from memopickle.snapshots.names import sequence_of

if TYPE_CHECKING:
    from memopickle.cli.snapshots.chosen import Kept
    from memopickle.snapshots.info import SnapshotInfo
    from memopickle.stores.base import Store

__all__ = ["bad_columns", "columns", "name_columns", "name_row", "row"]


def name_row(kept: Kept) -> dict[str, Any]:
    """Return what JSON has of a name."""
    newest = kept.infos[0]
    return {
        "name": kept.named.name, "namespace": kept.named.namespace, "snapshots": len(kept.infos), "bytes": kept.size,
        "saved": units.moment(newest.time), "version": newest.version, "metadata": newest.metadata,
    }  # fmt: skip


def row(info: SnapshotInfo) -> dict[str, Any]:
    """Return what JSON has of a snapshot."""
    return {
        "name": info.name, "number": sequence_of(info.key), "saved": units.moment(info.time), "bytes": info.size,
        "version": info.version, "metadata": info.metadata, "good": info.good, "reason": info.reason, "key": info.key,
    }  # fmt: skip


def name_columns() -> list[Column]:
    """Return the columns of a table of names."""
    return [
        Column("name", lambda kept: kept.named.name, lambda kept: units.readable(kept.named.name), shortens=True),
        Column("namespace", lambda kept: kept.named.namespace, rank=3),
        Column("snapshots", lambda kept: len(kept.infos), right=True),
        Column("bytes", lambda kept: kept.size, lambda kept: units.size(kept.size), right=True),
        Column("saved", lambda kept: units.moment(kept.infos[0].time), lambda kept: _age(kept.infos[0]), right=True),
        Column("version", lambda kept: kept.infos[0].version, right=True, rank=1),
        Column("metadata", lambda kept: _metadata(kept.infos[0]), rank=2),
    ]


def columns() -> list[Column]:
    """Return the columns of a table of the snapshots of a name."""
    return [
        Column("number", lambda info: sequence_of(info.key), right=True),
        Column("saved", lambda info: units.moment(info.time), _age, right=True),
        Column("bytes", lambda info: info.size, lambda info: units.size(info.size), right=True),
        Column("version", lambda info: info.version, right=True, rank=1),
        Column("signature", lambda info: "good" if info.good else f"NOT GOOD: {info.reason}"),
        Column("metadata", _metadata, rank=2),
    ]


def bad_columns(store: Store) -> list[Column]:
    """Return the columns of a table of snapshots that are not good."""
    return [
        Column("name", lambda info: info.name, lambda info: units.readable(info.name)),
        Column("number", lambda info: sequence_of(info.key), right=True),
        Column("reason", lambda info: info.reason),
        Column("place", lambda info: store.place(info.key), rank=1, shortens=True),
    ]


def _age(info: SnapshotInfo) -> str:
    return "-" if info.time is None else units.age(info.time, wall_clock())


def _metadata(info: SnapshotInfo) -> str:
    return ", ".join(f"{key}={value}" for key, value in info.metadata.items())
