"""The threads that do for tasks what would hold up their event loop: locks, large reads, encoding, writes.

They are our own: the loop's may all be taken by what waits for us.
"""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from memopickle.aio import loops
from memopickle.forking import Guard, renew_in_child

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ThreadPoolExecutor
    from typing import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

__all__ = ["ensure_stack", "finished", "in_thread", "submit"]

#: Threads at most. None of them ever waits for a lock, only for files and servers.
WORKERS = 16
#: Frames of stack that we, and what we call, need at most.
ROOM = 60


class Workers:
    """A pool that is made at first use, and anew in a forked child, which has none of its threads."""

    def __init__(self) -> None:
        self._guard = Guard()  # of making the pool
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin without threads."""
        self._pool: ThreadPoolExecutor | None = None

    def pool(self) -> ThreadPoolExecutor:
        """Return the pool."""
        with self._guard:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor  # 10 ms: only where a task misses

                self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="memopickle-aio")
            return self._pool


_workers = Workers()


def submit(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Have a step done in a thread, in a copy of this context; it is done even if nobody waits for it."""
    there = partial(copy_context().run, step, *args, **kwargs)
    try:
        return _workers.pool().submit(there)
    except RecursionError:
        raise
    except RuntimeError:  # the interpreter is ending, and starts no thread
        return _done_here(there)


async def in_thread(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Have a step done in a thread, and return what it returns."""
    ensure_stack()
    return await finished(submit(step, *args, **kwargs))


async def finished(job: Future[T]) -> T:
    """Wait for a job and return its result; whoever is cancelled waiting leaves the job to itself."""
    waiter = loops.waiter()
    job.add_done_callback(lambda _: waiter.wake())
    await waiter.wait(None)
    return job.result()


def ensure_stack(frames: int = ROOM) -> None:
    """Raise RecursionError here and now where there is little left of the stack, and nothing is begun yet."""
    if frames:
        ensure_stack(frames - 1)


def _done_here(step: Callable[[], T]) -> Future[T]:
    from concurrent.futures import Future

    job: Future[T] = Future()
    try:
        job.set_result(step())
    except BaseException as error:  # noqa: BLE001  for whoever waits for the job
        job.set_exception(error)
    return job
