"""Running an async function for the calls that missed: each key once, by the task that comes first."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from memopickle.aio import loops, workers
from memopickle.aio.flight import TaskFlight, until_ended
from memopickle.aio.reads import small_reads
from memopickle.aio.turns import turns
from memopickle.failures import Failure
from memopickle.flight import led_by_tasks, longest_wait, twin
from memopickle.locks import real_clock, stopwatch, take
from memopickle.lookup import MISS, MISSING, Overdue
from memopickle.steps import Call, Steps
from memopickle.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from memopickle.callkey import CallKeys
    from memopickle.context import Context
    from memopickle.flight import Flight
    from memopickle.locks import KeyLock
    from memopickle.lookup import Lookup

__all__ = ["AsyncRunner"]

#: Seconds between two looks at a lock that another process holds: a tenth of the wait so far, within these.
LEAST_POLL, MOST_POLL = 0.01, 0.25


class AsyncRunner(Steps):
    """As :class:`memopickle.runner.Runner`, for the tasks of any number of event loops.

    The function runs in the task that called it. What looks, locks, encodes and writes before and after runs in
    threads, one step at a time.
    """

    def __init__(self, function: Callable[..., Any], context: Context, lookup: Lookup, keys: CallKeys) -> None:
        super().__init__(function, context, lookup, keys)
        #: Whether looking a key up takes so little time that it is done in the event loop.
        self.is_small: Callable[[str], bool] = small_reads(context.cache.store, context.options.compress is not None)
        #: Whether no step but encoding takes any time.
        self._is_memory = isinstance(context.cache.store, MemoryStore)

    async def look(self, key: str) -> Any:
        """Look a key up, as :meth:`memopickle.lookup.Lookup.value` does."""
        return await self._read(key, self._lookup.value, key, MISS)

    async def missed(self, call: Call) -> Any:
        """Return the value of a call that missed: another's, or computed and stored."""
        workers.ensure_stack()
        joinable = self._single and not self._flights.is_mine(call.key)
        deadline = _deadline(longest_wait(self._patience))
        while True:
            mine = TaskFlight(call.key, self._flights)
            flight = self._flights.launch(mine, joinable)
            if flight is mine:
                return await self._fly(mine, self._lead(mine, call, deadline if joinable else None))
            value = await self._follow(flight, call, deadline)
            if value is not MISSING:
                return self._found(value)
            # Where nothing was stored all compute, not one behind the other; where the leader was cancelled, one does.
            joinable = flight.abandoned

    async def refresh(self, call: Call) -> Any:
        """Compute and store now, whatever is stored or under way."""
        self._counts.misses += 1
        mine = TaskFlight(call.key, self._flights)
        mine.by_hand = True
        self._flights.launch(mine, joinable=False)
        return await self._fly(mine, self._run_anew(mine, call))

    async def special(self, found: Overdue | Failure, call: Call) -> Any:
        """Return what a look found that is not the value itself: raise it, or see to it that it is computed anew."""
        self._counts.hits += 1
        if isinstance(found, Failure):
            raise found.error
        if self._revalidates:
            self._renew_later(call, found)
            return found.value
        try:
            value = await self._renew(call, found)
        except Exception:  # noqa: BLE001  the stored value is still fresh, and the failure was told
            return found.value
        return found.value if value is MISSING else value

    # -- computing anew ------------------------------------------------------------------------------------------

    def _renew_later(self, call: Call, found: Overdue) -> None:
        if self._background.admit(call.key) and not loops.spawn(partial(self._renew_quietly, call, found)):
            self._background.ended(call.key, None)

    async def _renew_quietly(self, call: Call, found: Overdue) -> None:
        led_by_tasks.set(())  # this task's own: whoever started it does not wait for it
        succeeded: bool | None = None
        try:
            value = await self._renew(call, found)
            succeeded = None if value is MISSING else True
        except Exception:  # noqa: BLE001  it was told as an event; nobody waits for it
            succeeded = False
        finally:
            self._background.ended(call.key, succeeded)

    async def _renew(self, call: Call, found: Overdue) -> Any:
        """Compute anew what was found and return the newest value known; MISSING where somebody else is at it."""
        workers.ensure_stack()
        mine = TaskFlight(call.key, self._flights)
        if self._flights.launch(mine, joinable=True) is not mine:
            return MISSING
        return await self._fly(mine, self._lead_anew(mine, call, found))

    async def _lead_anew(self, flight: TaskFlight, call: Call, found: Overdue) -> Any:
        if not await self._take_lock(flight, 0.0):
            return MISSING
        newer = await self._step(flight, self._replaced, call, found)
        return await self._run_anew(flight, call) if newer is MISSING else newer

    async def _run_anew(self, flight: TaskFlight, call: Call) -> Any:
        flight.writer = await self._step(flight, self._keeper.open, call.key)
        return await self._run(flight, call, fallback=False)

    # -- leading and following -----------------------------------------------------------------------------------

    async def _fly(self, flight: TaskFlight, leading: Coroutine[Any, Any, Any]) -> Any:
        """Do what its leader does, and end a flight that was launched."""
        try:
            value = await leading
            await flight.finish()
        except Exception as error:
            await flight.finish(error)
            raise
        except BaseException:
            flight.abandon()
            raise
        finally:
            del flight, leading  # with the traceback they would make a cycle that keeps the arguments alive
        return value

    async def _lead(self, flight: TaskFlight, call: Call, deadline: float | None) -> Any:
        """Compute a key, unless another process did; ``deadline`` is for its lock, None to take none."""
        if deadline is not None:
            await self._take_lock(flight, deadline)
        value = await self._step(flight, self._prepare, flight, call, deadline is not None)
        if value is not MISSING:
            return self._found(value)
        self._counts.misses += 1
        return await self._run(flight, call, fallback=True)

    async def _follow(self, flight: Flight, call: Call, deadline: float) -> Any:
        """Wait for another's flight; return what it left, MISSING for nothing."""
        started = real_clock()
        ended = await until_ended(flight, deadline)
        await turns.next()  # many are woken at once
        self._waited(call.key, started, ended)
        error = twin(flight.error) if flight.error is not None else None
        if error is not None:
            self._counts.misses += 1
            raise error
        if flight.abandoned:
            return MISSING
        return await self._read(call.key, self._outcome, flight, call)

    async def _take_lock(self, flight: TaskFlight, deadline: float) -> bool:
        """Give the flight its lock between processes; return False if another has it until ``deadline``."""
        if any(other.key == flight.key for other in led_by_tasks.get()):
            deadline = 0.0  # this very task computes it, through another cache: it must not wait for itself
        started = real_clock()
        ours: bool = await self._step(flight, self._try_lock, flight)
        while not ours and (left := deadline - real_clock()) > 0:
            pause = min(MOST_POLL, max(LEAST_POLL, (real_clock() - started) / 10))
            await loops.sleep(min(pause, left))
            ours = await self._step(flight, self._try_lock, flight)
        if flight.wanted is not None and flight.wanted.waited:
            self._waited(flight.key, started, ours)
        return ours

    async def _run(self, flight: TaskFlight, call: Call, fallback: bool) -> Any:
        """Call the function, and store what it returns, or raises where that is worth it."""
        began = stopwatch()
        try:
            value = await self._called(flight, call)
        except Exception as error:
            value = await self._step(flight, self._failed, flight, call, error, stopwatch() - began, fallback)
            if value is MISSING:
                raise
            return value
        await flight.run(self._succeeded, flight, call, value, stopwatch() - began)
        return value

    async def _called(self, flight: TaskFlight, call: Call) -> Any:
        # Tasks that the function starts inherit this, and don't wait for it either.
        before = led_by_tasks.set((*led_by_tasks.get(), flight))
        try:
            return await self._function(*call.args, **call.kwargs)
        finally:
            with suppress(ValueError):  # an abandoned coroutine is closed in another context
                led_by_tasks.reset(before)

    # -- steps, done by threads ----------------------------------------------------------------------------------

    async def _read(self, key: str, step: Callable[..., Any], *args: Any) -> Any:
        return step(*args) if self.is_small(key) else await workers.in_thread(step, *args)

    async def _step(self, flight: TaskFlight, step: Callable[..., Any], *args: Any) -> Any:
        return step(*args) if self._is_memory else await flight.run(step, *args)

    def _try_lock(self, flight: TaskFlight) -> bool:
        """Take the lock if it is free."""

        def make(key: str) -> KeyLock:
            lock, flight.wanted = flight.wanted, None  # a clear that takes its folder away makes another one needed
            return self._store.lock(key) if lock is None else lock

        try:
            flight.wanted, ours = take(make, flight.key, 0)
        except Exception as error:  # noqa: BLE001  without a lock the work may be done twice, but it is done
            self._trouble.unlockable(error)
            return True
        if ours:
            flight.lock = flight.wanted
        return ours

    def _prepare(self, flight: TaskFlight, call: Call, look: bool) -> Any:
        """Do what comes before computing; return the value where it need not be computed, else MISSING."""
        value = self._second_look(flight, call) if look else MISSING
        if value is MISSING:
            value = MISSING if self._migration is None else self._migration.value(flight, call)
        if value is MISSING:
            flight.writer = self._keeper.open(call.key)
        return value

    def _succeeded(self, flight: TaskFlight, call: Call, value: Any, cost: int) -> None:
        self._counts.computations += 1
        self._keeper.keep(flight, call, value, cost)
        flight.end()

    def _failed(self, flight: TaskFlight, call: Call, error: Exception, cost: int, fallback: bool) -> Any:
        """Store the exception where it is worth it; return the value to be used in its place, else MISSING."""
        self._keep_failure(flight, call, error, cost)
        return self._fallback(flight, call) if fallback else MISSING


def _deadline(limit: float | None) -> float:
    return inf if limit is None else real_clock() + limit
