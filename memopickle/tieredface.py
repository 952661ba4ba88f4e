"""The faces of stores that wrap others: tiers, each verified by itself and filled from below, and read-only ones."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.errors import BadEntryError, StoreError
from memopickle.expiry import NEVER, SECOND, microseconds
from memopickle.faces import ObjectFace, SignedFace
from memopickle.notices import forget, warn_once
from memopickle.serializers import PickleSerializer
from memopickle.stores.readonly import ReadOnlyStore
from memopickle.stores.tier import Failures, Tier, skip_all
from memopickle.stores.tiered import TieredStore
from memopickle.stores.tieredwriter import TieredWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.codec import Codec
    from memopickle.entry import Entry
    from memopickle.faces import Face, Found
    from memopickle.header import Facts
    from memopickle.serializers import ResultSerializer
    from memopickle.stores.base import Store, Writer
    from memopickle.stores.claims import Claims
    from memopickle.stores.memory import Record
    from memopickle.typed import Blob

__all__ = ["wrapper_face"]


class _ReadOnlyFace:
    """Reads as another face does, and writes nothing: not even the bytes of a value are made."""

    def __init__(self, face: Face) -> None:
        self.read = face.read

    def write(self, writer: Writer, key: str, value: Any, facts: Facts) -> int | None:
        return None


def wrapper_face(
    store: Store, codec: Codec, clock: Callable[[], float], inner: Callable[[Store], Face], serializer: ResultSerializer
) -> Face:
    """Return the face of a store around others; ``inner`` makes that of another store."""
    if isinstance(store, ReadOnlyStore):
        return _ReadOnlyFace(inner(store.store))
    if not isinstance(store, TieredStore):
        raise TypeError(f"unknown kind of wrapper: {store!r}")
    below = _BytesFace(store, codec, clock)
    return below if store.claims is None else _MemoryFace(store.claims, below, clock, serializer)


class _Copy(NamedTuple):
    """What a tier has: the bytes, the entry that they were verified to be, and until when it may be used."""

    blob: Blob
    entry: Entry
    limit: int


class _BytesFace:
    """Values as signed entries, in the tiers that keep bytes."""

    def __init__(self, store: TieredStore, codec: Codec, clock: Callable[[], float]) -> None:
        self._tiers = store.levels
        self._codec = codec
        self._clock = clock
        self._signed = SignedFace(store, codec)

    def read(self, key: str) -> Entry | None:
        copy = self.find(key)
        return copy and copy.entry

    def find(self, key: str) -> _Copy | None:
        """Return what the tiers have; raises what ``read`` raises."""
        failures: Failures = []
        copy = self._look(key, 0, failures)
        if copy is None:
            _raise_if_unknown(key, failures, len(self._tiers))
        skip_all([(tier, error) for tier, error in failures if not isinstance(error, BadEntryError)])
        return copy

    def write(self, writer: Writer, key: str, value: Any, facts: Facts) -> int | None:
        if isinstance(writer, TieredWriter) and not writer.takes_bytes():
            return None
        return self._signed.write(writer, key, value, facts)

    def _look(self, key: str, index: int, failures: Failures) -> _Copy | None:
        """Return what this tier or one below it has; what comes from below is copied into this one."""
        if index == len(self._tiers):
            return None
        tier = self._tiers[index]
        copy = refused = None
        try:
            copy = self._read(tier, key)
        except Exception as error:  # noqa: BLE001  whatever a store does, the tiers below are asked
            failures.append((tier, error))
            if not isinstance(error, BadEntryError):
                return self._look(key, index + 1, failures)
            refused = error
        now = microseconds(self._clock)
        usable = copy if copy is not None and now < copy.limit else None
        # Past its recorded expiry a copy may still do, by the ttl of today; but below there may be a newer one.
        if usable is not None and usable.entry.expires > now:
            return usable
        return self._fill(key, index, copy, refused, failures) or usable

    def _read(self, tier: Tier, key: str) -> _Copy | None:
        blob = tier.store.get(key)
        tier.works()
        if blob is None:
            return None
        entry = self._codec.decode(key, blob)
        return _Copy(blob, entry, tier.limit(key, entry.created))

    def _fill(
        self, key: str, index: int, copy: _Copy | None, refused: BadEntryError | None, failures: Failures
    ) -> _Copy | None:
        """Return what the tiers below have, copied into this one."""
        if index + 1 == len(self._tiers):
            return None
        tier = self._tiers[index]
        writer = _open(tier, key)  # before the look, so that a clear that comes meanwhile takes the copy along
        try:
            found = self._look(key, index + 1, failures)
            if found is not None:
                if refused is not None:
                    _tell(tier.store.place(key), refused)
                if copy is None or copy.blob != found.blob:
                    _publish(tier, key, writer, found)
                tier.confirm(key, microseconds(self._clock), found.limit)
                found = found._replace(limit=min(found.limit, tier.limit(key, found.entry.created)))
        finally:
            if writer is not None:
                writer.close()
        return found


class _MemoryFace:
    """Objects in the memory tier, signed entries in those below."""

    def __init__(
        self, claims: Claims, below: _BytesFace, clock: Callable[[], float], serializer: ResultSerializer
    ) -> None:
        self._claims = claims
        self._below = below
        self._clock = clock
        self._plain = isinstance(serializer, PickleSerializer)
        self._recall = claims.memory.recall
        self._objects = ObjectFace(claims.memory, serializer)
        self._tier = Tier(claims.memory, claims.memory.ttl)

    def read(self, key: str) -> Found | None:
        record = self._recall(key)
        if record is not None and (record.until == inf or self._clock() < record.until):
            return record
        claim = self._claims.make(key)
        try:
            copy = self._below.find(key)
            record = None if copy is None else self._lifted(copy)
            if record is None:
                return copy and copy.entry
            self._claims.fill(claim, record)
            return record
        finally:
            self._claims.drop(claim)

    def write(self, writer: Writer, key: str, value: Any, facts: Facts) -> int | None:
        if not isinstance(writer, TieredWriter):
            raise TypeError(f"a TieredStore's own writer is needed, not {writer!r}")
        # Other serializers may give back another value than was stored; memory gets that by the next read.
        record = self._record(value, facts) if self._plain else None
        if not writer.takes_bytes():
            return record.size if record is not None and writer.keep(record) else None
        try:
            size = self._below.write(writer, key, value, facts)
        except (StoreError, OSError):
            writer.keep(record)
            raise
        if size is not None:
            writer.keep(record)
        return size

    def _lifted(self, copy: _Copy) -> Record | None:
        """Return an entry as memory keeps it, or None if it can't be loaded, which whoever asks for it is told then."""
        try:
            return self._record(copy.entry.value(), copy.entry.facts, copy.limit)
        except Exception:  # noqa: BLE001  also a value that its serializer can give and pickle can't take
            return None

    def _record(self, value: Any, facts: Facts, limit: int = NEVER) -> Record:
        record = self._objects.record(value, facts)
        until = self._tier.until(facts.expires, microseconds(self._clock), limit)
        record.until = inf if until == NEVER else until / SECOND
        return record


def _open(tier: Tier, key: str) -> Writer | None:
    try:
        return tier.store.writer(key)
    except Exception as error:  # noqa: BLE001  what is below can be used without being copied
        tier.skip(error)
        return None


def _tell(place: str, refused: BadEntryError) -> None:
    warn_once(("entry", place), f"refused a stored entry at {place}: {refused.message}; that of a lower tier is used")


def _publish(tier: Tier, key: str, writer: Writer | None, found: _Copy) -> None:
    if writer is None:
        return
    expires = found.entry.expires
    try:
        if writer.publish([found.blob], tier.expiry(None if expires == NEVER else expires / SECOND)):
            forget(("entry", tier.store.place(key)))
    except Exception as error:  # noqa: BLE001
        tier.skip(error)


def _raise_if_unknown(key: str, failures: Failures, tiers: int) -> None:
    """Raise what was wrong with a refused entry, or the last error if no tier could be asked."""
    for tier, error in failures:
        if isinstance(error, BadEntryError):
            raise type(error)(f"{error.message} (in {tier.store.place(key)})") from error
    if len(failures) == tiers:
        raise failures[-1][1]
