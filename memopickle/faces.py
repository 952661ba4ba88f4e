"""The ways a cache keeps a value: as signed bytes, read or mapped, or as an object in this process."""

from __future__ import annotations

import sys

from memopickle.expiry import NEVER, SECOND
from memopickle.files import close
from memopickle.header import EXCEPTION
from memopickle.serializers import PickleSerializer, in_process
from memopickle.stores.memory import MemoryStore, Record
from memopickle.typed import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.codec import Codec
    from memopickle.header import Facts
    from memopickle.serializers import ResultSerializer
    from memopickle.stores.base import Store, Writer
    from memopickle.stores.directory import DirectoryStore

__all__ = ["Face", "Found", "MappedFace", "ObjectFace", "SignedFace"]

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
    def ttl(self) -> int:
        """As it was when storing."""
        ...

    @property
    def code(self) -> bytes: ...
    @property
    def raises(self) -> bool:
        """Whether it is an exception to be raised, as :mod:`memopickle.failures` has it."""
        ...

    def value(self) -> Any:
        """Return the value, a new one each time where it could be changed; raises BadPayloadError."""
        ...


class Face(Protocol):
    """Reads and writes values of one function's keys."""

    def read(self, key: str, /) -> Found | None:
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
        self.codec: Codec = codec

    def read(self, key: str) -> Found | None:
        blob = self._get(key)
        return None if blob is None else self.codec.decode(key, blob)

    def write(self, writer: Writer, key: str, value: Any, facts: Facts) -> int | None:
        chunks = self.codec.encode(key, value, facts, facts.kind)
        expires = None if facts.expires == NEVER else facts.expires / SECOND
        return sum(map(len, chunks)) if writer.publish(chunks, expires) else None


class MappedFace(SignedFace):
    """The same in a DirectoryStore with ``mmap``: the large arrays in an entry are mapped instead of read."""

    def __init__(self, store: DirectoryStore, codec: Codec) -> None:
        super().__init__(store, codec)
        from memopickle.stores.mapped import MappedFile  # where a store asks for it

        self._open = store.open_entry
        self._map = MappedFile

    def read(self, key: str) -> Found | None:
        fd = self._open(key)
        if fd is None:
            return None
        try:
            return self.codec.decode_from(key, self._map(fd))
        finally:
            close(fd)


class ObjectFace:
    """Values as they are, or pickled where a caller could change them, in a MemoryStore.

    Where the store copies, another serializer than pickle makes the copies, so that it keeps, and refuses, what it does
    in every other store.
    """

    def __init__(self, store: MemoryStore, serializer: ResultSerializer) -> None:
        self.read: Callable[[str], Record | None] = store.recall
        self._store = store
        self._serializer = in_process(serializer)
        self._as_they_are = _IMMUTABLE if isinstance(serializer, PickleSerializer) else frozenset()

    def write(self, writer: Writer, key: str, value: Any, facts: Facts) -> int | None:
        record = self.record(value, facts)
        self._store.remember(key, record)
        return record.size

    def record(self, value: Any, facts: Facts) -> Record:
        """Return what the store is to keep of a value; raises where it can't be pickled, or given out twice."""
        # An exception gets a traceback where it is raised: each time a new one.
        pickled = facts.kind == EXCEPTION or (self._store.copy and type(value) not in self._as_they_are)
        payload = self._serializer.encode_whole(value) if pickled else _given_out_twice(value)
        return Record(*facts, payload, pickled, sys.getsizeof(payload), loads=self._serializer.decode)


def _given_out_twice(value: Any) -> Any:
    """Return the value; UnstorableError for what the next caller would get used up, closed or locked."""
    from memopickle.unstorable import PAGE, UnstorableError, cure, named  # on a miss only

    advice = cure(value)
    if advice:
        raise UnstorableError(f"result: {named(value)}, which callers can't share; {advice}; see {PAGE}")
    return value
