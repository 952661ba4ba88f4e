"""Running the function for the calls that missed: each key once, by whoever comes first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.events import LockWait, Raised
from memopickle.failures import Failure
from memopickle.flight import Flight, longest_wait, twin
from memopickle.keeper import Computed, Keeper
from memopickle.locks import NoLock, real_clock, take
from memopickle.lookup import MISSING, QUIET, Overdue
from memopickle.migration import Migration

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.callkey import CallKeys
    from memopickle.context import Context
    from memopickle.lookup import Lookup

__all__ = ["Call", "Runner"]


class Call(NamedTuple):
    """One call that missed."""

    key: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    metadata: dict[str, Any]


class Runner:
    """Look up, lock, look up again, compute, store, unlock: for one function, shared by all threads."""

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
        self._migration = Migration(context, keys, lookup, self._keeper)
        self._revalidates = bool(context.freshness.revalidate)
        self._trouble = context.trouble
        self._counts = context.counts
        self._listener = context.listener

    def missed(self, call: Call) -> Any:
        """Return the value of a call that missed: another's, or computed and stored."""
        return self._fly(call, self._single and not self._flights.is_mine(call.key))

    def refresh(self, call: Call) -> Any:
        """Compute and store now, whatever is stored or under way."""
        self._counts.misses += 1
        mine = self._flights.launch(Flight(call.key, self._flights), joinable=False)
        try:
            return self._run(mine, call)
        finally:
            mine.end()

    def put(self, value: Any, call: Call) -> None:
        """Store a value as if the call had returned it."""
        flight = Flight(call.key, self._flights)
        try:
            self._flights.launch(flight, joinable=False)
            flight.writer = self._keeper.open(call.key)
            self._keeper.keep(Computed(value, 0, call.metadata), flight)
        finally:
            flight.end()

    def special(self, found: Overdue | Failure, call: Call) -> Any:
        """Return what a look found that is not the value itself: raise it, or see to it that it is computed anew."""
        self._counts.hits += 1
        if isinstance(found, Failure):
            raise found.error
        if self._revalidates:
            self._background.submit(call.key, partial(self._renew_quietly, call, found))
            return found.value
        try:
            return self._renew(call, found)
        except Exception:  # noqa: BLE001  the stored value is still fresh, and the failure was told
            return found.value

    def _renew_quietly(self, call: Call, found: Overdue) -> bool:
        try:
            self._renew(call, found)
        except Exception:  # noqa: BLE001  it was told as an event; nobody waits for it
            return False
        return True

    def _renew(self, call: Call, found: Overdue) -> Any:
        """Compute anew what was found, unless somebody else does, or did; return the newest value known."""
        mine = Flight(call.key, self._flights)
        error: Exception | None = None
        try:
            if self._flights.launch(mine, joinable=True) is not mine or not self._take_lock(mine, 0):
                return found.value
            now = self._lookup.any_entry(call.key)
            if now is not None and now.created != found.created:
                return now.value()
            return self._run(mine, call)
        except Exception as raised:
            error = raised
            raise
        finally:
            mine.end(error)
            del mine, error

    def _fly(self, call: Call, joinable: bool) -> Any:
        mine = flight = Flight(call.key, self._flights)
        error: Exception | None = None
        try:
            flight = self._flights.launch(mine, joinable)
            if flight is not mine:
                return self._follow(flight, call)
            return self._lead(mine, call) if joinable else self._compute(mine, call)
        except Exception as raised:
            error = raised
            raise
        finally:
            mine.end(error)
            del mine, flight, error  # with the traceback they would make a cycle that keeps the arguments alive

    def _lead(self, flight: Flight, call: Call) -> Any:
        self._take_lock(flight, longest_wait(self._patience))
        # The second look: between the first and the lock another process may have stored it.
        value = self._lookup.value(call.key, QUIET)
        if value is not MISSING:
            return self._found(value)
        if flight.lock.handed_over:
            # Its last holder ended without storing. All who waited now compute, not one behind the other.
            flight.lock.release()
            flight.lock = NoLock()
        return self._compute(flight, call)

    def _follow(self, flight: Flight, call: Call) -> Any:
        started = real_clock()
        ended = flight.wait(longest_wait(self._patience))
        self._waited(call.key, started, ended)
        error = twin(flight.error) if flight.error is not None else None
        if error is not None:
            self._counts.misses += 1
            raise error
        value = self._lookup.fallback(call.key) if flight.failed else self._lookup.value(call.key, QUIET)
        return self._fly(call, joinable=False) if value is MISSING else self._found(value)

    def _found(self, value: Any) -> Any:
        """Return what a look found after all."""
        self._counts.hits += 1
        if type(value) is Failure:
            raise value.error
        return value.value if type(value) is Overdue else value

    def _take_lock(self, flight: Flight, limit: float | None) -> bool:
        """Give the flight its lock between processes; return False if another has it for longer than ``limit``."""
        started = real_clock()
        try:
            lock, ours = take(self._store.lock, flight.key, limit)
        except Exception as error:  # noqa: BLE001  without a lock the work may be done twice, but it is done
            self._trouble.unlockable(flight.key, error)
            return True
        if ours:
            flight.lock = lock
        if lock.waited:
            self._waited(flight.key, started, ours)
        return ours

    def _waited(self, key: str, started: float, ended: bool) -> None:
        self._listener.tell(LockWait(self._name, key, real_clock() - started, ended))

    def _compute(self, flight: Flight, call: Call) -> Any:
        upgraded = self._migration.value(flight, call) if self._migration else MISSING
        if upgraded is not MISSING:
            self._counts.hits += 1
            return upgraded
        self._counts.misses += 1
        try:
            return self._run(flight, call)
        except Exception:
            value = self._lookup.fallback(call.key)
            if value is MISSING:
                raise
            flight.failed = True
            return value

    def _run(self, flight: Flight, call: Call) -> Any:
        """Call the function, and store what it returns, or raises where that is worth it."""
        flight.writer = self._keeper.open(call.key)
        started = real_clock()
        try:
            value = self._function(*call.args, **call.kwargs)
        except Exception as error:
            self._listener.tell(Raised(self._name, call.key, type(error).__name__))
            if isinstance(error, self._exceptions):
                self._keeper.keep(Computed(error, _since(started), call.metadata, raised=True), flight)
            raise
        self._keeper.keep(Computed(value, _since(started), call.metadata), flight)
        return value


def _since(started: float) -> int:
    return round((real_clock() - started) * 1e9)
