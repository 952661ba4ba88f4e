"""The steps of a call that missed, which threads and tasks take alike, each with a way to wait of its own."""

from __future__ import annotations

from memopickle.context import Call
from memopickle.events import LockWait, Raised
from memopickle.failures import Failure
from memopickle.flight import Flight
from memopickle.keeper import Keeper
from memopickle.locks import real_clock, shared
from memopickle.lookup import MISSING, QUIET, Overdue
from memopickle.migration import Migration
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.callkey import CallKeys
    from memopickle.context import Context
    from memopickle.lookup import Lookup

__all__ = ["Call", "Steps"]


class Steps:
    """What is done for one function before and after it runs; shared by all threads."""

    def __init__(self, function: Callable[..., Any], context: Context, lookup: Lookup, keys: CallKeys) -> None:
        self._function = function
        self._name = context.name
        self._single = context.options.single_flight
        self._patience = context.options.lock_timeout
        self._exceptions = context.options.exceptions
        self._store = context.cache.store
        self._flights = context.cache.flights
        self._background = context.cache.background
        self._lookup = lookup
        self._keeper = Keeper(context)
        #: What brings the value of an older version up to date, None where there is no such.
        self._migration = Migration(context, keys, lookup, self._keeper) if context.options.migrate else None
        self._revalidates = bool(context.freshness.revalidate)
        self._trouble = context.trouble
        self._counts = context.counts
        self._listener = context.listener

    def put(self, value: Any, call: Call) -> None:
        """Store a value as if the call had returned it."""
        flight = Flight(call.key, self._flights)
        try:
            self._flights.launch(flight, joinable=False)
            flight.writer = self._keeper.open(call.key)
            self._keeper.keep(flight, call, value, 0)
        finally:
            flight.end()

    def _second_look(self, flight: Flight, call: Call) -> Any:
        """Look again now that the lock is ours: between the first look and the lock another may have stored it."""
        value = MISSING if self._store.is_absent(call.key) else self._lookup.value(call.key, QUIET)
        if value is MISSING and flight.lock.handed_over:
            # Its last holder ended without storing. All who waited now compute, not one behind the other.
            flight.lock = shared(flight.lock)
        return value

    def _found(self, value: Any) -> Any:
        """Return what a look found after all."""
        self._counts.hits += 1
        if type(value) is Failure:
            raise value.error
        return value.value if type(value) is Overdue else value

    def _replaced(self, call: Call, found: Overdue) -> Any:
        """Return the value that another has stored in place of the one found, else MISSING."""
        now = self._lookup.any_entry(call.key)
        return MISSING if now is None or now.created == found.created else now.value()

    def _keep_failure(self, flight: Flight, call: Call, error: Exception, cost: int) -> None:
        """Tell that the function raised, and store the exception where that is worth it."""
        self._counts.computations += 1
        self._listener.tell(Raised(self._name, call.key, type(error).__name__))
        # A value that may still be used is worth more than a failure to compute it anew.
        if isinstance(error, self._exceptions) and (flight.by_hand or not self._lookup.is_of_use(call.key)):
            self._keeper.keep(flight, call, error, cost, raised=True)

    def _fallback(self, flight: Flight, call: Call) -> Any:
        """Return the expired value to be used as the function raised, else MISSING."""
        value = self._lookup.fallback(call.key)
        flight.failed = value is not MISSING
        return value

    def _outcome(self, flight: Flight, call: Call) -> Any:
        """Return what a flight that ended without an exception to share has left, MISSING for nothing."""
        return self._lookup.fallback(call.key) if flight.failed else self._lookup.value(call.key, QUIET)

    def _waited(self, key: str, started: float, ended: bool) -> None:
        self._listener.tell(LockWait(self._name, key, real_clock() - started, ended))
