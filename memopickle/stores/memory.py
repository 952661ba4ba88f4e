"""Entries in this process, the least recently used evicted first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from memopickle.entry import Facts, pack_header
from memopickle.errors import BadPayloadError, ConfigurationError
from memopickle.expiry import result_ttl
from memopickle.forking import renew_in_child
from memopickle.locks import KeyLock, NoLock
from memopickle.serializers import PICKLE
from memopickle.signing import KEY_ID_SIZE
from memopickle.stores.base import HEAD_SIZE, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memopickle.stores.base import Blob

__all__ = ["MemoryStore", "Record"]


class Record(NamedTuple):
    """What the object face keeps: the header's facts and the payload, which never left this process."""

    created: int
    expires: int
    cost: int
    code: bytes
    metadata: bytes
    payload: Any
    pickled: bool
    size: int

    def value(self) -> Any:
        """Return the value: a new copy, where a caller could change it."""
        if not self.pickled:
            return self.payload
        try:
            return PICKLE.decode(self.payload)
        except Exception as error:
            raise BadPayloadError(f"cannot be loaded ({type(error).__name__}: {error})") from error


class MemoryStore(Store):
    """A bounded store in this process, strictly least recently used.

    Args:
        maxsize: how many entries at most, None for no limit, 0 to keep nothing.
        max_bytes: how many bytes of entries at most, None for no limit. An object kept as it is (``copy=False`` or
            immutable) counts as its ``sys.getsizeof``.
        ttl: for functions without one of their own; see :func:`memopickle.cached`.
        copy: True (default): results are kept pickled, so that no caller can change what is stored; immutable ones
            are kept as they are. False: the object itself is kept and every caller gets the same one.

    Safe between threads. It is not shared with other processes, and cannot be pickled.

    """

    def __init__(
        self, maxsize: int | None = None, max_bytes: int | None = None, ttl: object = None, *, copy: bool = True
    ) -> None:
        self.maxsize = _limit(maxsize, "maxsize")
        self.max_bytes = _limit(max_bytes, "max_bytes")
        self.ttl = result_ttl(ttl)
        self.copy = bool(copy)
        self._entries: OrderedDict[str, tuple[Blob | Record, int]] = OrderedDict()
        self._bytes = 0
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin with a free lock, in a forked child."""
        # Guards entries and bytes. Re-entrant: dropping an object may run its __del__, which may call a cached
        # function.
        self._guard = threading.RLock()

    def __repr__(self) -> str:
        return f"MemoryStore(maxsize={self.maxsize}, max_bytes={self.max_bytes}, copy={self.copy})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a MemoryStore lives in one process and cannot be pickled; use a DirectoryStore to share")

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Blob | None:
        found = self._touch(key)
        return None if isinstance(found, Record) else found

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        blob = b"".join(chunks)
        self._put(key, blob, len(blob))

    def recall(self, key: str) -> Record | None:
        """Return the record last remembered under a key, or None: the object face of get."""
        found = self._touch(key)
        return found if isinstance(found, Record) else None

    def remember(self, key: str, record: Record) -> None:
        """Keep a record: the object face of set."""
        self._put(key, record, record.size)

    def delete(self, key: str) -> bool:
        with self._guard:
            return self._drop(key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        with self._guard:
            keys = list(self._entries)
        return (key for key in keys if key.startswith(prefix))

    def extent(self, prefix: str) -> tuple[int | None, int | None]:
        return self.maxsize, sum(1 for _ in self.keys(prefix))

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        with self._guard:
            found = self._entries.get(key, (None, 0))[0]
        return _head(found) if isinstance(found, Record) else found and found[:size]

    def size(self, key: str) -> int:
        with self._guard:
            return self._entries[key][1] if key in self._entries else 0

    def lock(self, key: str) -> KeyLock:
        return NoLock()

    def _touch(self, key: str) -> Blob | Record | None:
        with self._guard:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def _put(self, key: str, kept: Blob | Record, size: int) -> None:
        with self._guard:
            self._drop(key)
            self._entries[key] = kept, size
            self._bytes += size
            while self._is_over():
                self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> bool:
        found = self._entries.pop(key, None)
        if found is None:
            return False
        self._bytes -= found[1]
        return True

    def _is_over(self) -> bool:
        too_many = self.maxsize is not None and len(self._entries) > self.maxsize
        return too_many or (self.max_bytes is not None and self._bytes > self.max_bytes)


def _head(record: Record) -> bytes:
    """Return the head that an entry with these facts would have, so that records are listed like entries."""
    facts = Facts(record.created, record.expires, record.cost, record.code, record.metadata)
    return pack_header(b"\0" * KEY_ID_SIZE, facts, 0, 0) + record.metadata


def _limit(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"{name}={value!r}: give a whole number of at least 0, or None for no limit")
    return value
