"""Entries in a shelf, whichever dbm is there."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from memopickle.errors import LockTimeoutError, StoreError
from memopickle.expiry import result_ttl
from memopickle.files import full_path, make_directories
from memopickle.locks import locked_file, remove_free_locks
from memopickle.storekey import FUNCTION_SIZE, NAMESPACE_SIZE
from memopickle.stores.base import Store, Writer
from memopickle.stores.breaker import Breaker
from memopickle.stores.database import check_files, is_of_no_kind, make_room, open_database
from memopickle.stores.userfiles import lock_directory, user_lock
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memopickle.locks import KeyLock
    from memopickle.stores.database import Database
    from memopickle.typed import Blob

__all__ = ["ShelveStore"]

#: Holds, per function, a token of the last clear or invalidation; not a store key, so never listed.
_GENERATION = b"generation "
#: Stands in a shelf from which the last entry was evicted; not listed either.
_EMPTY = _GENERATION + b"of nothing"
#: Seconds to wait for another process's access to the file, which takes milliseconds unless it was stopped.
_PATIENCE = 30.0
#: The same once it was seen to be stopped.
_PROBE = 1.0


class ShelveStore(Store):
    """Entries in one file (or the two or three files of an old dbm) as the ``shelve`` module makes it.

    Every access opens the file under a lock beside it (``<path>.lock``), so that threads and processes may share
    it whichever dbm is behind it; a hit therefore takes that lock for a moment. The values are signed entries
    written past shelve's own pickling: reading a shelf must not unpickle what has not been verified.

    Args:
        path: the file, as for ``shelve.open``; some dbm add an ending. Missing parent directories are made.
        ttl: for functions without one of their own; see :func:`memopickle.cached`.

    Can be pickled. Constructing one does no I/O. Some kinds of dbm limit the size of a value (ndbm to about 1 KB):
    what does not fit is returned to the caller and not stored.

    """

    def __init__(self, path: str | os.PathLike[str], ttl: object = None) -> None:
        self.path: str = full_path(path, "file")
        self.ttl: int | None = result_ttl(ttl)
        self._breaker = Breaker()

    def __repr__(self) -> str:
        return f"ShelveStore({self.path!r})"

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_breaker"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state, _breaker=Breaker())

    def open(self) -> None:
        if os.path.isdir(self.path):
            raise StoreError("the shelf is a directory; give the path of a file", self.path)
        try:
            make_directories(os.path.dirname(self.path))
            with suppress(LockTimeoutError):
                self._check_kind()
                with self._database():
                    pass
        except OSError as error:
            raise StoreError(
                f"cannot use the shelf's directory ({error.strerror}); choose another path, or make it writable",
                self.path,
            ) from error

    def get(self, key: str) -> Blob | None:
        with self._database() as database:
            return database.get(key.encode("ascii"))

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        value = b"".join(chunks)  # before the lock is taken: they may come from anywhere
        with self._database() as database:
            database[key.encode("ascii")] = value

    def delete(self, key: str) -> bool:
        with self._database() as database:
            _bump(database, key[:FUNCTION_SIZE])
            return _remove(database, key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        with self._database() as database:
            found = _keys(database, prefix)
        return iter(found)

    def clear(self, prefix: str = "") -> int:
        with self._database() as database:
            doomed = _keys(database, prefix)
            for function in {prefix[:FUNCTION_SIZE], *(key[:FUNCTION_SIZE] for key in doomed)}:
                _bump(database, function)
            return sum(_remove(database, key) for key in doomed)

    def prune(self, now: int) -> int:
        removed = super().prune(now)
        with suppress(StoreError, OSError):  # there is no place for locks
            remove_free_locks(lock_directory())  # those of killed processes; of other stores too, which loses nothing
        return removed

    def statistics_path(self) -> str | None:
        return f"{self.path}.statistics"

    def writer(self, key: str) -> Writer:
        return _ShelfWriter(self, key)

    def lock(self, key: str) -> KeyLock:
        # Another generation, another lock: who calls after a clear does not wait for what was begun before.
        generation = b"".join(self.generation(key)).hex()
        return user_lock(f"{self.place(key)} {generation}")

    def place(self, key: str) -> str:
        return f"{self.path} [{key}]"

    def generation(self, key: str) -> tuple[bytes, ...]:
        """Return what changes whenever the key's function is cleared or one of its keys invalidated. Internal."""
        with self._database() as database:
            return _generation(database, key)

    def publish(self, key: str, chunks: Iterable[Blob], generation: tuple[bytes, ...]) -> bool:
        """Set a value unless the generation has moved on since; decided and done under one lock. Internal."""
        value = b"".join(chunks)
        with self._database() as database:
            if _generation(database, key) != generation:
                return False
            database[key.encode("ascii")] = value
            return True

    def _evict(self, key: str) -> bool:
        with self._database() as database:
            removed = _remove(database, key)
            if not database.keys():
                # A dbm.dumb leaves an empty index beside old bytes, which looks like one that was lost.
                database[_EMPTY] = b""
            return removed

    def _check_kind(self) -> None:
        check_files(self.path)
        with self._locked():  # another process may just be making it
            if is_of_no_kind(self.path):
                raise StoreError("the file is not a shelf of any dbm known here; choose another path", self.path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock for one access; once another process has kept it for long, try only now and then."""
        attempt = self._breaker.enter()
        if attempt is None:
            raise LockTimeoutError(
                f"another process held the lock for long; if it is stopped, end it (tried again in "
                f"{self._breaker.remaining():.1f} seconds)",
                self.path,
            )
        if not os.path.isdir(os.path.dirname(self.path)):
            make_directories(os.path.dirname(self.path))  # deleted while running
        try:
            with locked_file(f"{self.path}.lock", _PROBE if self._breaker.remaining() else _PATIENCE):
                yield
        except LockTimeoutError:
            self._breaker.failed(attempt)
            raise
        finally:
            self._breaker.succeeded(attempt)  # nothing happens after a failure

    @contextmanager
    def _database(self) -> Iterator[Database]:
        make_room()
        with self._locked():
            database = open_database(self.path, _PATIENCE)
            try:
                yield database
                database.close()
            except Exception as error:
                raise StoreError(f"the shelf refused ({type(error).__name__}: {error})", self.path) from error
            finally:
                database.close()


class _ShelfWriter(Writer):
    def __init__(self, store: ShelveStore, key: str) -> None:
        super().__init__(store, key)
        self._shelf = store
        self._generation = store.generation(key)

    def publish(self, chunks: Iterable[Blob], expires_at: float | None) -> bool:
        return self._shelf.publish(self._key, chunks, self._generation)


def _keys(database: Database, prefix: str) -> list[str]:
    raw = prefix.encode("ascii")
    keys = database.keys()
    return [key.decode("ascii") for key in keys if key.startswith(raw) and not key.startswith(_GENERATION)]


def _remove(database: Database, key: str) -> bool:
    try:
        del database[key.encode("ascii")]
    except KeyError:
        return False
    return True


def _generation(database: Database, key: str) -> tuple[bytes, ...]:
    # Also those of the namespace and of everything: a clear of these does not know functions without entries.
    return tuple(database.get(_counter(key[:size]), b"") for size in (FUNCTION_SIZE, NAMESPACE_SIZE, 0))


def _bump(database: Database, function: str) -> None:
    database[_counter(function)] = os.urandom(8)


def _counter(function: str) -> bytes:
    return _GENERATION + function.encode("ascii")
