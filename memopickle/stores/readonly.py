"""A store that is read and never written: for CI, and for images that bring a filled cache along."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from memopickle.errors import ConfigurationError, StoreError
from memopickle.locks import KeyLock, NoLock
from memopickle.stores.base import HEAD_SIZE, Store, Wrapper, Writer
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.memory import MemoryStore
from memopickle.stores.shelf import ShelveStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memopickle.stores.base import Summary
    from memopickle.typed import Blob

__all__ = ["ReadOnlyStore"]


class ReadOnlyStore(Wrapper):
    """Hits from another store, to which nothing is done: no entry, no lock, no access time, no directory is written.

    A call that misses runs the function, stores nothing and says nothing; it emits the event ``NotStored``. Whoever
    clears, invalidates or prunes through it gets a StoreError. A place that does not exist is an empty cache.

    Args:
        store: the one to read. Not a MemoryStore, which begins empty; not a ShelveStore, which cannot be read
            without writing its lock file; and not a TieredStore, whose hits fill the tiers above: put ReadOnlyStore
            around the tiers that must stay as they are. ConfigurationError for these.

    Its ttl is that of the store. Safe between threads and processes, and picklable, as the store is.

    """

    def __init__(self, store: Store) -> None:
        _check(store)
        self.store: DirectoryStore | Store = _unlimited(store) if isinstance(store, DirectoryStore) else store
        self.ttl: int | None = store.ttl

    def __repr__(self) -> str:
        return f"ReadOnlyStore({self.store!r})"

    def open(self) -> None:
        # Not the store's own, which makes the place. What is wrong with it is told by the first read.
        pass

    def get(self, key: str) -> Blob | None:
        return self.store.get(key)

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        return self.store.head(key, size)

    def size(self, key: str) -> int:
        return self.store.size(key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        return self.store.keys(prefix)

    def functions(self, prefix: str = "") -> Iterator[str]:
        return self.store.functions(prefix)

    def summary(self, prefix: str = "") -> Summary:
        return self.store.summary(prefix)

    def statistics_path(self) -> str | None:
        return None  # which would be written

    def extent(self, prefix: str) -> tuple[int | None, int | None]:
        return self.store.extent(prefix)

    def place(self, key: str) -> str:
        return self.store.place(key)

    def close(self) -> None:
        self.store.close()

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        self._refuse("stored")

    def delete(self, key: str) -> bool:
        self._refuse("removed")

    def clear(self, prefix: str = "") -> int:
        self._refuse("cleared")

    def prune(self, now: int) -> int:
        self._refuse("pruned")

    def writer(self, key: str) -> Writer:
        return _NoWriter(self, key)

    def lock(self, key: str) -> KeyLock:
        return NoLock()

    def _refuse(self, what: str) -> NoReturn:
        raise StoreError(
            f"nothing is {what} through a read-only store; do it where the cache is filled, on {self.store!r}"
        )


class _NoWriter(Writer):
    """Publishes nothing, without a word: a program need not know whether it may write its cache."""

    refusal = "the store is read-only"

    def publish(self, chunks: Iterable[Blob], expires_at: float | None) -> bool:
        return False

    def retract(self) -> None:
        pass


def _unlimited(store: DirectoryStore) -> DirectoryStore:
    """Return the same directory without limits: with one, a hit notes when an entry was last used."""
    reader = type(store).__new__(type(store))
    reader.__setstate__(store.__getstate__() | {"max_bytes": None, "max_entries": None})
    return reader


def _check(store: Store) -> None:
    if not isinstance(store, Store):
        raise ConfigurationError(f"ReadOnlyStore needs a store, such as DirectoryStore(path), not {store!r}")
    if isinstance(store, MemoryStore):
        raise ConfigurationError(
            "a MemoryStore begins empty, so that a read-only one would never hit; give a store that others fill"
        )
    if isinstance(store, ShelveStore):
        raise ConfigurationError("a shelf cannot be read without writing its lock file; use a DirectoryStore")
    if hasattr(store, "tiers"):
        raise ConfigurationError(
            "hits fill the upper tiers of a TieredStore; put ReadOnlyStore around the tiers that must not be written"
        )
