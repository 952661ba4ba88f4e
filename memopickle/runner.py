"""Running the function for the calls that missed: each key once, by whoever comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.events import LockWait
from memopickle.flight import Flight, longest_wait, twin
from memopickle.keeper import Computed
from memopickle.locks import NoLock, real_clock, take
from memopickle.lookup import MISSING, QUIET

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.cache import Cache
    from memopickle.counts import Counts
    from memopickle.keeper import Keeper
    from memopickle.lookup import Lookup
    from memopickle.options import Options
    from memopickle.trouble import Trouble

__all__ = ["Call", "Runner"]


class Call(NamedTuple):
    """One call that missed."""

    key: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    metadata: dict[str, Any]


class Runner:
    """Look up, lock, look up again, compute, store, unlock: for one function, shared by all threads."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        options: Options,
        cache: Cache,
        lookup: Lookup,
        keeper: Keeper,
        trouble: Trouble,
        counts: Counts,
    ) -> None:
        self._function = function
        self._name = name
        self._single = options.single_flight
        self._patience = options.lock_timeout
        self._cache = cache
        self._flights = cache.flights
        self._lookup = lookup
        self._keeper = keeper
        self._trouble = trouble
        self._counts = counts

    def missed(self, call: Call) -> Any:
        """Return the value of a call that missed: another's, or computed and stored."""
        return self._fly(call, self._single and not self._flights.is_mine(call.key))

    def refresh(self, call: Call) -> Any:
        """Compute and store now, whatever is stored or under way."""
        return self._fly(call, joinable=False)

    def put(self, value: Any, call: Call) -> None:
        """Store a value as if the call had returned it."""
        flight = Flight(call.key, self._flights)
        try:
            self._flights.launch(flight, joinable=False)
            flight.writer = self._keeper.open(call.key)
            self._keeper.keep(Computed(value, 0, call.metadata), flight)
        finally:
            flight.end()

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
        self._take_lock(flight)
        # The second look: between the first and the lock another process may have stored it.
        value = self._lookup.value(call.key, QUIET)
        if value is not MISSING:
            self._counts.hits += 1
            return value
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
        value = self._lookup.value(call.key, QUIET)
        if value is not MISSING:
            self._counts.hits += 1
            return value
        return self._fly(call, joinable=False)

    def _take_lock(self, flight: Flight) -> None:
        started = real_clock()
        try:
            lock, ours = take(self._cache.store.lock, flight.key, longest_wait(self._patience))
        except Exception as error:  # noqa: BLE001  without a lock the work may be done twice, but it is done
            self._trouble.unlockable(flight.key, error)
            return
        if ours:
            flight.lock = lock
        if lock.waited:
            self._waited(flight.key, started, ours)

    def _waited(self, key: str, started: float, ended: bool) -> None:
        if self._cache.emit:
            self._cache.emit(LockWait(self._name, key, real_clock() - started, ended))

    def _compute(self, flight: Flight, call: Call) -> Any:
        self._counts.misses += 1
        flight.writer = self._keeper.open(call.key)
        started = real_clock()
        value = self._function(*call.args, **call.kwargs)
        cost = round((real_clock() - started) * 1e9)
        self._keeper.keep(Computed(value, cost, call.metadata), flight)
        return value
