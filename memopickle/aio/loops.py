"""What tasks need of whichever library runs them, asyncio or trio: to wait, to be woken by any thread, to go on alone.

Neither is imported here: who runs a task has done so.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any, Protocol

from memopickle.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Generator

__all__ = ["Waiter", "checkpoint", "running_asyncio_loop", "sleep", "spawn", "waiter"]

#: What goes on alone: an event loop itself holds its tasks weakly.
_spawned: set[asyncio.Task[None]] = set()


class Waiter(Protocol):
    """Something that one task waits for; made by the task that will wait."""

    def wake(self) -> None:
        """Have the waiting end; from any thread, any number of times."""
        ...

    async def wait(self, limit: float | None) -> bool:
        """Wait until woken, at most ``limit`` seconds (None: without limit); return whether it was."""
        ...

    def is_served(self) -> bool:
        """Tell, from any thread, whether the task that made this can still go on."""
        ...


class AsyncioWaiter:
    """For asyncio, whatever the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[bool] = loop.create_future()

    def wake(self) -> None:
        self._end(True)

    async def wait(self, limit: float | None) -> bool:
        timer = None if limit is None else self._timer(limit)
        try:
            woken = await self._future
        finally:
            if timer is not None:
                timer.cancel()
        if not woken:
            self._future = self._loop.create_future()
        return woken

    def is_served(self) -> bool:
        return self._loop.is_running()

    def _timer(self, limit: float) -> asyncio.TimerHandle | threading.Timer:
        if isinstance(time.monotonic, BuiltinFunctionType):
            return self._loop.call_later(limit, self._settle, False)
        # freezegun has stopped the clock of the loop.
        timer = threading.Timer(limit, self._end, [False])
        timer.daemon = True
        timer.start()
        return timer

    def _end(self, woken: bool) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settle, woken)
        except RuntimeError:
            if not self._loop.is_closed():  # and its tasks with it
                raise

    def _settle(self, woken: bool) -> None:
        if not self._future.done():
            self._future.set_result(woken)


class TrioWaiter:
    """For trio."""

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._token = trio.lowlevel.current_trio_token()
        self._event = trio.Event()

    def wake(self) -> None:
        with suppress(self._trio.RunFinishedError):
            self._token.run_sync_soon(self._event.set)

    async def wait(self, limit: float | None) -> bool:
        with self._trio.move_on_after(float("inf") if limit is None else max(limit, 0.0)):
            await self._event.wait()
        return bool(self._event.is_set())

    def is_served(self) -> bool:
        return True  # a run ends only after all its tasks


def waiter() -> Waiter:
    """Return a new waiter for the running task; ConfigurationError where neither asyncio nor trio runs it."""
    # trio first: as a guest it runs inside another's loop.
    trio = _trio()
    return AsyncioWaiter(_asyncio_loop()) if trio is None else TrioWaiter(trio)


async def checkpoint() -> None:
    """Let whatever else is ready go on first."""
    trio = _trio()
    if trio is None:
        await _Once()
    else:
        await trio.lowlevel.checkpoint()


class _Once:
    """What asyncio understands as: later."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def sleep(seconds: float) -> None:
    """Let others go on for so long."""
    await waiter().wait(seconds)


def spawn(work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Have ``work``, which raises no Exception, run by itself; return False if the loop takes no more.

    What is under way when the loop ends is cancelled.
    """
    trio = _trio()
    if trio is None:
        task = _asyncio_loop().create_task(work())
        _spawned.add(task)
        task.add_done_callback(_spawned.discard)
        return True
    try:
        trio.lowlevel.spawn_system_task(work)
    except RuntimeError:  # the run is ending
        return False
    return True


def _trio() -> Any:
    """Return trio, if it runs this task."""
    trio: Any = sys.modules.get("trio")
    if trio is not None:
        with suppress(RuntimeError):
            trio.lowlevel.current_task()
            return trio
    return None


def running_asyncio_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop of asyncio, or like it, that runs in this thread, None if there is none."""
    loaded = sys.modules.get("asyncio")
    if loaded is None:
        return None
    try:
        loop: asyncio.AbstractEventLoop = loaded.get_running_loop()
    except RuntimeError:
        return None
    return loop


def _asyncio_loop() -> asyncio.AbstractEventLoop:
    loop = running_asyncio_loop()
    if loop is None:
        raise ConfigurationError(
            "a cached async function that has to wait needs asyncio (or uvloop), or trio, and neither runs this task; "
            "begin with asyncio.run() or trio.run()"
        )
    return loop
