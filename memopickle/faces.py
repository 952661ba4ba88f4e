"""The two ways a cache keeps a value: as signed bytes, or as an object in this process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from memopickle.expiry import NEVER, SECOND
from memopickle.serializers import PICKLE
from memopickle.stores.memory import MemoryStore, Record

if TYPE_CHECKING:
    from memopickle.entry import Codec, Facts
    from memopickle.stores.base import Store, Writer

__all__ = ["Face", "Found", "ObjectFace", "SignedFace"]

#: Results of exactly these types can't be changed by a caller, and need no copy.
_IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes})


class Found(Protocol):
    """A stored value whose integrity is beyond doubt, not yet loaded; times in microseconds, cost in nanoseconds."""

    @property
    def created(self) -> int: ...
    @property
    def expires(self) -> int: ...
    @property
    def cost(self) -> int: ...
    @property
    def code(self) -> bytes: ...

    def value(self) -> Any:
        """Return the value, a new one each time where it could be changed; raises BadPayloadError."""
        ...


class Face(Protocol):
    """Reads and writes values of one function's keys."""

    def read(self, key: str) -> Found | None:
        """Return what is stored, verified, or None; raises BadEntryError, StoreError, OSError."""
        ...

    def write(self, writer: Writer, key: str, value: Any, facts: Facts) -> int | None:
        """Store a value and return its size in bytes, or None if the key was cleared meanwhile.

        Raises what the value's own code raises where it can't be serialized, StoreError, OSError.
        """
        ...


class SignedFace:
    """Values as signed entries, in any store."""

    def __init__(self, store: Store, codec: Codec) -> None:
        self._get = store.get
        self._codec = codec

    def read(self, key: str) -> Found | None:
        blob = self._get(key)
        return None if blob is None else self._codec.decode(key, blob)

    def write(self, writer: Writer, key: str, value: Any, facts: Facts) -> int | None:
        chunks = self._codec.encode(key, value, facts)
        expires = None if facts.expires == NEVER else facts.expires / SECOND
        return sum(map(len, chunks)) if writer.publish(chunks, expires) else None


class ObjectFace:
    """Values as they are, or pickled where a caller could change them, in a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self.read = store.recall
        self._store = store

    def write(self, writer: Writer, key: str, value: Any, facts: Facts) -> int | None:
        pickled = self._store.copy and type(value) not in _IMMUTABLE
        payload = PICKLE.encode_whole(value) if pickled else value
        size = sys.getsizeof(payload)
        self._store.remember(key, Record(*facts, payload, pickled, size))
        return size
