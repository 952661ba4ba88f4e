"""Several stores as one: fast and small above, slow and shared below."""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeVar

from memopickle.errors import ConfigurationError
from memopickle.stores.base import HEAD_SIZE, Store, Wrapper, Writer
from memopickle.stores.claims import Claims
from memopickle.stores.memory import MemoryStore
from memopickle.stores.readonly import ReadOnlyStore
from memopickle.stores.tier import Failures, Tier, attempt_each, skip_all
from memopickle.stores.tieredwriter import TieredLock, TieredWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memopickle.locks import KeyLock
    from memopickle.stores.base import Summary
    from memopickle.typed import Blob

T = TypeVar("T")

__all__ = ["TieredStore"]


class TieredStore(Wrapper):
    """Looks into one store after the other; what a lower tier has is copied into those above.

    Args:
        stores: two or more, the fastest first, such as ``MemoryStore(ttl="30s"), DirectoryStore(path),
            RedisStore(url)``. A MemoryStore can only be the first.

    The ``ttl`` of the last tier is that of functions without one of their own. The ``ttl`` of each tier above bounds
    how long a copy there is used without a look below, and so how late this process sees what another one cleared
    or replaced; None, the default: as long as the entry is fresh. ``clear`` and ``cache_invalidate`` reach every tier
    of this process, and raise StoreError if one of them failed. The lock of a key is that of the last tier that has
    locks. A tier that fails is told once and skipped until it works again; only when all fail is it a StoreError.

    Safe between threads. Its pickle carries an empty MemoryStore of the same limits.

    """

    def __init__(self, *stores: Store) -> None:
        _check(stores)
        self.tiers = stores
        self.ttl: int | None = stores[-1].ttl
        #: The tier that keeps objects in place of bytes, if there is one.
        self.memory: MemoryStore | None = stores[0] if isinstance(stores[0], MemoryStore) else None
        #: Who is about to put something there.
        self.claims: Claims | None = Claims(self.memory) if self.memory is not None else None
        others = [store for store in stores if store is not self.memory]
        #: The tiers that keep bytes.
        self.levels: list[Tier] = [Tier(store, None if store is stores[-1] else store.ttl) for store in others]
        #: Those of them that take any.
        self.writable: list[Tier] = [tier for tier in self.levels if not isinstance(tier.store, ReadOnlyStore)]

    def on_eviction(self, tell: Callable[[str], object]) -> None:
        for tier in self.tiers:
            tier.on_eviction(tell)

    def __repr__(self) -> str:
        return f"TieredStore({', '.join(map(repr, self.tiers))})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.memory is None:
            return type(self), self.tiers
        memory = self.memory
        limits = (memory.maxsize, memory.max_bytes, memory.ttl, memory.copy)
        return _remake, (type(self), limits, self.tiers[1:])

    def open(self) -> None:
        self._most(self.levels, Store.open)

    def close(self) -> None:
        self._most(self.levels, Store.close)

    # -- reading -------------------------------------------------------------------------------------------------

    def get(self, key: str) -> Blob | None:
        """Return the bytes from the first tier that keeps bytes under this key; no tier is filled.

        A cache does not read through this but tier by tier, and verifies what it copies.
        """
        return self._first(methodcaller("get", key))

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        found: Blob | None = self._first(methodcaller("head", key, size))
        return self.memory.head(key, size) if found is None and self.memory is not None else found

    def size(self, key: str) -> int:
        found = self._first(lambda store: store.size(key) or None)
        return self.memory.size(key) if found is None and self.memory is not None else found or 0

    def keys(self, prefix: str = "") -> Iterator[str]:
        return self._union(lambda store: store.keys(prefix))

    def functions(self, prefix: str = "") -> Iterator[str]:
        return self._union(lambda store: store.functions(prefix))

    def summary(self, prefix: str = "") -> Summary:
        """Return the summary of the tier that has the most entries."""
        found = self._most(self.levels, lambda store: store.summary(prefix))
        return max(
            [*found, *([] if self.memory is None else [self.memory.summary(prefix)])], key=lambda one: one.entries
        )

    def statistics_path(self) -> str | None:
        return self.tiers[-1].statistics_path()

    def place(self, key: str) -> str:
        return self.tiers[-1].place(key)

    # -- writing -------------------------------------------------------------------------------------------------

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        with self.writer(key) as writer:
            writer.publish(chunks, expires_at)

    def writer(self, key: str) -> Writer:
        return TieredWriter(self, key)

    def lock(self, key: str) -> KeyLock:
        return TieredLock(self.levels, key)

    # -- removing ------------------------------------------------------------------------------------------------

    def delete(self, key: str) -> bool:
        return any(self._all(lambda store: store.delete(key), lambda claims: claims.delete(key)))

    def clear(self, prefix: str = "") -> int:
        """Remove every key that begins with ``prefix`` from all tiers; return how many the fullest of them had."""
        return max(self._all(lambda store: store.clear(prefix), lambda claims: claims.clear(prefix)))

    def prune(self, now: int) -> int:
        """Remove what was expired at ``now`` from all tiers; return how many the fullest of them had."""
        pruned = self._most(self.writable, lambda store: store.prune(now))
        return max([0 if self.memory is None else self.memory.prune(now), *pruned])

    # -- asking the tiers ----------------------------------------------------------------------------------------

    def _first(self, ask: Callable[[Store], T | None]) -> T | None:
        """Return what the first tier says that has an answer; raise the last error if all fail."""
        failures: Failures = []
        found = None
        for tier in self.levels:
            try:
                found = ask(tier.store)
            except Exception as error:  # noqa: BLE001  whatever it is, the other tiers may know
                failures.append((tier, error))
                continue
            tier.works()
            if found is not None:
                break
        if len(failures) == len(self.levels):
            raise failures[-1][1]
        skip_all(failures)
        return found

    def _union(self, ask: Callable[[Store], Iterator[str]]) -> Iterator[str]:
        """Return what any of the tiers lists, each once; raise an error if all fail."""
        found = self._most(self.levels, lambda store: set(ask(store)))
        return iter(set().union(*found, () if self.memory is None else ask(self.memory)))

    def _most(self, tiers: list[Tier], do: Callable[[Store], T]) -> list[T]:
        """Do something in tiers, the last first; raise an error only if all fail."""
        done, failures = attempt_each(tiers, lambda tier: do(tier.store))
        if failures and not done:
            raise failures[0][1]
        skip_all(failures)
        return done

    def _all(self, do: Callable[[Store], T], in_memory: Callable[[Claims], T]) -> list[T]:
        """Remove something from every tier, the last first and memory at the end; raise an error if any fails.

        In this order nobody brings it back: who reads a lower tier before the removal there opened his writer of an
        upper tier, or made his claim on memory, even before, and finds it void.
        """
        done, failures = attempt_each(self.levels, lambda tier: do(tier.store))
        if self.claims is not None:
            done.append(in_memory(self.claims))
        if failures:
            raise failures[0][1]
        return done


def _check(stores: tuple[Store, ...]) -> None:
    for store in stores:
        if not isinstance(store, Store):
            raise ConfigurationError(f"TieredStore needs stores, such as DirectoryStore(path), not {store!r}")
        if isinstance(store, TieredStore):
            raise ConfigurationError("a tier can't be a TieredStore; name its tiers in their places")
        if isinstance(store, MemoryStore) and store is not stores[0]:
            raise ConfigurationError("a MemoryStore below other tiers would never be the faster one; make it the first")
    if len(set(map(id, stores))) < max(2, len(stores)):
        raise ConfigurationError("a TieredStore needs two different stores or more, the fastest first")


def _remake(
    kind: type[TieredStore], limits: tuple[int | None, int | None, int | None, bool], others: tuple[Store, ...]
) -> TieredStore:
    maxsize, max_bytes, ttl, copy = limits
    memory = MemoryStore(maxsize, max_bytes, copy=copy)
    memory.ttl = ttl
    return kind(memory, *others)
