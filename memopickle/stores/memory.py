"""Entries in this process, the least recently used evicted first."""

from __future__ import annotations

from _thread import RLock  # as threading has it
from collections import OrderedDict
from contextlib import suppress

from memopickle.errors import BadPayloadError, StoreError
from memopickle.expiry import SECOND, result_ttl
from memopickle.forking import renew_in_child
from memopickle.gil import HAS_GIL
from memopickle.header import EXCEPTION, VALUE, Facts, pack_header, prefix
from memopickle.locks import KeyLock, NoLock
from memopickle.serializers import PICKLE
from memopickle.signing import KEY_ID_SIZE
from memopickle.stores.base import HEAD_SIZE, Store
from memopickle.typed import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memopickle.typed import Blob

__all__ = ["MemoryStore", "Record"]

_FOREVER = float("inf")


class Record:
    """What the object face keeps: the header's facts and the payload, which never left this process.

    Times in microseconds, ``cost`` in nanoseconds, ``size`` in bytes. Immutable in use.
    """

    __slots__ = (
        "code", "cost", "created", "expires", "loads", "metadata", "payload", "pickled", "raises", "shortcut", "size",
        "ttl", "until",
    )  # fmt: skip

    def __init__(
        self,
        created: int,
        expires: int,
        cost: int,
        code: bytes,
        metadata: bytes,
        ttl: int,
        kind: int,
        payload: Any,
        pickled: bool,
        size: int,
        until: float = _FOREVER,
        loads: Callable[[bytes], Any] = PICKLE.loads,
    ) -> None:
        self.created: int = created
        self.raises: bool = kind == EXCEPTION
        self.expires: int = expires
        self.cost: int = cost
        self.code: bytes = code
        self.metadata: bytes = metadata
        self.ttl: int = ttl
        self.payload: Any = payload
        #: Whether ``loads`` makes the value of the payload, else the payload is the value.
        self.pickled: bool = pickled
        self.loads: Callable[[bytes], Any] = loads
        self.size: int = size
        #: Until when a tier of several may use this copy, in seconds; a store by itself needs none.
        self.until: float = until
        #: Made when a store keeps it; None for an exception, which the quick way must not take for a value.
        self.shortcut: Shortcut | None = None

    def retire(self) -> None:
        """Note that the store let go of it."""
        if self.shortcut is not None:
            # In this order: the quick way reads the payload first and then looks whether it may use it.
            self.shortcut.born = _FOREVER
            self.shortcut.payload = None

    def value(self) -> Any:
        """Return the value: a new copy, where a caller could change it."""
        if not self.pickled:
            return self.payload
        try:
            return self.loads(self.payload)
        except Exception as error:
            raise BadPayloadError(f"cannot be loaded ({type(error).__name__}: {error})") from error


class Shortcut:
    """What the quick way keeps of a record, instead of it: emptied, so that nothing is kept alive, when that goes."""

    __slots__ = ("born", "key", "payload", "pickled", "until")

    def __init__(self, key: str, record: Record) -> None:
        self.key: str = key
        #: When the record was made, in seconds; infinite once it is gone.
        self.born: float = record.created / SECOND
        self.payload: Any = record.payload
        self.pickled: bool = record.pickled
        self.until: float = record.until


class _Bytes:
    """What the bytes face keeps."""

    __slots__ = ("blob", "size")

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self.size = len(blob)

    def retire(self) -> None:
        """Bytes are given out as they are: nobody refers to this."""


