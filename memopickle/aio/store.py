"""Stores written with coroutines, for places that only an async client reaches."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from memopickle.aio.privateloop import PrivateLoop
from memopickle.stores.base import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from memopickle.typed import Blob

__all__ = ["AsyncStore"]

P = ParamSpec("P")
T = TypeVar("T")


class AsyncStore(Store):
    """A store whose operations are coroutines on bytes: a base class, for places that only an async client reaches.

    Implement ``aget``, ``aset``, ``adelete`` and ``akeys``; sync and async functions and
    :class:`memopickle.testing.StoreTests` then use it as any other store. The coroutines run, many at a time, in one
    event loop of the store's own (asyncio), in a daemon thread: begun at first use, anew in a forked child, ended by
    ``close``. Nothing of them runs in the loop of the calling program, and a client can't be shared with that: make it
    in ``aopen``, which runs in the store's loop, and use it there as ``self.client``.

    What a coroutine raises reaches the caller: OSError or StoreError where the place fails, nothing else. A call from
    the store's own loop, which would wait for itself, is a StoreError. So is a coroutine that raises SystemExit, and
    one without an answer after ``timeout``; it is cancelled then, and whether it stored or deleted is not known.

    No URL names such a store, so the command line can't be given it; clear and list it from a program, through a Cache.

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
