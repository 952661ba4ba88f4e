"""Arguments of every supported type, nested at will; drawn from few values, so that equal ones come up."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import functools
import pathlib
import re
import types
import uuid
import zoneinfo
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.keys import samples

if TYPE_CHECKING:
    import random

_NUMBERS = (0, 1, -1, 2**31, -(2**31) - 1, 2**200, 0.0, -0.0, 1.0, float("nan"), float("inf"), True, False, 1j, -0j)
_TEXTS = ("", "1", "a", "ä", "\udc80", "\U00010000", "a b", "x" * 255, "x" * 256, b"", b"1", b"a", b"x" * 256)
_UTC, _BERLIN = datetime.UTC, zoneinfo.ZoneInfo("Europe/Berlin")
_EAST = datetime.timezone(datetime.timedelta(hours=2))
_NAMED = datetime.timezone(datetime.timedelta(hours=2), "east")
_MOMENTS = (
    datetime.datetime(2026, 1, 1, 12),
    datetime.datetime(2026, 1, 1, 12, fold=1),
    datetime.datetime(2026, 1, 1, 12, tzinfo=_UTC),
    datetime.datetime(2026, 1, 1, 14, tzinfo=_EAST),
    datetime.datetime(2026, 1, 1, 14, tzinfo=_NAMED),
    datetime.datetime(2026, 1, 1, 13, tzinfo=_BERLIN),
    datetime.date(2026, 1, 1),
    datetime.time(12),
    datetime.time(12, tzinfo=_UTC),
    datetime.timedelta(days=1),
    datetime.timedelta(seconds=1),
    *(_UTC, _BERLIN, _EAST, _NAMED),
)
_EXACT = (
    *map(decimal.Decimal, ("1.0", "1.00", "1", "-0", "0", "NaN", "sNaN", "Infinity")),
    *(fractions.Fraction(1, 2), fractions.Fraction(2)),
    *(uuid.UUID(int=1), uuid.UUID(int=2)),
)
_PLACES = (
    *(pathlib.Path("a"), pathlib.Path("a/b"), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a")),
    *(re.compile("a"), re.compile("a", re.IGNORECASE), re.compile(b"a")),
)
_RANGES = (
    *(range(0), range(1, 1), range(3), slice(3), slice(0, 3), slice(None)),
    *(bytearray(b"a"), bytearray(), memoryview(b"a"), memoryview(b"abcd").cast("i"), memoryview(b"")),
    *(array.array("i", [1]), array.array("l", [1]), array.array("d", [1.0]), array.array("d", [-0.0])),
)
_ENUMS = (
    *(samples.Color.RED, samples.Color.GREEN, samples.Level.LOW, samples.Level.HIGH),
    *(samples.Perm.R, samples.Perm.R | samples.Perm.W, samples.Perm(0)),
)
_CODE = (
    *(int, bool, list, samples.Point, samples.Plain, datetime.datetime, type, object),
    *(list[int], list[str], dict[str, int], int | str, int | None),
    *(len, max, re, samples.function, samples.same_text, samples.Plain(a=1).method, samples.Plain(a=2).method),
    *(samples.make_adder(1), samples.make_adder(1.0), [].append, [1].append),
    *(functools.partial(int, base=2), functools.partial(int, base=3), functools.partial(max, 1)),
)
_SINGLE = (None, ..., NotImplemented)
_COMPOSITES = (
    *([], [1], [2], [1, 2], (), (1,), {}, {"a": 1}, {"a": 2}, {"b": 1}, {1: 1}, {True: 1}, {"a": 1, 1: "a"}),
    *(set(), {1}, {2}, {1.0}, frozenset(), frozenset({1}), frozenset({"a", 1})),
    *(collections.deque([1]), collections.deque([2]), collections.deque([1], 2), collections.deque([1], 3)),
    *(collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1), collections.OrderedDict(a=1, b=3)),
    *(collections.defaultdict(int, a=1, b=2), collections.defaultdict(int, b=2, a=1), collections.defaultdict(int)),
    *(collections.defaultdict(list, a=1, b=2), collections.Counter("ab"), collections.Counter("ba")),
    *(collections.Counter("aab"), types.MappingProxyType({"a": 1}), types.MappingProxyType({"a": 2})),
    *(samples.MyList([1]), samples.MyList([2]), samples.MyDict(a=1, b=2), samples.MyDict(b=2, a=1)),
    *(samples.MySet({1}), samples.MySet({2}), samples.MyInt(1), samples.MyInt(2), samples.MyStr("a")),
    *(samples.Point(1, 2), samples.Point(2, 1), samples.Slotted(1, 2), samples.Slotted(2, 1), samples.Frozen(1)),
    *(samples.FrozenSlotted(1), samples.FrozenSlotted(2), samples.Pair(1, 2), samples.Typed(1, 2), samples.Typed(2)),
    *(samples.Plain(a=1), samples.Plain(b=1), samples.Plain(a=1, b=2), samples.Plain(b=2, a=1), samples.Plain()),
    *(samples.OtherPlain(a=1), types.SimpleNamespace(a=1), types.SimpleNamespace(b=1), ValueError(1), TypeError(1)),
    *(ValueError(2), ValueError(1, 2)),
)
ATOMS = (
    *_COMPOSITES,
    *(*_NUMBERS, *_TEXTS, *_MOMENTS, *_EXACT, *_PLACES, *_RANGES, *_ENUMS, *_CODE, *_SINGLE),
)


def _one_of(pool: tuple[object, ...]) -> st.SearchStrategy:
    """As ``sampled_from``, which would hash them, and some can't be."""
    return st.integers(0, len(pool) - 1).map(pool.__getitem__)


