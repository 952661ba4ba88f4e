"""What a store is: four methods on bytes, and correct defaults for the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod

from memopickle.errors import UnknownFormatError
from memopickle.header import HEADER, read_header
from memopickle.storekey import FUNCTION_SIZE
from memopickle.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from memopickle.locks import KeyLock
    from memopickle.stores.memory import MemoryStore
    from memopickle.typed import Blob

__all__ = ["HEAD_SIZE", "Store", "Summary", "Wrapper", "Writer"]

#: Bytes that hold an entry's header and, but for very long names, its metadata.
HEAD_SIZE = 4096


class Summary(NamedTuple):
    """How many entries there are, their bytes, and when the oldest and the newest of them were stored, if known.

    Times are in seconds since the epoch, as the place tells them: for being shown, and nothing else.
    """

    entries: int
    bytes: int
    oldest: float | None = None
    newest: float | None = None


class Writer:
    """One value on its way into a store, opened before the value is computed.

    Opened early so that a store can tell whether the key was cleared or invalidated in the meantime: then the value
    must not appear. This plain one cannot tell; stores that can bring their own.
    """

    #: Why ``publish`` returns False, for events.
    refusal = "cleared while it was computed"

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key

    def use_lock(self, lock: KeyLock) -> bool:
        """Be told, before ``publish``, of the lock of the key; return whether ``publish`` sees that it is still held.

        Else the caller does, before and after it. Internal.
        """
        return False

    def publish(self, chunks: Iterable[Blob], expires_at: float | None) -> bool:
        """Make the value visible, whole or not at all; return False if the key was cleared since.

        Raises OSError or StoreError if it can't be written.
        """
        self._store.set(self._key, chunks, expires_at)
        return True

    def retract(self) -> None:
        """Take back what was published."""
        self._store.delete(self._key)

    def close(self) -> None:
        """Let go of what the writer holds; nothing is published by it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Store(ABC):
    """A place for entries, by key.

    To write one, implement ``get``, ``set``, ``delete`` and ``keys``, and run
    :class:`memopickle.testing.StoreTests` over it. Keys are ASCII, at most 200 characters, and look like
    ``function/arguments.variant`` in lower-case hex. A store keeps bytes and interprets nothing; what it returns is
    verified by the cache. All methods may be called from several threads at once. A missing key is ``None`` or
    ``False``; a store that fails raises OSError or StoreError, never anything else.

    Attributes:
        ttl: how long entries of functions without a ttl of their own are used, in microseconds; None for ever.

    """

    ttl: int | None = None

    @abstractmethod
    def get(self, key: str) -> Blob | None:
        """Return the bytes last set, or None."""

    @abstractmethod
    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        """Keep the joined chunks, replacing what was there; readers see the old bytes or the new, never a mixture.

        ``expires_at``, in seconds since the epoch or None, is for stores whose server can expire by itself.
        """

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Remove a key; return whether it was there."""

    @abstractmethod
    def keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``, in any order; changes meanwhile may be seen or not."""

    def open(self) -> None:
        """Check, at the first call of a function, that the place can be used; StoreError says what to mend."""

    def is_absent(self, key: str) -> bool:
        """Tell whether surely nothing is stored, where that takes less than ``get``; else False. Internal."""
        return False

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        """Return the first ``size`` bytes, or None; for listing without reading payloads."""
        blob = self.get(key)
        return None if blob is None else blob[:size]

    def functions(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the function parts of the keys that begin with ``prefix``."""
        return iter({key[:FUNCTION_SIZE] for key in self.keys(prefix)})

    def extent(self, prefix: str) -> tuple[int | None, int | None]:
        """Return the limit on entries and how many begin with ``prefix``, where that costs next to nothing."""
        return None, None

    def size(self, key: str) -> int:
        """Return the size of an entry in bytes, 0 if it is gone."""
        blob = self.get(key)
        return 0 if blob is None else len(blob)

    def summary(self, prefix: str = "") -> Summary:
        """Return how many entries begin with ``prefix``, and their bytes; no payload is read if ``size`` reads none."""
        sizes = [self.size(key) for key in self.keys(prefix)]
        return Summary(len(sizes), sum(sizes))

    def statistics_path(self) -> str | None:
        """Return the file for what calls with this store come to, None to count in this process only.

        By default one in the user's state directory, which is made, named by a digest of the store's place. Asked for
        off the path of hits. May raise OSError.
        """
        from memopickle.stores.userfiles import user_statistics_path

        return user_statistics_path(self.place(f"{'0' * 40}/{'0' * 64}.{'0' * 16}"))

    def clear(self, prefix: str = "") -> int:
        """Remove every key that begins with ``prefix``; return how many."""
        return sum(self.delete(key) for key in list(self.keys(prefix)))

    def prune(self, now: int) -> int:
        """Remove what was expired at ``now`` (microseconds) by the expiry recorded in it; return how many."""
        return sum(self._evict(key) for key in list(self.keys()) if self._is_expired(key, now))

    def writer(self, key: str) -> Writer:
        """Return a writer for one value; to be opened before the value is computed."""
        return Writer(self, key)

    def lock(self, key: str) -> KeyLock:
        """Return the lock of a key between processes; by default one machine's, in the user's runtime directory."""
        from memopickle.stores.userfiles import user_lock  # on a miss only

        return user_lock(self.place(key))

    def place(self, key: str) -> str:
        """Say, for messages, where a key's bytes are kept."""
        return f"{type(self).__name__} {key}"

    def on_eviction(self, tell: Callable[[str], object]) -> None:
        """Have ``tell`` called with the key of every entry that is evicted from now on, where the store evicts.

        It is called after the eviction, by the thread that stores, outside all locks of the store.
        """

    def close(self) -> None:
        """Let go of connections and files; the store opens them again when it is used again."""

    def _evict(self, key: str) -> bool:
        # Unlike delete, this need not stop a computation that is under way from storing its value.
        return self.delete(key)

    def _is_expired(self, key: str, now: int) -> bool:
        head = self.head(key, HEADER.size)
        if head is None:
            return False
        try:
            return read_header(head).expires <= now
        except UnknownFormatError:
            return False  # not ours to judge: verify reports it, clear removes it


class Wrapper(Store):
    """A store around other stores, which a cache reads and writes in a way of its own.

    Attributes:
        memory: the one of them that keeps objects in place of bytes, None if there is none.

    """

    memory: MemoryStore | None = None
