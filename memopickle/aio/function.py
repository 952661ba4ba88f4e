"""The decorated ``async def``: awaited as before, with the ``cache_*`` members of every cached function."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from memopickle import switch
from memopickle.flight import twin
from memopickle.function import BoundCachedFunction, CachedFunction
from memopickle.settings import is_disabled
from memopickle.wrapping import code_of

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import CodeType

    from memopickle.aio.memo import AsyncMemo
    from memopickle.function import CacheSource
    from memopickle.memo import Memo
    from memopickle.options import Options

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")

__all__ = ["AsyncCachedFunction", "Decorator"]


class Decorator(Protocol):
    """What ``cached`` with options gives: a decorator for both kinds of functions."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncCachedFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


class AsyncCachedFunction(CachedFunction[P, Coroutine[Any, Any, R]], Generic[P, R]):
    """An async function that remembers its results; made by ``@cached`` and ``Cache.cached``.

    Awaiting a call never holds up the event loop for longer than it takes to read a small file: what takes longer is
    done by threads. The ``cache_*`` members but ``cache_refresh`` are ordinary functions that read or remove small
    files there and then; for a store on a server call them in a thread (``asyncio.to_thread``). Nothing is opened, read
    or imported before the first call. Safe between tasks, event loops, threads and processes.
    """

    #: Made at first use.
    _tasks: AsyncMemo | None = None
    #: The opening of the cache, while it is under way.
    _opening: Future[Memo | None] | None = None
    #: Whether a call found caching disabled, by settings that are read once.
    _was_disabled = False

    def __init__(self, function: Callable[P, Coroutine[Any, Any, R]], options: Options, cache: CacheSource) -> None:
        super().__init__(function, options, cache)
        # By these, inspect.iscoroutinefunction takes an object for a function like the one whose they are.
        self.__code__: CodeType | None = code_of(self._function)
        self.__dict__.setdefault("__name__", type(self._function).__name__)  # a partial has none
        self.__defaults__: None = None
        self.__kwdefaults__: None = None

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        tasks = None if switch.off else self._tasks or await self._ready_for_tasks()
        if tasks is None:
            plain: R = await self._function(*args, **kwargs)
            return plain
        result: R = await tasks.call(args, kwargs)
        if tasks.memo.is_worth_a_quick_call:
            self._quicken(tasks.memo, tasks.quick_call())
        return result

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(
        self: AsyncCachedFunction[Concatenate[S, Q], T], instance: object, owner: type | None = None
    ) -> AsyncCachedFunction[Q, T]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        bound: Any = super().__get__(instance, owner)
        return bound if bound is self else BoundAsyncCachedFunction(self, bound.__self__)

    def __reduce__(self) -> str | tuple[Any, ...]:
        reduced = super().__reduce__()
        return reduced if isinstance(reduced, str) else (AsyncCachedFunction, *reduced[1:])

    def cache_set(self, value: R, /, *args: P.args, **kwargs: P.kwargs) -> None:  # type: ignore[override]
        """Store ``value`` as the result of a call."""
        self._bound().put(value, args, kwargs)

    def cache_refresh(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Compute now, whatever is stored, store the result and return it; to be awaited."""
        return self._refreshed(args, kwargs)

    async def _refreshed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        from memopickle.aio.workers import in_thread

        memo = self._opened
        if memo is None:
            memo = await in_thread(self._bound)
        result: R = await _of_tasks(memo).refresh(args, kwargs)
        return result

    async def _ready_for_tasks(self) -> AsyncMemo | None:
        """Open the cache, in a thread; None where caching is disabled or there is nothing to cache in."""
        if self._was_disabled and is_disabled(self._function):
            return None
        memo = self._memo or await self._opened_in_thread()
        self._was_disabled = memo is None
        if memo is None:
            return None
        tasks = _of_tasks(memo)
        self._tasks = tasks
        if self._memo is not memo:  # unbound in this moment, as in _ready
            self._unbind()
        return tasks

    async def _opened_in_thread(self) -> Memo | None:
        from memopickle.aio.workers import finished, submit  # what waits for threads is for those who miss

        opening = self._opening
        if opening is None or opening.done():
            opening = self._opening = submit(self._ready)
        try:
            return await finished(opening)
        except Exception as error:  # noqa: BLE001
            raise (twin(error) or error) from error.__cause__  # an instance for each who waits for it
        finally:
            if opening.done():
                self._opening = None

    @staticmethod
    def _plain_class() -> Any:
        return AsyncCachedFunction


class BoundAsyncCachedFunction(  # type: ignore[misc]  # of cache_set
    BoundCachedFunction[P, Coroutine[Any, Any, R]],  # pyright: ignore[reportIncompatibleMethodOverride]
    AsyncCachedFunction[P, R],
):
    """A cached async method seen through an instance (or a class): the instance comes first in every call."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self


def _of_tasks(memo: Memo) -> AsyncMemo:
    """Return what tasks share of one function in one cache, made at first use."""
    from memopickle.aio.memo import AsyncMemo  # the rest of this package, at a first call only

    if memo.tasks is None:
        memo.tasks = AsyncMemo(memo)
    return memo.tasks
