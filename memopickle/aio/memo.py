"""One async function in one cache: from a call to its key, its stored value, or a run of the function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memopickle import switch
from memopickle.aio.quick import Awaited, quick_call
from memopickle.aio.reads import SMALLEST
from memopickle.aio.runner import AsyncRunner
from memopickle.aio.turns import turns
from memopickle.lookup import MISSING, SPECIAL
from memopickle.steps import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from memopickle.memo import Memo

__all__ = ["AsyncMemo"]


class AsyncMemo:
    """As :class:`memopickle.memo.Memo`, whose keys, look-ups and entries these are; shared by all tasks and loops."""

    def __init__(self, memo: Memo) -> None:
        self.memo = memo
        self._function = memo.function
        self._keys = memo.keys
        self._counts = memo.counts
        self._runner = AsyncRunner(memo.function, memo.context, memo.lookup, memo.keys)

    async def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the stored result of this call, or compute and store it."""
        if turns.is_over():
            await turns.next()
        try:
            values = self._keys.bind(*args, **kwargs)
        except TypeError:
            return await self._function(*args, **kwargs)  # a wrong call: the function itself says so best
        if self.memo.ttl == 0:
            self._counts.misses += 1
            return await self._function(*args, **kwargs)
        if self._keys.by is not None:
            values = (self._keys.by(*args, **kwargs),)
        key = self._keys.key(values)
        value = await self._runner.look(key)
        if type(value) in SPECIAL:
            return await self._other(value, Call(key, args, kwargs, self._keys.describe(values)))
        self._counts.hits += 1
        if self.memo.learns:
            self.memo.learn(values, key, SMALLEST)
        return value

    def _other(self, found: Any, call: Call) -> Coroutine[Any, Any, Any]:
        """Return what gives the value of a call where a look found something else."""
        return self._runner.missed(call) if found is MISSING else self._runner.special(found, call)

    def quick_call(self) -> Callable[..., Any] | None:
        """Make a coroutine function that answers hits of plain arguments quickly, None where there can't be one."""

        def plain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._function(*args, **kwargs) if switch.off else self.call(args, kwargs)

        def other(found: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._other(found, self._call(self._keys.values(args, kwargs), args, kwargs))

        return quick_call(self.memo, self._runner.is_small, Awaited(plain, other))

    async def refresh(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute and store now, whatever is stored."""
        return await self._runner.refresh(self._call(self._keys.values(args, kwargs), args, kwargs))

    def _call(self, values: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        return Call(self._keys.key(values), args, kwargs, self._keys.describe(values))
