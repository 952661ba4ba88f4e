"""Running the function for the calls that missed: each key once, by the thread that comes first."""

from __future__ import annotations

from functools import partial

from memopickle.alone import make_alone
from memopickle.failures import Failure
from memopickle.flight import Flight, longest_wait, twin
from memopickle.locks import real_clock, stopwatch, take
from memopickle.lookup import MISSING, Overdue
from memopickle.steps import Call, Steps
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.callkey import CallKeys
    from memopickle.context import Context
    from memopickle.lookup import Lookup

__all__ = ["Call", "Runner"]


class Runner(Steps):
    """Look up, lock, look up again, compute, store, unlock: for one function, shared by all threads."""

    def __init__(self, function: Callable[..., Any], context: Context, lookup: Lookup, keys: CallKeys) -> None:
        super().__init__(function, context, lookup, keys)
        alone = make_alone(function, context, self._keeper)
        #: Returns the value of a call that missed: another's, or computed and stored.
        self.missed: Callable[[Call], Any] = self._missed if alone is None else alone.missed

    def _missed(self, call: Call) -> Any:
        return self._fly(call, self._single and not self._flights.is_mine(call.key))

    def refresh(self, call: Call) -> Any:
        """Compute and store now, whatever is stored or under way."""
        self._counts.misses += 1
        mine = Flight(call.key, self._flights)
        mine.by_hand = True
        try:
            self._flights.launch(mine, joinable=False)
            return self._run(mine, call)
        finally:
            mine.end()

    def special(self, found: Overdue | Failure, call: Call) -> Any:
        """Return what a look found that is not the value itself: raise it, or see to it that it is computed anew."""
        self._counts.hits += 1
        if isinstance(found, Failure):
            raise found.error
        if self._revalidates:
            self._background.submit(call.key, partial(self._renew_quietly, call, found))
            return found.value
        try:
            value = self._renew(call, found)
        except Exception:  # noqa: BLE001  the stored value is still fresh, and the failure was told
            return found.value
        return found.value if value is MISSING else value

    def _renew_quietly(self, call: Call, found: Overdue) -> bool | None:
        try:
            value = self._renew(call, found)
        except Exception:  # noqa: BLE001  it was told as an event; nobody waits for it
            return False
        return None if value is MISSING else True

    def _renew(self, call: Call, found: Overdue) -> Any:
        """Compute anew what was found and return the newest value known; MISSING where somebody else is at it."""
        mine = Flight(call.key, self._flights)
        error: Exception | None = None
        try:
            if self._flights.launch(mine, joinable=True) is not mine or not self._take_lock(mine, 0):
                return MISSING
            newer = self._replaced(call, found)
            return self._run(mine, call) if newer is MISSING else newer
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
        value = self._second_look(flight, call)
        return self._compute(flight, call) if value is MISSING else self._found(value)

    def _follow(self, flight: Flight, call: Call) -> Any:
        started = real_clock()
        ended = flight.wait(longest_wait(self._patience))
        self._waited(call.key, started, ended)
        error = twin(flight.error) if flight.error is not None else None
        if error is not None:
            self._counts.misses += 1
            raise error
        value = self._outcome(flight, call)
        return self._fly(call, joinable=False) if value is MISSING else self._found(value)

    def _take_lock(self, flight: Flight, limit: float | None) -> bool:
        """Give the flight its lock between processes; return False if another has it for longer than ``limit``."""
        started = real_clock()
        try:
            lock, ours = take(self._store.lock, flight.key, limit)
        except Exception as error:  # noqa: BLE001  without a lock the work may be done twice, but it is done
            self._trouble.unlockable(error)
            return True
        if ours:
            flight.lock = lock
        if lock.waited:
            self._waited(flight.key, started, ours)
        return ours

    def _compute(self, flight: Flight, call: Call) -> Any:
        if self._migration is not None and (upgraded := self._migration.value(flight, call)) is not MISSING:
            self._counts.hits += 1
            return upgraded
        self._counts.misses += 1
        try:
            return self._run(flight, call)
        except Exception:
            value = self._fallback(flight, call)
            if value is MISSING:
                raise
            return value

    def _run(self, flight: Flight, call: Call) -> Any:
        """Call the function, and store what it returns, or raises where that is worth it."""
        flight.writer = self._keeper.open(call.key)
        began = stopwatch()
        try:
            value = self._function(*call.args, **call.kwargs)
        except Exception as error:
            self._keep_failure(flight, call, error, stopwatch() - began)
            raise
        self._counts.computations += 1
        self._keeper.keep(flight, call, value, stopwatch() - began)
        return value
