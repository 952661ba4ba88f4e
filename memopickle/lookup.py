"""Finding what is stored for one function and may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memopickle.errors import BadEntryError
from memopickle.events import BadEntry, Hit, Miss
from memopickle.expiry import SECOND, is_fresh, microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.cache import Cache
    from memopickle.faces import Face, Found
    from memopickle.trouble import Trouble

__all__ = ["MISS", "MISSING", "QUIET", "Lookup"]

#: Whether a look that finds nothing tells the miss: the second look would only repeat it.
MISS, QUIET = True, False

#: Stands for "no value", since None is one.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<missing>", "__slots__": ()})()


class Lookup:
    """Reads, verifies and judges the entries of one function; shared by all threads."""

    def __init__(
        self,
        name: str,
        cache: Cache,
        face: Face,
        ttl: int | Callable[[Any], object] | None,
        code: bytes | None,
        trouble: Trouble,
    ) -> None:
        self._name = name
        self._cache = cache
        self._read = face.read
        self._clock = cache.clock
        self._ttl = ttl
        #: What the entry's code digest must be; None where code is not tracked.
        self._code = code
        self._trouble = trouble

    def value(self, key: str, tell: bool) -> Any:
        """Return the stored value if there is one that may be used, else MISSING; ``tell`` emits the miss."""
        reason = "absent"
        try:
            found = self._read(key)
            if found is not None:
                reason = self.stale(found)
                if not reason:
                    return self._hit(key, found)
        except BadEntryError as error:
            reason = "bad entry"
            if tell:
                self.refused(key, error)
        except Exception as error:  # noqa: BLE001  whatever a store does, the function's result reaches the caller
            reason = "store error"
            if tell:
                self._trouble.unreadable(key, error)
        if tell and self._cache.emit:
            self._cache.emit(Miss(self._name, key, reason))
        return MISSING

    def entry(self, key: str) -> Found | None:
        """Return the entry if there is one that may be used, not yet loaded; a failure is told, and no entry."""
        try:
            found = self._read(key)
            return None if found is None or self.stale(found) else found
        except BadEntryError as error:
            self.refused(key, error)
        except Exception as error:  # noqa: BLE001
            self._trouble.unreadable(key, error)
        return None

    def stale(self, found: Found) -> str:
        """Return why an entry may not be used, ``""`` if it may."""
        if self._code is not None and found.code != self._code:
            return "code changed"
        now = microseconds(self._clock)
        # The ttl of today decides; only what a callable said of this very result is taken from the entry.
        ttl = found.expires - found.created if callable(self._ttl) else self._ttl
        if is_fresh(found.created, ttl, now):
            return ""
        return "future" if found.created > now else "expired"

    def refused(self, key: str, error: BadEntryError) -> None:
        """Tell that what is stored is refused, and why."""
        if self._cache.emit:
            self._cache.emit(BadEntry(self._name, key, self._trouble.place(key), error.message))
        self._trouble.unreadable(key, error)

    def _hit(self, key: str, found: Found) -> Any:
        value = found.value()
        if self._cache.emit:
            age = (microseconds(self._clock) - found.created) / SECOND
            self._cache.emit(Hit(self._name, key, max(age, 0.0), found.cost / 1e9))
        return value
