"""Finding the newest snapshot that can still be loaded; what can't is told, and the one before it tried."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from memopickle.errors import BadEntryError, BadPayloadError, StoreError
from memopickle.expiry import SECOND
from memopickle.notices import warn_once
from memopickle.options import UNSET
from memopickle.snapshots.events import SnapshotLoaded, SnapshotRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from memopickle.entry import Entry
    from memopickle.snapshots.archive import Archive
    from memopickle.snapshots.choice import Choice
    from memopickle.snapshots.events import SnapshotEvent

__all__ = ["Loader"]

#: How often it begins again when others' saving has removed meanwhile what it was about to read.
_ATTEMPTS = 10


class Loader:
    """Loads states for a program of one version."""

    def __init__(
        self,
        archive: Archive,
        version: int | str,
        migrate: Mapping[int, Callable[[Any], object]],
        tell: Callable[[SnapshotEvent], None] | None,
    ) -> None:
        self._archive = archive
        self._version = version
        self._steps = migrate
        self._tell = tell
        #: The keys of what was refused here.
        self.bad: set[str] = set()

    def load(self, name: str, default: Any, choice: Choice) -> Any:
        """Return the newest good state among those that are meant, as :meth:`Snapshots.load` says."""
        refused: dict[str, Exception] = {}
        before: list[str] | None = None
        for _ in range(_ATTEMPTS):
            keys = choice.among(self._archive.keys(name))
            if keys == before:
                break
            for key in keys:
                if key not in refused and (found := self._attempt(name, key, choice, refused)):
                    return found[0]
            before = keys
        if refused:
            raise self._failure(name, refused)
        if default is UNSET:
            raise StoreError(
                f"there is no snapshot of {name!r}, and no default= was given; names() lists those there are",
                self._archive.whereabouts,
            )
        return default

    def _attempt(self, name: str, key: str, choice: Choice, refused: dict[str, Exception]) -> tuple[Any] | None:
        """Return a state in a tuple, or None: it is not meant, is gone, or was refused."""
        try:
            if choice.has_limit and not choice.allows(self._archive.glance(key).time):
                return None
            entry = self._archive.read(key)
            if entry is None or not choice.allows(entry.created / SECOND):
                return None
            version = json.loads(bytes(entry.metadata))["version"]
            state = self._state(entry, version)
        except (StoreError, OSError) as error:
            refused[key] = error
            self._refused(name, key, error)
            return None
        if self._tell:
            self._tell(SnapshotLoaded(name, key, version, len(refused)))
        return (state,)

    def _state(self, entry: Entry, version: int | str) -> Any:
        same = version == self._version and type(version) is type(self._version)
        if same:
            return entry.value()
        if version not in self._steps:
            raise BadPayloadError(
                f"saved by a program of version {version!r}; this one has version={self._version!r}, and no step in "
                "migrate= that leads there"
            )
        return self._upgraded(entry.value(), int(version))

    def _upgraded(self, state: Any, version: int) -> Any:
        while version in self._steps:
            try:
                state = self._steps[version](state)
            except Exception as error:  # the user's code
                raise BadPayloadError(
                    f"could not migrate it from version {version} ({type(error).__name__}: {error})"
                ) from error
            version += 1
        return state

    def _refused(self, name: str, key: str, error: Exception) -> None:
        self.bad.add(key)
        place, reason = self._archive.place(key), _reason(error)
        warn_once(
            ("snapshot", place, reason),
            f"refused a snapshot of {name!r} at {place}: {reason}; the one before it is tried",
        )
        if self._tell:
            self._tell(SnapshotRefused(name, key, place, reason))

    def _failure(self, name: str, refused: Mapping[str, Exception]) -> StoreError:
        newest = max(refused)
        error = refused[newest]
        error_class = type(error) if isinstance(error, BadEntryError) else StoreError
        failure = error_class(
            f"none of {len(refused)} snapshots of {name!r} can be loaded; the newest: {_reason(error)}",
            self._archive.place(newest),
        )
        failure.__cause__ = error
        return failure


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
