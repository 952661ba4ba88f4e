"""The quick way to a hit: plain arguments lead to their store key without being encoded again.

A key depends on the arguments alone, so a table from plain values, and their types, to keys never goes out of date.
For each function that is hit again and again a small function of the same signature is made, which looks there first
and otherwise goes the plain way through :class:`memopickle.memo.Memo`; both give the same answers, which
tests/test_quick.py shows. Where the store is this process's memory, it also looks at the record by itself.
"""

from __future__ import annotations

import time

from memopickle import pickling as pickle
from memopickle import switch
from memopickle.expiry import SECOND, SKEW, wall_clock
from memopickle.lookup import SPECIAL
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

    from memopickle.binder import Binder
    from memopickle.counts import Counts
    from memopickle.stores.memory import MemoryStore

__all__ = ["KeyHits", "MemoryHits", "QuickTable", "quick_call"]

#: Their values are equal, where the types are, if and only if their keys are; but for what ``_is_plain`` excludes.
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_PLAIN = _SCALARS | {tuple}
#: The types of which not every value is plain.
_CHECKED = frozenset({float, str, bytes, tuple})
#: Characters or bytes up to which text is plain, and items up to which a tuple of plain values is.
_LONG = 256
#: How many calls one function's table remembers before it begins anew.
_LIMIT = 4096
#: After so many hits through the plain way a function is worth a quick one of its own.
_WORTH = 3
#: Parameters; more are rare, and then cost more than they save.
_WIDEST = 6
#: Microseconds around the end of a ttl in which the plain way decides, which counts in whole microseconds.
_CLOSE = 1000


class QuickTable:
    """What recent calls with plain arguments lead to, by types and values: a key, or a shortcut to a record in memory.

    Each change is one operation on a dict, which threads may do at once; what is lost is looked up the plain way.
    """

    def __init__(self) -> None:
        #: By the types of the arguments, so that the values of other types are never hashed or compared; of a single
        #: argument by its type, then by itself.
        self.known: dict[Any, dict[Any, Any]] = {}
        #: For the types of arguments met so far, which of them have values to be looked at; None: not for here.
        self._checked: dict[tuple[type, ...], tuple[int, ...] | None] = {}
        self._size = self._hits = 0

    def learn(self, values: tuple[Any, ...], goal: Any) -> bool:
        """Remember where a call that was a hit leads; return whether the function is worth a quick call by now."""
        types = tuple(map(type, values))
        try:
            checked = self._checked[types]
        except KeyError:
            checked = self._meet(types)
        if checked is None:
            return False
        for position in checked:
            if not _is_plain(values[position]):
                self._refuse(types, values[position])
                return False
        if self._size >= _LIMIT:
            self.known.clear()
            self._size = 0
        self._add(types, values, goal)
        self._size += 1
        self._hits += 1
        return self._hits == _WORTH

    def _meet(self, types: tuple[type, ...]) -> tuple[int, ...] | None:
        checked = None
        if _PLAIN.issuperset(types) and 0 < len(types) <= _WIDEST and len(self._checked) < _LIMIT:
            checked = tuple(position for position, kind in enumerate(types) if kind in _CHECKED)
        self._checked[types] = checked
        return checked

    def _add(self, types: tuple[type, ...], values: tuple[Any, ...], goal: Any) -> None:
        kind, value = _single(types), _single(values)
        found = self.known.get(kind)
        if found is None:
            found = self.known[kind] = _Nested(len(values)) if tuple in types else {}
        if isinstance(found, _Nested):
            found.put(value, goal)
        else:
            found[value] = goal

    def _refuse(self, types: tuple[type, ...], value: object) -> None:
        # Long text is not kept alive for the table's sake; and where it occurs, hashing it would take too long.
        if type(value) in (str, bytes):
            self._checked[types] = None
            self.known.pop(_single(types), None)


class _Nested(dict[Any, Any]):
    """Where calls with tuples of plain values lead: the types in these count as well."""

    def __init__(self, width: int) -> None:
        self._types = _types_in_one if width == 1 else _types_in_each

    def __getitem__(self, values: tuple[Any, ...]) -> Any:
        return dict.__getitem__(self, self._types(values))[values]

    def put(self, values: tuple[Any, ...], goal: Any) -> None:
        """Remember where the values lead."""
        self.setdefault(self._types(values), {})[values] = goal


def _single(items: tuple[Any, ...]) -> Any:
    """Return the items as the table has them: one by itself, several as the tuple."""
    return items[0] if len(items) == 1 else items


def _types_in_one(value: tuple[Any, ...]) -> object:
    return tuple(map(type, value))


def _types_in_each(values: tuple[Any, ...]) -> object:
    return tuple([tuple(map(type, value)) if type(value) is tuple else None for value in values])


class KeyHits(NamedTuple):
    """What it takes to look up a key that is known."""

    #: Lookup.value
    look: Callable[[str, bool], Any]
    #: Gets what the look returned where that is no value, args and kwargs.
    other: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    counts: Counts
    #: The types of what is no value.
    special: frozenset[type] = SPECIAL


