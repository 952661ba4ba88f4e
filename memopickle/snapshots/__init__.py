"""Named checkpoints of a long computation, of a model in training, of a session: signed, whole, and several deep."""

from __future__ import annotations

from memopickle.snapshots.checkpoint import Checkpoint
from memopickle.snapshots.events import SnapshotLoaded, SnapshotRefused, SnapshotSaved
from memopickle.snapshots.info import SnapshotInfo
from memopickle.snapshots.session import Session
from memopickle.snapshots.snapshots import Snapshots

__all__ = [
    "Checkpoint",
    "Session",
    "SnapshotInfo",
    "SnapshotLoaded",
    "SnapshotRefused",
    "SnapshotSaved",
    "Snapshots",
]
