"""Values for the data formats, and what it means that one came back as it was."""

import collections
import datetime
import decimal
import enum
import struct
from typing import NamedTuple

from hypothesis import strategies as st


class Point(NamedTuple):
    x: object
    y: object


class Color(enum.IntEnum):
    RED = 1


class Name(str):
    __slots__ = ()


class Row(dict):
    pass


class Rows(list):
    pass


class Metres(float):
    pass


#: What no data format has, by the type that a careless one would make of it.
IMPOSTORS = [
    Point(1, 2), Color.RED, Name("a"), Row(a=1), Rows([1]), Metres(1.5), (), (1,), {1}, frozenset(), 1j,
    bytearray(b"a"), memoryview(b"a"), range(3), decimal.Decimal("1.5"), datetime.datetime(2020, 1, 2),
    datetime.date(2020, 1, 2), collections.OrderedDict(a=1), collections.defaultdict(int), collections.Counter("a"),
    object(), len, int, ...,
]  # fmt: skip

_numbers = st.integers() | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1])
_numbers |= st.none().map(lambda _: 10**5000)  # whose repr Python refuses
_floats = st.floats() | st.sampled_from([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324])
_texts = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(["\ud800", "\ud83d\ude00", "\0"])
leaves = st.none() | st.booleans() | _numbers | _floats | _texts | st.binary()
keys = _texts | st.booleans() | st.integers(-3, 3) | st.none() | st.floats() | st.binary() | st.just(Color.RED)


def _containers(inner):
    lists = st.lists(inner, max_size=4)
    dicts = st.dictionaries(_texts, inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
    return lists | dicts | st.builds(Point, inner, inner) | st.tuples(inner) | st.builds(Row, dicts)


#: Anything: mostly what a format takes, and now and then what it must refuse.
values = st.recursive(leaves | st.sampled_from(IMPOSTORS), _containers, max_leaves=12)
#: What JSON takes, but for what a leaf contains.
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | _floats | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def identical(a, b):
    """Whether two values of lists, dicts and leaves are of the same types in all, in the same order, bit by bit."""
    if type(a) is not type(b):
        return False
    if type(a) is list:
        return len(a) == len(b) and all(map(identical, a, b))
    if type(a) is dict:
        return identical(list(a), list(b)) and identical(list(a.values()), list(b.values()))
    if type(a) is float:
        return (a != a and b != b) or struct.pack("d", a) == struct.pack("d", b)  # noqa: PLR0124  a NaN is a NaN
    return a == b