class MemoryHits(NamedTuple):
    """What it takes to see that a record in a MemoryStore may be used."""

    store: MemoryStore
    counts: Counts
    clock: Callable[[], float]
    #: In microseconds, None for ever.
    ttl: int | None
    #: Whether it is the uppermost of several tiers, where a record says until when it may be used.
    is_tier: bool = False


def quick_call(
    function: Callable[..., Any],
    binder: Binder,
    table: QuickTable,
    slow: Callable[..., Any],
    hits: KeyHits | MemoryHits,
) -> Callable[..., Any] | None:
    """Make the quick call of a function, or None where its signature does not allow for one.

    Args:
        function: gives the name that the message of a wrong call tells.
        binder: its signature, and which of its parameters are in the key.
        table: where its recent calls lead: to keys, or to shortcuts, as ``hits`` wants it.
        slow: the plain way, for calls that are not in the table, and whenever caching is disabled.
        hits: how to go on from there.

    """
    shape = binder.shape
    if not 0 < len(binder.own_names()) <= _WIDEST:
        return None
    scope: dict[str, Any] = {"__table__": table.known, "__slow__": slow, "__switch__": switch}
    body = _in_memory(hits, scope) if isinstance(hits, MemoryHits) else _by_key(hits, scope)
    exec(_source(body, binder), scope)  # noqa: S102  made of identifiers that a compiler has already accepted
    made: FunctionType = scope["call"]
    made.__defaults__ = shape.defaults
    made.__kwdefaults__ = dict(shape.keyword_defaults)
    made.__qualname__ = getattr(function, "__qualname__", "call")
    return made


_BY_KEY = """\
def call(SIGNATURE):
    OTHERS
    try:
        __key__ = __table__[TYPES][VALUES]
    except KeyError:
        return __slow__(CALL)
    if __switch__.off:
        return __slow__(CALL)
    __value__ = __look__(__key__, True)
    if type(__value__) in __special__:
        return __other__(__value__, (ARGS), {KWARGS})
    __counts__.hits += 1
    return __value__
"""

# Whatever fails (not in the table, evicted meanwhile, can't be loaded) goes the plain way, which tells what is to tell.
_BY_RECORD = """\
def call(SIGNATURE):
    OTHERS
    try:
        __found__ = __table__[TYPES][VALUES]
        __value__ = __found__.payload  # before the look whether it may be used: it may go in between
        if USABLE and not __switch__.off:
            TOUCH
            if __found__.pickled:
                __value__ = __loads__(__value__)
            __counts__.hits += 1
            return __value__
    except Exception:
        pass
    return __slow__(CALL)
"""


def _source(body: str, binder: Binder) -> str:
    positional, by_name = binder.shape.passed_on()
    names, others = binder.own_names(), binder.shape.varkeywords
    passed = ", ".join([*positional, *(f"{name}={name}" for name in by_name), *([f"**{others}"] if others else [])])
    parts = {
        "SIGNATURE": binder.shape.signature(),
        "OTHERS": f"if {others}: return __slow__({passed})" if others else "",
        "TYPES": ", ".join(f"type({name})" for name in names),
        "VALUES": ", ".join(names),
        "KWARGS": ", ".join(f"{name!r}: {name}" for name in by_name),
        "ARGS": "".join(f"{name}, " for name in positional),
        "CALL": passed,
    }
    import re  # the fourth call of a function is not its process's first

    return re.sub("|".join(parts), lambda found: parts[found[0]], body)


def _by_key(keyed: KeyHits, scope: dict[str, Any]) -> str:
    """Return the body that goes the plain way from the key on; put what it needs into its scope."""
    scope.update(__look__=keyed.look, __special__=keyed.special, __other__=keyed.other, __counts__=keyed.counts)
    return _BY_KEY


def _in_memory(memory: MemoryHits, scope: dict[str, Any]) -> str:
    """Return the body that uses shortcuts to records; put what it needs into its scope."""
    scope.update(
        __touch__=memory.store.touch,
        __counts__=memory.counts,
        __clock__=memory.clock,
        __time__=time,
        __loads__=pickle.loads,
        __newest__=(SKEW - _CLOSE) / SECOND,
        __oldest__=0.0 if memory.ttl is None else (_CLOSE - memory.ttl) / SECOND,
    )
    # The attribute of time is looked up at each call, so that freezegun works, as in expiry.wall_clock.
    now = "__time__.time()" if memory.clock is wall_clock else "__clock__()"
    if memory.is_tier:
        now = f"(__now__ := {now})"
    usable = f"__found__.born - {now} < __newest__"
    if memory.ttl is not None:
        usable = f"__oldest__ < {usable}"
    if memory.is_tier:
        usable += " and __now__ < __found__.until"
    touch = "__touch__(__found__.key)" if memory.store.is_bounded else "pass"
    return _BY_RECORD.replace("USABLE", usable).replace("TOUCH", touch)


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return bool(value != 0 and value == value)  # noqa: PLR0124  0.0 equals -0.0, which has another key; NaN nothing
    if kind is tuple:
        return len(value) <= _LONG and all(type(item) in _SCALARS and _is_plain(item) for item in value)
    return kind not in (str, bytes) or len(value) <= _LONG
