"""Finding what is stored for one function and may be used."""

from __future__ import annotations

from memopickle.errors import BadEntryError, BadPayloadError
from memopickle.events import BadEntry, Hit
from memopickle.expiry import SECOND, microseconds
from memopickle.failures import Failure, thaw
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from memopickle.context import Context
    from memopickle.faces import Found
    from memopickle.freshness import Freshness

__all__ = ["MISS", "MISSING", "QUIET", "SPECIAL", "Lookup", "Overdue"]

#: Whether a look that finds nothing tells the miss: the second look would only repeat it.
MISS, QUIET = True, False


class _Missing:
    """The type of :data:`MISSING`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<missing>"


#: Stands for "no value", since None is one.
MISSING: Any = _Missing()


class Overdue(NamedTuple):
    """A stored value that may be used, and is to be computed anew."""

    value: Any
    #: When it was stored, which tells it from what replaces it.
    created: int


#: The types of what a look may return that is not the value itself.
SPECIAL = frozenset({_Missing, Overdue, Failure})


class Lookup:
    """Reads, verifies and judges the entries of one function; shared by all threads."""

    def __init__(self, context: Context) -> None:
        self._name = context.name
        self._listener = context.listener
        self._read = context.face.read
        self._clock = context.cache.clock
        self._freshness = context.freshness
        self._plain = context.freshness.is_plain
        #: The age from which Freshness is asked, which would judge a younger value of this code as we do: most hits.
        self._end, self._code = _simply_fresh(context.freshness)
        self._exceptions = context.options.exceptions
        self._trouble = context.trouble

    def value(self, key: str, tell: bool) -> Any:
        """Return what is stored and may be used, else MISSING; ``tell`` emits the miss.

        A stored exception is returned as a Failure, a value that is to be computed anew as Overdue.
        """
        reason = "absent"
        try:
            found = self._read(key)
            if found is not None:
                now = microseconds(self._clock)
                if 0 <= now - found.created < self._end and found.code == self._code and not found.raises:
                    value = found.value()
                    if self._listener.wants_hits:
                        self._tell_hit(key, found, now)
                    return value
                reason = self._freshness.stale(found, now)
                if not reason or (not self._plain and self._is_overdue(found, now)):
                    value = self.load(found)
                    if value is not MISSING:
                        if self._listener.wants_hits:
                            self._tell_hit(key, found, now)
                        return self._judged(found, value, now)
                    reason = "exception"
        except BadEntryError as error:
            reason = "bad entry"
            if tell:
                self.refused(key, error)
        except Exception as error:  # noqa: BLE001  whatever a store does, the function's result reaches the caller
            reason = "store error"
            if tell:
                self._trouble.unreadable(key, error)
        if tell:
            self._listener.missed(key, reason)
        return MISSING

    def entry(self, key: str) -> Found | None:
        """Return the entry if there is one that may be used, not yet loaded; a failure is told, and no entry."""
        found = self.any_entry(key)
        return None if found is None or self.stale(found) else found

    def any_entry(self, key: str) -> Found | None:
        """Return what is stored, verified, however old; a failure is told, and no entry."""
        try:
            return self._read(key)
        except BadEntryError as error:
            self.refused(key, error)
        except Exception as error:  # noqa: BLE001
            self._trouble.unreadable(key, error)
        return None

    def is_of_use(self, key: str) -> bool:
        """Tell whether a stored value may be used, now or where computing it anew fails."""
        found = self.any_entry(key)
        if found is None or found.raises:
            return False
        reason = self.stale(found)
        window = self._freshness.window
        return not reason or (
            reason == "expired" and self._freshness.is_within(window, found, microseconds(self._clock))
        )

    def fallback(self, key: str) -> Any:
        """Return an expired value that may be used because computing it anew failed, else MISSING."""
        window = self._freshness.if_error
        found = self.any_entry(key) if window else None
        if found is None or found.raises:
            return MISSING
        now = microseconds(self._clock)
        fresh = not self.stale(found)
        if not fresh and (self.stale(found) != "expired" or not self._freshness.is_within(window, found, now)):
            return MISSING
        try:
            return found.value()
        except BadEntryError as error:
            self.refused(key, error)
            return MISSING

    def stale(self, found: Found) -> str:
        """Return why an entry is not fresh, ``""`` if it is."""
        return self._freshness.stale(found, microseconds(self._clock))

    def refused(self, key: str, error: BadEntryError) -> None:
        """Tell that what is stored is refused, and why."""
        self._listener.tell(BadEntry(self._name, key, self._trouble.place(key), error.message))
        self._trouble.unreadable(key, error)

    def _is_overdue(self, found: Found, now: int) -> bool:
        """Tell whether an entry that is not fresh may be served while it is computed anew."""
        if found.raises or self._freshness.stale(found, now) != "expired":
            return False
        return self._freshness.is_within(self._freshness.revalidate, found, now)

    def load(self, found: Found) -> Any:
        """Return the value, or a Failure; MISSING for an exception that is not among those remembered any more.

        Raises BadPayloadError.
        """
        value = found.value()
        if not found.raises:
            return value
        try:
            error = thaw(value)
        except (TypeError, KeyError) as wrong:
            raise BadPayloadError(f"is no stored exception ({wrong})") from wrong
        return Failure(error) if isinstance(error, self._exceptions) else MISSING

    def _tell_hit(self, key: str, found: Found, now: int) -> None:
        age = (now - found.created) / SECOND
        self._listener.tell(Hit(self._name, key, max(age, 0.0), found.cost / 1e9))

    def _judged(self, found: Found, value: Any, now: int) -> Any:
        """Return the value, as Overdue if it is to be computed anew."""
        if self._plain or found.raises:
            return value
        due = self._freshness.is_due(found, now) or self._is_overdue(found, now)
        return Overdue(value, found.created) if due else value


def _simply_fresh(freshness: Freshness) -> tuple[float, bytes | None]:
    if not freshness.is_plain or freshness.code is None or callable(freshness.ttl):
        return 0, None
    return float("inf") if freshness.ttl is None else freshness.ttl, freshness.code
