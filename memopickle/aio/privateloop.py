"""An event loop of one store's own, in a thread of its own: it runs coroutines for callers in any thread."""

from __future__ import annotations

import asyncio
import threading
import weakref
from concurrent.futures import CancelledError, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from memopickle.errors import StoreError
from memopickle.forking import Guard, renew_in_child

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from memopickle.aio.store import AsyncStore

__all__ = ["PrivateLoop"]

P = ParamSpec("P")
T = TypeVar("T")


class _Session:
    """A loop, the thread that runs it, and what lives in it, from its beginning to its end."""

    def __init__(self, name: str) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self.thread: threading.Thread = threading.Thread(target=self._serve, name=f"memopickle-{name}", daemon=True)
        self.client: Any = None
        self._is_open = False
        self._is_over = False
        self._opening = asyncio.Lock()

    def begin(self) -> None:
        """Begin to run; RuntimeError if there is no thread to be had."""
        try:
            self.thread.start()
        except RuntimeError:
            self.loop.close()
            raise

    def stop(self) -> None:
        """Have the thread end the loop, from any thread."""
        self._is_over = True
        with suppress(RuntimeError):  # closed already
            self.loop.call_soon_threadsafe(self.loop.stop)

    async def do(self, store: AsyncStore, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do one thing, after ``aopen``."""
        if not self._is_open:
            async with self._opening:
                await self._open(store)
        return await work()

    async def end(self, store: AsyncStore) -> None:
        """Cancel what is under way, and close what was opened."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._is_open:
            await store.aclose()

    async def _open(self, store: AsyncStore) -> None:
        if not self._is_open:  # still, once it is our turn
            self.client = await store.aopen()
            self._is_open = True

    def _serve(self) -> None:
        try:
            while not self._is_over:
                # A task that raises one of these has the loop stop as well, under all the others.
                with suppress(SystemExit, KeyboardInterrupt):
                    self.loop.run_forever()
        finally:
            self.loop.close()


class PrivateLoop:
    """Runs coroutines for a store; begins when it is first needed, and anew after a fork and after ``close``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = Guard()  # of beginning and ending
        #: Those of the parent: their loop shares its selector with the parent's, so nothing of it is to be finalized.
        self._inherited: list[_Session] = []
        self._finalizer: weakref.finalize[..., Any] | None = None
        self.session: _Session | None = None
        renew_in_child(self)

    def renew(self) -> None:
        """Begin without a loop, in a forked child, which has none of the parent's threads."""
        if self._finalizer is not None:
            self._finalizer.detach()
        if self.session is not None:
            self._inherited.append(self.session)
        self.session = None

    def run(self, store: AsyncStore, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a coroutine function returns."""
        self._refuse_from_within()
        with self._guard:  # so that nothing is given to a loop that ends
            session = self.session or self._begin()
            job = asyncio.run_coroutine_threadsafe(session.do(store, lambda: work(*args, **kwargs)), session.loop)
        return self._outcome(job, store.timeout)

    def close(self, store: AsyncStore) -> None:
        """End the loop, if there is one; raises what ``aclose`` raises, after that."""
        self._refuse_from_within()
        with self._guard:
            session = self.session
            if session is None:
                return
            try:
                self._outcome(asyncio.run_coroutine_threadsafe(session.end(store), session.loop), store.timeout)
            finally:
                self.session = None
                session.stop()
                session.thread.join(store.timeout)

    def _refuse_from_within(self) -> None:
        session = self.session
        if session is not None and session.thread is threading.current_thread():
            raise StoreError(
                f"a coroutine of {self._name} called the store, or a cached function in it, and would wait for itself; "
                "await the store's coroutines there, or call in a thread (asyncio.to_thread)"
            )

    def _begin(self) -> _Session:
        session = _Session(self._name)
        try:
            session.begin()
        except RuntimeError as error:  # or the interpreter is ending
            raise StoreError(f"cannot begin the event loop of {self._name} ({error})") from error
        self._finalizer = weakref.finalize(self, session.stop)
        self._finalizer.atexit = False
        self.session = session
        return session

    def _outcome(self, job: Future[T], timeout: float | None) -> T:
        # Not job.result(timeout): the coroutine may raise a TimeoutError of its own.
        try:
            wait([job], timeout)
            if not job.done():
                raise StoreError(
                    f"no answer of {self._name} within timeout={timeout} seconds; raise it if the place is just slow"
                )
        finally:
            job.cancel()  # nothing where it ended; also for a caller that is interrupted
        try:
            return job.result()
        except CancelledError:
            raise StoreError(
                f"a call of {self._name} was given up, as the store was closed; close it after the last call"
            ) from None
        except (SystemExit, KeyboardInterrupt) as error:  # which is not to end the caller's program
            raise StoreError(
                f"a coroutine of {self._name} raised {type(error).__name__}; let it raise OSError or StoreError"
            ) from error
