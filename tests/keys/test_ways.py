"""Accelerators and the walk without recursion give the bytes of the plain way."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memopickle.canonical.builtin import shape
from memopickle.canonical.graph import encode_graph
from memopickle.canonical.nodes import SCALARS, UNORDERED, assemble, scalar
from memopickle.keys import encode
from tests.keys import samples
from tests.keys.strategies import values

_often = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.sampled_from(["x" * 255, "ä" * 255, "x" * 256, b"x" * 255, b"x" * 256, 2**4000, -(2**2000), ...]),
)


def plainly(value: object) -> bytes:
    """The encoding child by child, without memory and without shortcuts: the definition."""
    if type(value) in SCALARS:
        return scalar(value)
    head, children = shape(value)
    encodings = list(map(plainly, children))
    if head == UNORDERED:
        encodings.sort()
    return assemble(head, encodings)


@_often
@given(values)
def test_the_quick_way_is_the_plain_way(value: object) -> None:
    assert encode(value) == plainly(value)


@_often
@given(values)
def test_the_walk_without_recursion_is_the_plain_way(value: object) -> None:
    assert encode_graph(value, "") == plainly(value)


@_often
@given(st.lists(_scalars, max_size=30))
def test_lists_of_scalars(value: list[object]) -> None:
    assert encode(value) == plainly(value)


@_often
@given(st.lists(st.lists(_scalars, max_size=3), max_size=8))
def test_ragged_rows(value: list[list[object]]) -> None:
    assert encode(value) == plainly(value)


@_often
@given(st.lists(st.tuples(_scalars, st.integers(), st.text(max_size=2)), max_size=8))
def test_rows_of_one_width(value: list[tuple[object, ...]]) -> None:
    assert encode(value) == plainly(value)


@_often
@given(st.dictionaries(st.text(max_size=3), _scalars))
def test_dicts_of_scalars(value: dict[str, object]) -> None:
    assert encode(value) == plainly(value)


@_often
@given(st.lists(st.tuples(_scalars, _scalars | st.lists(_scalars, max_size=2)), min_size=4, max_size=6))
def test_instances_of_one_class(drawn: list[tuple[object, object]]) -> None:
    value = [samples.Point(x, y) for x, y in drawn]
    assert encode(value) == plainly(value)


@_often
@given(st.lists(_scalars | st.lists(_scalars, max_size=2) | st.dates(), min_size=4, max_size=6))
def test_dicts_of_one_layout(drawn: list[object]) -> None:
    value = [{"id": i, "value": item} for i, item in enumerate(drawn)]
    assert encode(value) == plainly(value)


_AROUND = (0, 1, 3, 4, 5, 15, 16, 17, 100, 101, 102, 511, 512, 513, 8191, 8192, 8193)


@pytest.mark.parametrize("size", _AROUND)
@pytest.mark.parametrize(
    "item",
    [
        1,
        "a",
        "x" * 255,
        "x" * 256,
        None,
        (1,),
        (1, "ab"),
        ["ä" * 100, 2.5],
        ("x" * 255, "y" * 255),
        ("x" * 256,),
        (),
        (1,) * 16,
        (1,) * 17,
        {"a": 1},
        {"a": [1]},
        {"a" * 255: "b" * 255},
        {1: 1},
        (1, datetime.date(2026, 1, 1)),
        samples.Point(1, "x"),
        samples.Point(1, [2]),
        samples.Point("x" * 255, "y" * 200),
        samples.Slotted(1),
    ],
    ids=lambda item: repr(item)[:30],
)
def test_sizes_at_which_something_changes(size: int, item: object) -> None:
    for value in ([item] * size, (item,) * size):
        assert encode(value) == plainly(value)


@pytest.mark.parametrize("odd", [True, 1.0, samples.MyStr("a"), 2**70, "x" * 300, None, [1], object])
@pytest.mark.parametrize("at", [0, 5, 9000])
def test_one_odd_item_in_a_long_list(odd: object, at: int) -> None:
    value: list[object] = ["a"] * 9001
    value[at] = odd
    assert encode(value) == plainly(value)


def test_keys_that_are_equal_to_strings_are_none() -> None:
    records: list[dict[str, object]] = [{"a": 1} for _ in range(4)]
    records.append({samples.MyStr("a"): 1})
    assert encode(records) == plainly(records)
    assert encode(records) != encode([{"a": 1} for _ in range(5)])
