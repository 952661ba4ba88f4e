"""The quick way to a hit for tasks: that of :mod:`memopickle.quick`, in a coroutine.

A call gives a coroutine as ever, and nothing is done, counted or raised before that is awaited: not even a wrong call
is told. A hit never waits, except for its turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle import quick
from memopickle.aio.turns import turns
from memopickle.lookup import SPECIAL
from memopickle.quick import KeyHits

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from memopickle.counts import Counts
    from memopickle.memo import Memo

    Going = Callable[..., Coroutine[Any, Any, Any]]

__all__ = ["Awaited", "quick_call"]

#: Hits in memory between two looks whether the turn is over, which take as long as they do: all bits set.
_MOST = 15


class Awaited(NamedTuple):
    """How a call goes on that is no quick hit."""

    #: Gets args and kwargs: the whole of the plain way, and the function itself where caching is disabled.
    plain: Going
    #: Gets what a look returned that is no value, args and kwargs.
    other: Going


class _Later(NamedTuple):
    """Stands for a value that is to be awaited."""

    #: What a look returned.
    found: Any


#: To be awaited the plain way, from the beginning.
_PLAIN = _Later(None)


def quick_call(memo: Memo, is_small: Callable[[str], bool], awaited: Awaited) -> Going | None:
    """Make the quick call of an async function, or None where its signature does not allow for one."""

    def look(key: str, tell: bool) -> Any:
        return _PLAIN if turns.is_over() or not is_small(key) else memo.lookup.value(key, tell)

    def other(found: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Later:
        return found if type(found) is _Later else _Later(found)

    def slow(*args: Any, **kwargs: Any) -> _Later:
        return _PLAIN

    hits = memo.memory_hits or KeyHits(look, other, memo.counts, SPECIAL | {_Later})
    made = quick.quick_call(memo.function, memo.keys.binder, memo.quick, slow, hits)
    return None if made is None else _coroutine_function(made, awaited, memo.counts)


def _coroutine_function(made: Callable[..., Any], awaited: Awaited, counts: Counts) -> Going:
    plain, other = awaited

    async def call(*args: Any, **kwargs: Any) -> Any:
        if counts.hits & _MOST or not turns.is_over():
            value = made(*args, **kwargs)
            if type(value) is not _Later:
                return value
            if value is not _PLAIN:
                return await other(value.found, args, kwargs)
        return await plain(args, kwargs)

    # As in the plain way, for the warning about a coroutine that was never awaited.
    call.__name__, call.__qualname__ = "__call__", "AsyncCachedFunction.__call__"
    return call
