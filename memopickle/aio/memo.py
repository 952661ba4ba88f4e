"""One async function in one cache: from a call to its key, its stored value, or a run of the function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memopickle.aio.runner import AsyncRunner
from memopickle.aio.turns import turns
from memopickle.lookup import MISSING, SPECIAL
from memopickle.steps import Call

if TYPE_CHECKING:
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
        if value is MISSING:
            return await self._runner.missed(Call(key, args, kwargs, self._keys.describe(values)))
        if type(value) in SPECIAL:
            return await self._runner.special(value, Call(key, args, kwargs, self._keys.describe(values)))
        self._counts.hits += 1
        return value

    async def refresh(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute and store now, whatever is stored."""
        return await self._runner.refresh(self._call(self._keys.values(args, kwargs), args, kwargs))

    def _call(self, values: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        return Call(self._keys.key(values), args, kwargs, self._keys.describe(values))
