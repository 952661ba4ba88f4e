"""Which snapshots are meant: by a time, or by what ``history`` told of one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from memopickle.errors import ConfigurationError, StoreError
from memopickle.expiry import SECOND
from memopickle.snapshots.info import SnapshotInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.snapshots.archive import Archive

    At = datetime | float | SnapshotInfo | None

__all__ = ["Choice", "Rollback", "plan_rollback", "roll_back"]


class Choice:
    """The snapshots of a name that ``at=`` allows: one, those up to a time, or all."""

    def __init__(self, at: At) -> None:
        self._key = at.key if isinstance(at, SnapshotInfo) else None
        self._until = None if at is None or isinstance(at, SnapshotInfo) else _microseconds(at)

    @property
    def has_limit(self) -> bool:
        """Whether it depends on the time."""
        return self._until is not None

    def among(self, keys: Sequence[str]) -> list[str]:
        """Return the keys that may be meant, as far as keys tell."""
        return [key for key in keys if self._key in (None, key)]

    def allows(self, seconds: float | None) -> bool:
        """Tell whether what was saved at this time may be meant; also if the time is unknown."""
        return self._until is None or seconds is None or round(seconds * SECOND) <= self._until


class Rollback(NamedTuple):
    """What a rollback removes, the newest first, and what is the newest then."""

    doomed: list[str]
    target: SnapshotInfo


def plan_rollback(archive: Archive, name: str, to: At) -> Rollback:
    """Find the newest good snapshot before the newest, or the one that is meant; StoreError if there is none."""
    keys = archive.keys(name)
    choice = Choice(to)
    first = 1 if to is None else 0
    for key in choice.among(keys[first:]):
        if not choice.allows(archive.glance(key).time):
            continue
        info = archive.inspect(key, name)
        if info is not None and info.good and choice.allows(info.time):
            return Rollback(keys[: keys.index(key)], info)
    wanted = "before the newest" if to is None else "that you named"
    raise StoreError(
        f"there is no good snapshot of {name!r} {wanted}; nothing was removed; history() and "
        "'memopickle snapshots show' list what there is"
    )


def roll_back(archive: Archive, name: str, to: At, limit: float | None) -> Rollback:
    """Do it, under the name's lock, the newest first: killed on the way, what is left is a state of before."""
    with archive.locked(name, limit):
        plan = plan_rollback(archive, name, to)
        for key in plan.doomed:
            archive.delete(key)
    return plan


def _microseconds(at: datetime | float) -> int:
    seconds = at.timestamp() if isinstance(at, datetime) else at
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds != seconds:  # noqa: PLR0124  NaN
        raise ConfigurationError(f"at={at!r}: give a datetime, seconds since the epoch, or one of history(name)")
    return round(min(max(seconds, -1e11), 1e11) * SECOND)
