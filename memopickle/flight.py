"""Single flight among the threads of one process: who asks while a key is being computed waits for the outcome.

The leader computes; whoever joins gets, when it ends, the stored value (looked up again, so that everyone has a
copy of his own) or an instance of his own of the leader's exception. If nothing was stored all of them compute, at
once and not one behind the other. BaseExceptions (KeyboardInterrupt, SystemExit) are the leader's alone.
"""

from __future__ import annotations

import copy
import threading
from _thread import RLock
from contextlib import suppress
from contextvars import ContextVar

from memopickle.forking import renew_in_child
from memopickle.locks import NoLock, real_clock
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.locks import KeyLock
    from memopickle.stores.base import Writer

__all__ = ["Flight", "Flights", "led_by_tasks", "longest_wait", "twin"]

#: Seconds that a thread which computes one key waits for another's: two that wait for each other must end.
CROSSED = 60.0
#: Seconds between two looks at the table while waiting.
SLICE = 1.0

#: The flights that the running task leads, or one that started it, ended ones included; those of threads are in _held.
led_by_tasks: ContextVar[tuple[Flight, ...]] = ContextVar("memopickle_flights", default=())


class Flight:
    """One computation under way in this process, and what it holds until it ends."""

    #: The lock between processes, once taken.
    lock: KeyLock = NoLock()
    #: The writer, opened before the value is computed.
    writer: Writer | None = None
    #: A twin of the exception it ended with, for those who joined; None where it has none.
    error: Exception | None = None
    #: Whether the function raised and an expired value was used instead.
    failed: bool = False
    #: Whether it was asked for by hand: its outcome replaces whatever is stored.
    by_hand: bool = False
    #: Whether the task that led it was cancelled: one of those who joined goes on in its place.
    abandoned: bool = False
    #: Whether it has ended; set under the guard of its owner.
    ended: bool = False
    _done: threading.Event | None = None  # made for the first that waits: most flights nobody joins

    def __init__(self, key: str, owner: Flights) -> None:
        self.key: str = key
        self.owner: Flights = owner
        #: The flights that the computing thread leads.
        self.held: list[Flight] = _held.flights
        #: Held while the value is published: a drop that comes meanwhile waits, and the clear after it removes it.
        self.publishing: RLock = RLock()
        #: The owner's; still this one in a child that is forked meanwhile, where the owner begins anew.
        self.flying: dict[RLock, str] = owner.flying
        self._wakes: list[Callable[[], None]] = []  # of the tasks that joined

    def wait(self, limit: float | None) -> bool:
        """Wait for the end, at most ``limit`` seconds (None: without limit); return whether it came."""
        deadline = real_clock() + (threading.TIMEOUT_MAX if limit is None else limit)
        done = self._end_event()
        # In slices: a leader that ran out of stack takes its flight off the table, but can't wake anybody.
        while not done.wait(max(0.0, min(SLICE, deadline - real_clock()))) and self.owner.has(self):
            if real_clock() >= deadline:
                return False
        return True

    def join(self, wake: Callable[[], None]) -> bool:
        """Have ``wake`` called at the end, by whichever thread ends it; return False if it has ended."""
        self._wakes.append(wake)
        return not self.ended

    def leave(self, wake: Callable[[], None]) -> None:
        """Take back a ``join``."""
        with suppress(ValueError):
            self._wakes.remove(wake)

    def is_dropped(self) -> bool:
        """Tell whether its key was cleared or invalidated: its value must not be left in the store.

        To be asked, and acted upon, while holding ``publishing``.
        """
        return self.publishing not in self.flying

    def end(self, error: Exception | None = None) -> None:
        """Let go of everything and wake those who joined."""
        try:
            self._let_go()
            # A twin: the error itself would lead, by its traceback, back to here, and keep the arguments alive.
            self.error = None if error is None else twin(error)
        finally:
            # In this order: near the end of the stack there is room for the first, as there was to join, if not for
            # the second.
            self.owner.forget(self)
            if self._done is not None:
                self._done.set()
            for wake in self._wakes.copy():
                wake()

    def _end_event(self) -> threading.Event:
        """Return what is set at the end. The guard keeps an end that comes meanwhile from overlooking it."""
        with self.owner.guard:
            if self._done is None:
                self._done = threading.Event()
                if self.ended:
                    self._done.set()
            return self._done

    def _let_go(self) -> None:
        # Whatever fails here (a close on a file system that went away), the caller has his result.
        try:
            if self.writer is not None:
                self.writer.close()
        except Exception:  # noqa: BLE001, S110
            pass
        try:  # noqa: SIM105  suppress() costs a call more, near the end of the stack and otherwise
            self.lock.release()
        except Exception:  # noqa: BLE001, S110
            pass


