"""Snapshots: what a program saves of its state, and gets back after a crash or a deployment."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from memopickle.config import as_store
from memopickle.errors import ConfigurationError, StoreError
from memopickle.events import teller
from memopickle.expiry import microseconds, parse_duration, wall_clock
from memopickle.formats import open_serializer
from memopickle.notices import warn_once
from memopickle.optionchecks import check_option, check_steps
from memopickle.options import UNSET
from memopickle.purpose import needed_secrets
from memopickle.snapshots.archive import Archive
from memopickle.snapshots.checkpoint import Checkpoint
from memopickle.snapshots.choice import Choice, roll_back
from memopickle.snapshots.directory import SnapshotDirectory
from memopickle.snapshots.events import SnapshotSaved
from memopickle.snapshots.loader import Loader
from memopickle.snapshots.names import check_name
from memopickle.snapshots.session import Session
from memopickle.stores.base import Store
from memopickle.stores.directory import DirectoryStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from memopickle.locks import KeyLock
    from memopickle.snapshots.events import SnapshotEvent
    from memopickle.snapshots.info import SnapshotInfo

__all__ = ["Snapshots"]


class Snapshots:
    """Named snapshots of a program's state; of each name the last few are kept.

    Args:
        place: a directory, which is made when first used, a store URL, or a store. In a directory each snapshot is
            flushed to the disk before it counts. A store should have no limit and no ttl, which snapshots would fall
            to, and not be that of a cache, which somebody may clear.
        keep: how many snapshots of a name are kept; None for all. The oldest is removed after a new one was saved.
        version: of the state, as the program has it; an int or text.
        migrate: ``{1: f}`` makes of a state of version 1 one of version 2 when that is loaded.
        namespace: programs that share a store can be kept apart by it; signed along.
        secret: as for :class:`memopickle.Cache`.
        serializer: as for :func:`memopickle.cached`. What another one saved is not loaded.
        compress: how new snapshots are compressed, as for :func:`memopickle.cached`; what is stored is read anyway.
        lock_timeout: seconds to wait for another's saving or session of the same name; None: as long as it lives.
        on_event: a callable, or several, that gets the records of :mod:`memopickle.snapshots.events`.
        clock: returns the seconds since the epoch.

    A name may be any text. Whatever changes the snapshots of a name does so under its lock: a file lock, or that of
    the store. Safe between threads and processes. Making one does no I/O; its pickle carries no secret, hook or clock.
    Raises StoreError and BadEntryError, the state's own errors when pickling, and OSError.

    """

    def __init__(
        self, place: Store | str | os.PathLike[str], *, keep: int | None = 5, version: int | str = 1,
        migrate: Mapping[int, Callable[[Any], object]] | None = None, namespace: str = "", secret: object = None,
        serializer: Any = "pickle", compress: str | None = None, lock_timeout: object = None,
        on_event: Callable[[SnapshotEvent], object] | Sequence[Callable[[SnapshotEvent], object]] | None = None,
        clock: Callable[[], float] = wall_clock,
    ) -> None:  # fmt: skip
        self.store: Store = _store_at(place)
        self.keep: int | None = _check_keep(keep)
        self.version: int | str = _check_version(version)
        self.namespace: str = _check_namespace(namespace)
        self._options: dict[str, Any] = {
            "keep": keep, "version": version, "migrate": migrate, "namespace": namespace, "serializer": serializer,
            "compress": compress, "lock_timeout": lock_timeout,
        }  # fmt: skip
        steps = check_option("migrate", migrate)
        check_steps(steps, version)
        self._compress: str | None = check_option("compress", compress)
        self._lock_timeout: float | None = check_option("lock_timeout", lock_timeout)
        self._tell = cast("Callable[[SnapshotEvent], None] | None", teller(on_event))
        self._clock = clock
        chosen = open_serializer(check_option("serializer", serializer))
        self._archive = Archive(self.store, namespace, partial(needed_secrets, secret), chosen)
        self._loader = Loader(self._archive, version, steps, self._tell)
        if secret is not None:
            _ = self._archive.signers  # what is wrong with it is told here
        self._opened = False

    def __repr__(self) -> str:
        return f"Snapshots({self.store!r}, keep={self.keep}, version={self.version!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (self.store, self._options)

    # -- saving and loading ----------------------------------------------------------------------------------------

    def save(self, name: str, state: object, /, **metadata: Any) -> SnapshotInfo:
        """Save a state as the newest of its name; then remove what is more than are kept.

        ``metadata``: what JSON can hold; :meth:`history` and the command line show it. Killed at any moment, the
        newest snapshot is the one before or this one, whole. Waits while another has a session of the name.
        """
        with self._turn(name):
            return self._save(name, state, metadata)

    def load(self, name: str, /, default: Any = UNSET, *, at: datetime | float | SnapshotInfo | None = None) -> Any:
        """Return the newest good state of a name.

        A snapshot that is damaged, can't be unpickled any more or can't be migrated is told by a warning and an event,
        and the one before it is tried. If there are snapshots but none can be loaded, the newest one's error is
        raised, whatever the default: to begin anew would in the end remove them.

        Args:
            name: as it was saved.
            default: returned where nothing of this name was ever saved, or nothing up to ``at``; else a StoreError.
            at: seconds since the epoch or a datetime (a naive one is local time): the newest good one up to then; or
                one of :meth:`history`, for just that.

        """
        self._open()
        return self._loader.load(check_name(name), default, Choice(at))

    def session(self, name: str, /, default: Any = UNSET, *, save_on_error: bool = False) -> Session:
        """Load a state, let the body of a ``with`` change it, and save it at the end, all under the name's lock.

        ``with snapshots.session("jobs", default={}) as jobs: jobs["a"] = 1`` changes the object that it gets. To put
        another in its place, keep the session: ``with (session := snapshots.session("count", default=0)):
        session.state += 1``.

        After an exception nothing is saved, unless ``save_on_error``. Sessions of one name run one after the other,
        in whatever threads and processes of this machine (with a server as store, of all machines), so that no change
        is lost. Each end of a session is a new snapshot.
        """
        check_name(name)
        load = partial(self._loader.load, name, default, Choice(None))
        newest, save = partial(self._archive.newest, name), partial(self._save, name, metadata={})
        return Session(self._turn(name), newest, load, save, save_on_error)

    def every(self, name: str, /, seconds: object = 60, *, save_on_error: bool = False) -> Checkpoint:
        """Return what saves from a loop, at most every so many ``seconds`` (or ``"10m"``, or a timedelta).

        ``checkpoint = snapshots.every("training")``; ``state = checkpoint.load(default)``; then ``checkpoint(state)``
        in each turn, and ``checkpoint.flush()`` at the end, which ``with checkpoint:`` around the loop does by itself.
        """
        check_name(name)
        interval = parse_duration(seconds, "seconds")
        return Checkpoint(partial(self.load, name), partial(self.save, name), interval, self._clock, save_on_error)

    # -- looking and removing --------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the names of which there are snapshots, sorted; as their heads say, which are not verified here."""
        self._open()
        return self._archive.names()

    def history(self, name: str) -> list[SnapshotInfo]:
        """Return what is known of each snapshot of a name, the newest first, and whether its signature is good.

        All of it is read for that, one after the other, and nothing is unpickled: what can't be loaded by this program
        any more may still be good.
        """
        self._open()
        found = (self._archive.inspect(key, name) for key in self._archive.keys(check_name(name)))
        return [info for info in found if info is not None]

    def rollback(self, name: str, to: datetime | float | SnapshotInfo | None = None) -> SnapshotInfo:
        """Remove the newest snapshot, and damaged ones before it, so that the newest is the good one before.

        ``to``: go back to the newest good one up to a time, or to one of :meth:`history`. Returns what is the newest
        then. StoreError if there is no such one: then nothing is removed.
        """
        self._open()
        return roll_back(self._archive, check_name(name), to, self._lock_timeout).target

    def delete(self, name: str) -> int:
        """Remove all snapshots of a name, the newest last; return how many there were."""
        with self._turn(name):
            return sum(self._archive.delete(key) for key in reversed(self._archive.keys(name)))

    # -- their parts -----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if not self._opened:
            self.store.open()
            self._opened = True

    @contextmanager
    def _turn(self, name: str) -> Iterator[KeyLock]:
        self._open()
        with self._archive.locked(check_name(name), self._lock_timeout) as lock:
            yield lock

    def _save(self, name: str, state: object, metadata: dict[str, Any]) -> SnapshotInfo:
        now = microseconds(self._clock)
        info = self._archive.write(name, state, self.version, metadata, self._compress, now)
        if self._tell:
            self._tell(SnapshotSaved(name, info.key, info.size))
        try:
            for key in self._too_many(name):
                self._archive.delete(key)
        except (StoreError, OSError) as error:  # what was to be done is done
            warn_once(("keep", name), f"could not remove old snapshots of {name!r} ({error}); they stay for now")
        return info

    def _too_many(self, name: str) -> list[str]:
        """Return the keys of what is more than are kept, the oldest first; what was found bad does not count."""
        keys = self._archive.keys(name)
        kept = [key for key in keys if key not in self._loader.bad][: self.keep]
        return sorted(key for key in keys if key < kept[-1]) if kept and self.keep else []


def _remake(store: Store, options: dict[str, Any]) -> Snapshots:
    return Snapshots(store, **options)


def _store_at(place: Any) -> Store:
    if isinstance(place, Store):
        return place
    found = as_store(place)
    is_path = not isinstance(place, str) or (type(found) is DirectoryStore and not place.startswith("dir:"))
    return SnapshotDirectory(place) if is_path else found


def _check_keep(keep: Any) -> int | None:
    if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 1):
        raise ConfigurationError(
            f"keep={keep!r}: give how many snapshots of a name to keep, at least 1, or None for all"
        )
    return keep


def _check_namespace(namespace: Any) -> str:
    if not isinstance(namespace, str):
        raise ConfigurationError(f"namespace={namespace!r}: give text")
    return namespace


def _check_version(version: Any) -> int | str:
    if isinstance(version, bool) or not isinstance(version, int | str):
        raise ConfigurationError(f"version={version!r}: give an int or a str")
    return version
