"""Storing what was computed; whatever goes wrong is told, and the caller still has the value."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.entry import Facts
from memopickle.events import NotStored, Stored
from memopickle.expiry import expires_at, microseconds, result_ttl
from memopickle.locks import undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.cache import Cache
    from memopickle.faces import Face
    from memopickle.flight import Flight
    from memopickle.stores.base import Writer
    from memopickle.trouble import Trouble

__all__ = ["Computed", "Keeper"]


class Computed(NamedTuple):
    """A value on its way into the store, with the nanoseconds that computing it took."""

    value: Any
    cost: int
    metadata: dict[str, Any]


class Keeper:
    """Stores the values of one function."""

    def __init__(
        self,
        name: str,
        cache: Cache,
        face: Face,
        ttl: int | Callable[[Any], object] | None,
        code: bytes,
        trouble: Trouble,
    ) -> None:
        self._name = name
        self._cache = cache
        self._face = face
        self._ttl = ttl
        self._code = code
        self._trouble = trouble

    def open(self, key: str) -> Writer | None:
        """Return the writer for a key, to be opened before its value is computed; None if there can't be one."""
        try:
            return undisturbed(partial(self._cache.store.writer, key))
        except Exception as error:  # noqa: BLE001  whatever a store does, the function's result reaches the caller
            self._failed(key, error)
            return None

    def keep(self, computed: Computed, flight: Flight) -> None:
        """Store a value, unless its key was cleared or invalidated since the flight began."""
        if flight.writer is None:
            return
        try:
            facts = self._facts(computed)
            if facts is not None and not flight.publish(partial(self._publish, computed, facts, flight, flight.writer)):
                self._tell(flight.key, "cleared while it was computed")
        except Exception as error:  # noqa: BLE001
            self._failed(flight.key, error)

    def _facts(self, computed: Computed) -> Facts | None:
        ttl = result_ttl(self._ttl(computed.value)) if callable(self._ttl) else self._ttl
        if ttl == 0:
            return None
        import json  # on a miss only; and here, where a failure (no descriptors left) costs just the storing

        created = microseconds(self._cache.clock)
        metadata = json.dumps(computed.metadata, separators=(",", ":")).encode()
        return Facts(created, expires_at(created, ttl), computed.cost, self._code, metadata)

    def _publish(self, computed: Computed, facts: Facts, flight: Flight, writer: Writer) -> bool:
        if not flight.lock.held():
            return False
        size = self._face.write(writer, flight.key, computed.value, facts)
        if size is None:
            return False
        # Looked at again: an invalidation between the first look and the write found nothing to remove.
        if not flight.lock.held():
            writer.retract()
            return False
        self._trouble.mended(flight.key)
        if self._cache.emit:
            self._cache.emit(Stored(self._name, flight.key, size, facts.cost / 1e9))
        return True

    def _failed(self, key: str, error: Exception) -> None:
        try:
            reason = f"{type(error).__name__}: {error}"
        except Exception:  # noqa: BLE001  an exception of the user's, raised in pickling, that can't say what it is
            reason = f"{type(error).__name__}, which has no text"
            error = RuntimeError(reason)
        self._tell(key, reason)
        self._trouble.unwritable(key, error)

    def _tell(self, key: str, reason: str) -> None:
        if self._cache.emit:
            self._cache.emit(NotStored(self._name, key, reason))
