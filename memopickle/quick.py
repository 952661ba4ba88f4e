"""The quick way to a hit: plain arguments lead to their store key without being encoded again.

A key depends on the arguments alone, so a table from plain values, and their types, to keys never goes out of date.
For each function that is hit again and again a small function of the same signature is made, which looks there first
and otherwise goes the plain way through :class:`memopickle.memo.Memo`; both give the same answers, which
tests/test_quick.py shows. Where the store is this process's memory, it also looks at the record by itself.
"""

from __future__ import annotations

import pickle
import re
import time
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle import switch
from memopickle.expiry import SECOND, SKEW, wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

    from memopickle.binder import Binder
    from memopickle.counts import Counts
    from memopickle.stores.memory import MemoryStore

    Known = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]

__all__ = ["MemoryHits", "QuickKeys", "quick_call"]

#: Their values are equal, where the types are, if and only if their keys are; but for what ``_is_plain`` excludes.
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
#: Longer text is not kept alive for the table's sake, and is not hashed, which takes longer than BLAKE3.
_LONG = 256
#: How many calls one function's table remembers before it begins anew.
_LIMIT = 4096
#: After so many hits through the plain way a function is worth a quick one of its own.
_WORTH = 3
#: Parameters; more are rare, and then cost more than they save.
_WIDEST = 6
#: Microseconds around the end of a ttl in which the plain way decides, which counts in whole microseconds.
_CLOSE = 1000


class QuickKeys:
    """The keys of recent calls with plain arguments, by types and values.

    Each change is one operation on a dict, which threads may do at once; what is lost is looked up the plain way.
    """

    def __init__(self) -> None:
        #: By the types of the arguments, so that the values of other types are never hashed or compared.
        self.table: dict[tuple[type, ...], dict[tuple[Any, ...], str]] = {}
        self._refused: set[tuple[type, ...]] = set()
        self._size = self._hits = 0

    def learn(self, values: tuple[Any, ...], key: str) -> bool:
        """Remember the key of a call that was a hit; return whether the function is worth a quick call by now."""
        types = tuple(map(type, values))
        if types in self._refused or not _PLAIN.issuperset(types):
            return False
        if any(map(_is_long, values)):  # here the quick way would be the slow one
            self._refused.add(types)
            self.table.pop(types, None)
        elif all(map(_is_plain, values)):
            self._add(types, values, key)
        return self._hits >= _WORTH

    def _add(self, types: tuple[type, ...], values: tuple[Any, ...], key: str) -> None:
        if self._size >= _LIMIT:
            self.table.clear()
            self._size = 0
        self.table.setdefault(types, {})[values] = key
        self._size += 1
        self._hits += 1


class MemoryHits(NamedTuple):
    """What it takes to see that a record in a MemoryStore may be used."""

    store: MemoryStore
    counts: Counts
    clock: Callable[[], float]
    #: In microseconds, None for ever.
    ttl: int | None
    #: The code that the record must have been computed by, None where its key says so, or it does not matter.
    code: bytes | None
    #: Whether it is the uppermost of several tiers, where a record says until when it may be used.
    is_tier: bool = False


def quick_call(
    function: Callable[..., Any],
    binder: Binder,
    table: dict[tuple[type, ...], dict[tuple[Any, ...], str]],
    slow: Callable[..., Any],
    known: Known | MemoryHits,
) -> Callable[..., Any] | None:
    """Make the quick call of a function, or None where its signature does not allow for one.

    Args:
        function: gives the name that the message of a wrong call tells.
        binder: its signature, and which of its parameters are in the key.
        table: of :class:`QuickKeys`.
        slow: the plain way, for calls that are not in the table, and whenever caching is disabled.
        known: the plain way from a key on (key, args, kwargs); or what it takes to look at records in memory.

    """
    shape = binder.shape
    if shape.varargs or shape.varkeywords or not 0 < len(binder.names) <= _WIDEST:
        return None
    scope: dict[str, Any] = {"__table__": table, "__slow__": slow, "__switch__": switch}
    body = _in_memory(known, scope) if isinstance(known, MemoryHits) else _by_key(known, scope)
    exec(_source(body, binder), scope)  # noqa: S102  made of identifiers that a compiler has already accepted
    made: FunctionType = scope["call"]
    made.__defaults__ = shape.defaults
    made.__kwdefaults__ = dict(shape.keyword_defaults)
    made.__qualname__ = getattr(function, "__qualname__", "call")
    return made


_BY_KEY = """\
def call(SIGNATURE):
    try:
        __key__ = __table__[TYPES][VALUES]
    except KeyError:
        return __slow__(CALL)
    return __slow__(CALL) if __switch__.off else __known__(__key__, (ARGS), {KWARGS})
"""

# Whatever fails (not in the table, evicted meanwhile, can't be loaded) goes the plain way, which tells what is to tell.
_BY_RECORD = """\
def call(SIGNATURE):
    try:
        __key__ = __table__[TYPES][VALUES]
        __found__ = __entries__[__key__]
        if __oldest__ < __found__.born - NOW < __newest__ and not __switch__.off:
            CHECK
            __value__ = __loads__(__found__.payload) if __found__.pickled else __found__.payload
            __counts__.hits += 1
            return __value__
    except Exception:
        pass
    return __slow__(CALL)
"""


def _source(body: str, binder: Binder) -> str:
    positional, by_name = binder.shape.passed_on()
    parts = {
        "SIGNATURE": binder.shape.signature(),
        "TYPES": "".join(f"type({name}), " for name in binder.names),
        "VALUES": "".join(f"{name}, " for name in binder.names),
        "KWARGS": ", ".join(f"{name!r}: {name}" for name in by_name),
        "ARGS": "".join(f"{name}, " for name in positional),
        "CALL": ", ".join([*positional, *(f"{name}={name}" for name in by_name)]),
    }
    return re.sub("|".join(parts), lambda found: parts[found[0]], body)


def _by_key(known: Known, scope: dict[str, Any]) -> str:
    scope["__known__"] = known
    return _BY_KEY


def _in_memory(memory: MemoryHits, scope: dict[str, Any]) -> str:
    """Return the body that looks at records by itself; put what it needs into its scope."""
    checks = []
    if memory.is_tier:
        checks.append("if __now__ >= __found__.until: raise KeyError")
    if memory.code is not None:
        checks.append("if __found__.code != __code__: raise KeyError")
    if memory.store.is_bounded:
        checks.append("__touch__(__key__)")
    scope.update(
        __entries__=memory.store.entries,
        __touch__=memory.store.entries.move_to_end,
        __counts__=memory.counts,
        __clock__=memory.clock,
        __time__=time,
        __loads__=pickle.loads,
        __code__=memory.code,
        __newest__=(SKEW - _CLOSE) / SECOND,
        __oldest__=-inf if memory.ttl is None else (_CLOSE - memory.ttl) / SECOND,
    )
    # The attribute of time is looked up at each call, so that freezegun works, as in expiry.wall_clock.
    now = "__time__.time()" if memory.clock is wall_clock else "__clock__()"
    now = f"(__now__ := {now})" if memory.is_tier else now
    return _BY_RECORD.replace("NOW", now).replace("CHECK", f"\n{' ' * 12}".join(checks) or "pass")


def _is_long(value: object) -> bool:
    return isinstance(value, str | bytes) and len(value) > _LONG


def _is_plain(value: object) -> bool:
    # 0.0 equals -0.0, which has another key, and NaN does not equal itself.
    return not isinstance(value, float) or (value != 0 and value == value)  # noqa: PLR0124
