"""Stores written with coroutines: what runs them, for those who call a store from any thread."""

from __future__ import annotations

import asyncio
import threading
import weakref
from abc import abstractmethod
from concurrent.futures import CancelledError, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from memopickle.errors import StoreError
from memopickle.forking import Guard, renew_in_child
from memopickle.stores.base import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator
    from concurrent.futures import Future

    from memopickle.stores.base import Blob

__all__ = ["AsyncStore"]

P = ParamSpec("P")
T = TypeVar("T")


class AsyncStore(Store):
    """A store whose operations are coroutines on bytes: a base class, for places that only an async client reaches.

    Implement ``aget``, ``aset``, ``adelete`` and ``akeys``; sync and async functions, the command line and
    :class:`memopickle.testing.StoreTests` then use it as any other store. The coroutines run, many at a time, in one
    event loop of the store's own (asyncio), in a daemon thread: begun at first use, anew in a forked child, ended by
    ``close``. Nothing of them runs in the loop of the calling program, and a client can't be shared with that: make it
    in ``aopen``, which runs in the store's loop, and use it there as ``self.client``.

    What a coroutine raises reaches the caller: OSError or StoreError where the place fails, nothing else. A call from
    the store's own loop, which would wait for itself, is a StoreError. So is a coroutine without an answer after
    ``timeout``; it is cancelled then, and whether it stored or deleted is not known.

    Safe between threads. Pickled by its attributes, without the loop and the client. Instances that keep their entries
    in different places say so with ``place``.

    Attributes:
        timeout: seconds that a call takes at most, with ``aopen`` where it is the first; None for no limit.

    """

    timeout: float | None = 30.0

    @abstractmethod
    async def aget(self, key: str) -> Blob | None:
        """Return the bytes last set, or None."""

    @abstractmethod
    async def aset(self, key: str, data: bytes, expires_at: float | None) -> None:
        """Keep the bytes, replacing what was there; readers see the old bytes or the new, never a mixture.

        ``expires_at``, in seconds since the epoch or None, is for places that can expire by themselves.
        """

    @abstractmethod
    async def adelete(self, key: str) -> bool:
        """Remove a key; return whether it was there."""

    @abstractmethod
    async def akeys(self, prefix: str = "") -> list[str]:
        """Return a list of the keys that begin with ``prefix``, in any order."""

    async def aopen(self) -> Any:
        """Return what is to be ``self.client``; awaited once in the store's loop, before all else.

        If it raises, the call that needed it fails, and the next one tries again.
        """

    async def aclose(self) -> None:
        """Close ``self.client``; awaited in the store's loop, as the last thing there, by ``close``."""

    @property
    def client(self) -> Any:
        """What ``aopen`` returned in this process; None before that and after ``close``."""
        session = self._loop.session
        return None if session is None else session.client

    def run(self, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a coroutine function returns in the store's loop; to override more of Store's methods with.

        Raises what it raises, and StoreError after ``timeout`` or if the store is closed meanwhile.
        """
        return self._loop.run(self, work, *args, **kwargs)

    def get(self, key: str) -> Blob | None:
        return self.run(self.aget, key)

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        self.run(self.aset, key, b"".join(chunks), expires_at)

    def delete(self, key: str) -> bool:
        return self.run(self.adelete, key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        return iter(self.run(self.akeys, prefix))

    def close(self) -> None:
        """Give up what is under way, await ``aclose`` and end the loop; the next use begins another."""
        self._loop.close(self)

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        if isinstance(state, dict):
            return {name: value for name, value in state.items() if name != "_own_loop"}
        return state

    @property
    def _loop(self) -> PrivateLoop:
        # Not made by __init__, which a subclass may not call; in one step, for threads that come first together.
        found: PrivateLoop | None = vars(self).get("_own_loop")
        made: PrivateLoop = found or vars(self).setdefault("_own_loop", PrivateLoop(type(self).__name__))
        return made


class _Session:
    """A running loop, and what lives in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
        self.loop = loop
        self.thread = thread
        self.client: Any = None
        self._is_open = False
        self._opening = asyncio.Lock()

    async def do(self, store: AsyncStore, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do one thing, after ``aopen``."""
        if not self._is_open:
            async with self._opening:
                await self._open(store)
        return await work()

    async def _open(self, store: AsyncStore) -> None:
        if not self._is_open:  # still, once it is our turn
            self.client = await store.aopen()
            self._is_open = True

    async def end(self, store: AsyncStore) -> None:
        """Cancel what is under way, and close what was opened."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._is_open:
            await store.aclose()


class PrivateLoop:
    """An event loop in a thread, which begins when it is first needed, and anew after a fork and after ``close``."""

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
                _stop(session.loop)
                session.thread.join(store.timeout)

    def _refuse_from_within(self) -> None:
        session = self.session
        if session is not None and session.thread is threading.current_thread():
            raise StoreError(
                f"a coroutine of {self._name} called the store, or a cached function in it, and would wait for itself; "
                "await the store's coroutines there, or call in a thread (asyncio.to_thread)"
            )

    def _begin(self) -> _Session:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_serve, args=[loop], name=f"memopickle-{self._name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread to be had, or the interpreter is ending
            loop.close()
            raise StoreError(f"cannot begin the event loop of {self._name} ({error})") from error
        self._finalizer = weakref.finalize(self, _stop, loop)
        self._finalizer.atexit = False
        self.session = _Session(loop, thread)
        return self.session

    def _outcome(self, job: Future[T], timeout: float | None) -> T:
        # Not job.result(timeout): the coroutine may raise a TimeoutError of its own.
        try:
            wait([job], timeout)
            if not job.done():
                raise StoreError(f"no answer of {self._name} within timeout={timeout} seconds")
        finally:
            job.cancel()  # nothing where it ended; also for a caller that is interrupted
        try:
            return job.result()
        except CancelledError:
            raise StoreError(f"a call of {self._name} was given up, as the store was closed") from None


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # closed already
        loop.call_soon_threadsafe(loop.stop)