class _Held(threading.local):
    def __init__(self) -> None:
        self.flights: list[Flight] = []


_held = _Held()


class Flights:
    """The computations under way for one cache. Safe between threads; a forked child begins with none."""

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Forget what threads of the parent were computing.

        What the forking thread itself leads stays noted: a child that asks for the very key its parent is computing
        must compute it, not wait for the parent, which may be waiting for the child.
        """
        # Guards the table, and the end of each flight. Re-entrant: a signal handler, or a __del__ that the garbage
        # collector runs, may call a cached function meanwhile.
        self.guard: RLock = RLock()
        #: The keys of the values that may still be published, each by what is held meanwhile. A drop takes them away.
        #: No guard: each change is one operation on a dict, which threads may do at once.
        self.flying: dict[RLock, str] = {}
        self._table: dict[str, Flight] = {}  # those that others may join, by key

    def is_mine(self, key: str) -> bool:
        """Tell whether this thread, or task, is computing this key further up: it must not wait for itself."""
        return any(flight.owner is self and flight.key == key for flight in _leading())

    def launch(self, flight: Flight, joinable: bool) -> Flight:
        """Begin a flight, and return it; or, if it is ``joinable``, the one of this key that is under way.

        The caller makes the flight before and ends it after, whatever is returned: so that an interrupt at any moment
        leaves nothing that others would wait for.
        """
        with self.guard:
            if joinable:
                other = self._table.get(flight.key)
                if other is not None and not other.ended:
                    return other
                self._table[flight.key] = flight
                flight.held.append(flight)
            flight.flying[flight.publishing] = flight.key
        return flight

    def has(self, flight: Flight) -> bool:
        """Tell whether a flight is on the table: neither ended nor dropped."""
        return self._table.get(flight.key) is flight

    def forget(self, flight: Flight) -> None:
        """Take a flight off the table, if it is there: it has ended."""
        with self.guard:
            flight.ended = True
            if flight in flight.held:
                flight.held.remove(flight)
            flight.flying.pop(flight.publishing, None)
            if self._table.get(flight.key) is flight:
                del self._table[flight.key]

    def drop(self, prefix: str) -> None:
        """Let no later call join what is under way for these keys, and keep its values out of the store."""
        with self.guard:
            doomed = {publishing: key for publishing, key in self.flying.copy().items() if key.startswith(prefix)}
            for key in doomed.values():
                self._table.pop(key, None)
        for publishing in doomed:
            with publishing:
                self.flying.pop(publishing, None)


def longest_wait(limit: float | None) -> float | None:
    """Return how long this thread, or task, may wait for another's computation, in seconds."""
    if not _leading():
        return limit
    return CROSSED if limit is None else min(limit, CROSSED)


def _leading() -> list[Flight]:
    """Return what this thread leads, and what the running task leads, or one that started it."""
    of_tasks = led_by_tasks.get()
    return [*_held.flights, *(flight for flight in of_tasks if not flight.ended)] if of_tasks else _held.flights.copy()


def twin(error: Exception) -> Exception | None:
    """Return another instance of an exception, for another thread to raise; None if its class can't make one."""
    try:
        other = copy.copy(error)
        if type(other) is not type(error) or other is error or other.args != error.args:
            return None
        other.__cause__ = error.__cause__
        other.__suppress_context__ = error.__suppress_context__
        notes = getattr(error, "__notes__", None)
        if notes is not None:
            other.__notes__ = list(notes)
    except Exception:  # noqa: BLE001  a class of the user's that can't be copied: everyone computes
        return None
    return other
