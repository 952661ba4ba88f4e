"""A computation led by a task: its steps that take time are done by threads, also when the task is cancelled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from memopickle.aio import loops, workers
from memopickle.flight import SLICE, Flight
from memopickle.locks import NoLock, real_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any, ParamSpec

    from memopickle.flight import Flights
    from memopickle.locks import KeyLock

    P = ParamSpec("P")

T = TypeVar("T")

__all__ = ["TaskFlight", "until_ended"]


class TaskFlight(Flight):
    """One computation under way, led by a task."""

    def __init__(self, key: str, owner: Flights) -> None:
        super().__init__(key, owner)
        self.held: list[Flight] = []  # not this thread's, where other tasks lead other flights
        #: The lock while it is waited for.
        self.wanted: KeyLock | None = None
        self._leader = loops.waiter()
        self._ending = threading.Lock()  # taken by the first to end it, and kept
        self._job: Future[Any] | None = None  # the step under way

    async def run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have one step done in a thread, and return what it returns."""
        job = self._job = workers.submit(step, *args, **kwargs)
        return await workers.finished(job)

    async def finish(self, error: Exception | None = None) -> None:
        """End it, in a thread where there is something to let go of; nothing happens if it has ended."""
        if self.ended:
            return
        if self._holds_nothing():
            self.end(error)
        else:
            await self.run(self.end, error)

    def abandon(self) -> None:
        """End it without waiting, once the step under way is done, and have another of those who wait go on."""
        self.abandoned = True
        if self._job is not None:
            # A step that takes the lock may still be under way: it must not do so after the lock was let go of.
            self._job.add_done_callback(lambda _: workers.submit(self.end))
        else:
            self.end()

    def end(self, error: Exception | None = None) -> None:
        if self._ending.acquire(blocking=False):
            super().end(error)

    def is_led(self) -> bool:
        """Tell whether its task can go on: it can't in a loop that was stopped, or never ran to its end."""
        return self._leader.is_served()

    def _holds_nothing(self) -> bool:
        return self.writer is None and isinstance(self.lock, NoLock)


async def until_ended(flight: Flight, deadline: float) -> bool:
    """Wait for the end of a flight until ``deadline`` (of the real clock, may be infinite); return whether it came."""
    waiter = loops.waiter()
    waits = flight.join(waiter.wake)
    try:
        # In slices, as its leader may be gone without a word.
        while waits and not await waiter.wait(min(SLICE, max(0.0, deadline - real_clock()))):
            if real_clock() >= deadline:
                return False
            waits = flight.owner.has(flight) and not flight.ended
            if isinstance(flight, TaskFlight) and not flight.is_led():
                flight.abandoned = True
                await workers.in_thread(flight.end)
    finally:
        if not flight.ended:
            flight.leave(waiter.wake)
    return True