class MemoryStore(Store):
    """A bounded store in this process, strictly least recently used.

    Args:
        maxsize: how many entries at most, None for no limit, 0 to keep nothing.
        max_bytes: how many bytes of entries at most, also as ``"500MB"`` or ``"1GiB"``; None for no limit. An object
            kept as it is (``copy=False`` or immutable) counts as its ``sys.getsizeof``.
        ttl: for functions without one of their own; see :func:`memopickle.cached`.
        copy: True (default): results are kept pickled, so that no caller can change what is stored; immutable ones
            are kept as they are. False: the object itself is kept and every caller gets the same one; but what
            works only once, or is alive (a generator, an open file, a coroutine, a lock), is returned and not kept.

    Safe between threads. It is not shared with other processes, and cannot be pickled.

    """

    def __init__(
        self, maxsize: int | None = None, max_bytes: int | str | None = None, ttl: object = None, *, copy: bool = True
    ) -> None:
        self.maxsize: int | None = None
        self.max_bytes: int | None = None
        self.ttl: int | None = result_ttl(ttl)
        self.copy: bool = bool(copy)
        #: Least recently used first. Readers take no lock: looking up a key is atomic in every build of Python.
        self.entries: OrderedDict[str, Record | _Bytes] = OrderedDict()
        #: Whether anything is ever evicted: if not, there is no order to keep.
        self.is_bounded: bool = not (maxsize is None and max_bytes is None)
        if self.is_bounded:
            from memopickle.stores.limits import parse_limit, parse_size  # where there are some

            self.maxsize = parse_limit(maxsize, "maxsize")
            self.max_bytes = parse_size(max_bytes, "max_bytes")
        #: Makes an entry the most recently used; KeyError if it is gone. Atomic under the GIL; in builds without it
        #: a lock must see to that, as an OrderedDict does not before Python 3.14.
        self.touch: Callable[[str], None] = self.entries.move_to_end if HAS_GIL else self._touch_alone
        self._bytes = 0
        self._tellers: list[Callable[[str], object]] = []
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin with a free lock, in a forked child. Internal."""
        # Guards bytes, and what entries sum up to. Re-entrant: dropping an object may run its __del__, which may call
        # a cached function.
        self._guard = RLock()

    def __repr__(self) -> str:
        return f"MemoryStore(maxsize={self.maxsize}, max_bytes={self.max_bytes}, copy={self.copy})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a MemoryStore lives in one process and cannot be pickled; use a DirectoryStore to share")

    def __len__(self) -> int:
        with self._guard:  # while one is stored there may be one too many
            return len(self.entries)

    def get(self, key: str) -> Blob | None:
        found = self._used(key)
        return found.blob if isinstance(found, _Bytes) else None

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        self._put(key, _Bytes(b"".join(chunks)))

    def recall(self, key: str) -> Record | None:
        """Return the record last remembered under a key, or None: the object face of get. Internal."""
        found = self._used(key)
        return found if isinstance(found, Record) else None

    def remember(self, key: str, record: Record) -> None:
        """Keep a record: the object face of set. Internal."""
        if not record.raises:
            record.shortcut = Shortcut(key, record)
        self._put(key, record)

    def delete(self, key: str) -> bool:
        with self._guard:
            return self._drop(key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        with self._guard:
            keys = self._in_order()
        return (key for key in keys if key.startswith(prefix))

    def extent(self, prefix: str) -> tuple[int | None, int | None]:
        return self.maxsize, sum(1 for _ in self.keys(prefix))

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        found = self.entries.get(key)
        if found is None:
            return None
        return found.blob[:size] if isinstance(found, _Bytes) else _head(found)

    def size(self, key: str) -> int:
        found = self.entries.get(key)
        return 0 if found is None else found.size

    def statistics_path(self) -> str | None:
        return None  # nobody could ever read them beside these entries

    def lock(self, key: str) -> KeyLock:
        return NoLock()

    def on_eviction(self, tell: Callable[[str], object]) -> None:
        self._tellers.append(tell)

    def _in_order(self) -> list[str]:
        while True:
            with suppress(RuntimeError):  # a hit of another thread, which takes no lock, changed the order meanwhile
                return list(self.entries)

    def _used(self, key: str) -> Record | _Bytes | None:
        found = self.entries.get(key)
        if found is not None and self.is_bounded:
            try:  # noqa: SIM105  suppress() would cost as much as the rest
                self.touch(key)
            except KeyError:
                pass  # evicted in this moment; what was found is right all the same
        return found

    def _touch_alone(self, key: str) -> None:
        with self._guard:
            self.entries.move_to_end(key)

    def _put(self, key: str, kept: Record | _Bytes) -> None:
        if self.max_bytes and kept.size > self.max_bytes:
            self.delete(key)
            raise StoreError(
                f"the result takes {kept.size} bytes, above max_bytes={self.max_bytes}; raise that limit to store it"
            )
        for evicted in self._exchange(key, kept):
            for tell in self._tellers:
                tell(evicted)

    def _exchange(self, key: str, kept: Record | _Bytes) -> list[str]:
        """Keep it, and return the keys of what had to go for it."""
        evicted = []
        with self._guard:
            old = self.entries.get(key)
            self.entries[key] = kept  # in one step: readers take no lock, and find the old one or this
            if old is not None:
                self.entries.move_to_end(key)
                self._let_go(old)
            self._bytes += kept.size
            while self._is_over():
                oldest, gone = self.entries.popitem(last=False)
                self._let_go(gone)
                evicted.append(oldest)
        return evicted

    def _drop(self, key: str) -> bool:
        found = self.entries.pop(key, None)
        if found is None:
            return False
        self._let_go(found)
        return True

    def _let_go(self, kept: Record | _Bytes) -> None:
        self._bytes -= kept.size
        kept.retire()

    def _is_over(self) -> bool:
        too_many = self.maxsize is not None and len(self.entries) > self.maxsize
        return too_many or (self.max_bytes is not None and self._bytes > self.max_bytes)


def _head(record: Record) -> bytes:
    """Return the head that an entry with these facts would have, so that records are listed like entries."""
    facts = Facts(record.created, record.expires, record.cost, record.code, record.metadata, record.ttl)
    start = prefix(EXCEPTION if record.raises else VALUE)
    return pack_header(b"\0" * KEY_ID_SIZE, facts, 0, 0, start=start) + record.metadata