atoms = _one_of(ATOMS) | st.integers(-3, 3) | st.text("ab", max_size=2) | st.floats()


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except (TypeError, ValueError):
        return False
    return not (type(value) is decimal.Decimal and value.is_snan())


hashable_atoms = _one_of(tuple(value for value in ATOMS if _hashable(value))) | st.integers(-3, 3)


def hashables(children: st.SearchStrategy) -> st.SearchStrategy:
    return st.tuples(children, children) | st.frozensets(children, max_size=3) | st.builds(samples.Frozen, children)


keys = st.recursive(hashable_atoms, hashables, max_leaves=4).filter(_hashable)


def _containers(inner: st.SearchStrategy) -> st.SearchStrategy:
    lists = st.lists(inner, max_size=6)
    dicts = st.dictionaries(keys, inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=4)
    return st.one_of(
        lists,
        lists.map(tuple),
        st.lists(st.lists(inner, min_size=2, max_size=2), max_size=6),
        dicts,
        dicts.map(lambda d: [dict.fromkeys(d, i) for i in range(5)]),
        st.sets(keys, max_size=3),
        st.frozensets(keys, max_size=3),
        _mappings(dicts),
        st.builds(collections.deque, lists, st.sampled_from([None, 10])),
        _records(inner),
        _subclasses(lists, dicts),
        st.builds(lambda x: types.SimpleNamespace(x=x), inner),
        st.builds(ValueError, inner),
        st.builds(lambda x: functools.partial(print, x, end=x), inner),
        st.builds(samples.make_adder, inner),
    )


def _mappings(dicts: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(
        dicts.map(collections.OrderedDict),
        dicts.map(lambda d: collections.defaultdict(list, d)),
        dicts.map(lambda d: collections.defaultdict(int, d)),
        dicts.map(lambda d: collections.Counter(dict.fromkeys(d, 2))),
        dicts.map(types.MappingProxyType),
    )


def _records(inner: st.SearchStrategy) -> st.SearchStrategy:
    classes = (samples.Point, samples.Slotted, samples.Pair, samples.Typed)
    one = (samples.Frozen, samples.FrozenSlotted, lambda x: samples.Plain(x=x), lambda x: samples.OtherPlain(x=x))
    return st.one_of(
        *(st.builds(cls, inner, inner) for cls in classes),
        *(st.builds(cls, inner) for cls in one),
        st.lists(st.builds(samples.Point, inner, st.integers(0, 2)), min_size=4, max_size=6),
        st.builds(_slots, inner),
    )


def _slots(value: object) -> samples.Slots:
    found = samples.SlotsAndDict()
    found.a, found.c = value, 1  # type: ignore[attr-defined]
    return found


def _subclasses(lists: st.SearchStrategy, dicts: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(
        lists.map(samples.MyList),
        dicts.map(samples.MyDict),
        st.sets(st.integers(0, 3)).map(samples.MySet),
        st.integers(0, 2).map(samples.MyInt),
        st.text("ab", max_size=1).map(samples.MyStr),
    )


values = st.recursive(atoms, _containers, max_leaves=8)


def rebuilt(value: object, chance: random.Random) -> object:
    """The same value again: other objects, other sharing, dicts and sets filled in another order."""
    rebuild = _REBUILDERS.get(type(value))
    return value if rebuild is None else rebuild(value, lambda part: rebuilt(part, chance), chance)


def _shuffled(items: list, chance: random.Random) -> list:
    chance.shuffle(items)
    return items


_REBUILDERS = {
    str: lambda value, _again, _chance: "".join(list(value)),
    list: lambda value, again, _chance: [again(item) for item in value],
    tuple: lambda value, again, _chance: tuple(again(item) for item in value),
    set: lambda value, again, chance: set(_shuffled([again(item) for item in value], chance)),
    frozenset: lambda value, again, chance: frozenset(_shuffled([again(item) for item in value], chance)),
    dict: lambda value, again, chance: dict(_shuffled([(again(k), again(v)) for k, v in value.items()], chance)),
    samples.Point: lambda value, again, _chance: samples.Point(again(value.x), again(value.y)),
    samples.Slotted: lambda value, again, _chance: samples.Slotted(again(value.x), again(value.y)),
    samples.Plain: lambda value, again, _chance: samples.Plain(**again(vars(value))),
}
