"""What snapshots tell their hooks. ``name`` is the name they were saved under, ``key`` the store key."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SnapshotEvent", "SnapshotLoaded", "SnapshotRefused", "SnapshotSaved"]


class SnapshotSaved(NamedTuple):
    """A snapshot was saved: its ``size`` in bytes."""

    name: str
    key: str
    size: int


class SnapshotLoaded(NamedTuple):
    """A snapshot was loaded: ``version`` is that of the program that saved it, ``refused`` how many newer were bad."""

    name: str
    key: str
    version: int | str
    refused: int


class SnapshotRefused(NamedTuple):
    """A snapshot that was asked for is damaged or can't be loaded: where it lies and why. It stays there."""

    name: str
    key: str
    place: str
    reason: str


SnapshotEvent = SnapshotSaved | SnapshotLoaded | SnapshotRefused
