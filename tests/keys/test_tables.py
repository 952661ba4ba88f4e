"""pandas: dtype, index, names and contents count; blocks, layout and what lies under a mask do not."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from helpers.needed import need

from memopickle.keys import digest

if TYPE_CHECKING:
    from collections.abc import Callable

np = need("numpy")
pd = need("pandas")


def _frame() -> object:
    return pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [1.5, 2.5, float("nan")], "d": [4, 5, 6]})


def _grown() -> object:
    """The same frame with a block per column."""
    frame = pd.DataFrame({"a": [1, 2, 3]})
    for name in "bcd":
        frame[name] = _frame()[name]
    return frame


SAME_FRAMES = {
    "copy": lambda: _frame().copy(),
    "column by column": _grown,
    "sliced": lambda: pd.concat([_frame(), _frame()]).iloc[:3].set_axis(pd.RangeIndex(3)),
    "columns reordered and back": lambda: _frame()[["d", "c", "b", "a"]][["a", "b", "c", "d"]],
}


@pytest.mark.parametrize("make", SAME_FRAMES.values(), ids=SAME_FRAMES.keys())
def test_blocks_do_not_count(make: Callable[[], object]) -> None:
    assert digest(make()) == digest(_frame())


def test_what_a_frame_consists_of_counts() -> None:
    frame = _frame()
    noted = _frame()
    noted.attrs["source"] = "a"
    others = [
        frame,
        noted,
        frame[["b", "a", "c", "d"]],
        frame.set_index("a"),
        frame.astype({"a": "float64"}),
        frame.rename(columns={"a": "z"}),
        frame.rename_axis("i"),
        frame.iloc[:2],
        frame.set_axis(pd.Index([0, 1, 2])),
        frame["a"],
        frame["d"],
        frame["a"].rename("d"),
        frame.set_flags(allows_duplicate_labels=False),
        frame.fillna({"b": "x"}),
        pd.DataFrame(),
        pd.DataFrame(index=[0]),
    ]
    assert len({digest(other) for other in others}) == len(others)


class Named(pd.DataFrame):
    """A subclass with an attribute of its own, declared as pandas wants it."""

    _metadata = ["unit"]  # noqa: RUF012

    @property
    def _constructor(self) -> type:
        return Named


def test_declared_attributes_of_subclasses_count() -> None:
    keys = set()
    for unit in ("m", "km"):
        frame = Named({"a": [1]})
        frame.unit = unit
        keys.add(digest(frame))
    keys.add(digest(pd.DataFrame({"a": [1]})))
    assert len(keys) == 3


def _arrow_lists() -> object:
    pa = need("pyarrow")
    return pd.array([[1], None, [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int8())))


def _days(**options: object) -> object:
    return pd.date_range("2026-01-01", periods=3, **options)


COLUMNS = {
    "int64": lambda: pd.array([1, 2, 3], dtype="Int64"),
    "int64, missing": lambda: pd.array([1, None, 3], dtype="Int64"),
    "int32, missing": lambda: pd.array([1, None, 3], dtype="Int32"),
    "float": lambda: pd.array([1.0, None, 3.0], dtype="Float64"),
    "boolean": lambda: pd.array([True, None, False], dtype="boolean"),
    "numpy": lambda: pd.Series([1, 2, 3]).array,
    "numpy objects": lambda: pd.Series([1, "a", None], dtype=object).array,
    "string, Python": lambda: pd.array(["a", None, "b"], dtype="string[python]"),
    "categorical": lambda: pd.Categorical(["a", None, "b"]),
    "categorical, other order": lambda: pd.Categorical(["a", None, "b"], categories=["b", "a"]),
    "categorical, ordered": lambda: pd.Categorical(["a", None, "b"], ordered=True),
    "categorical, more": lambda: pd.Categorical(["a", None, "b"], categories=["a", "b", "c"]),
    "days": lambda: _days().array,
    "days, UTC": lambda: _days(tz="UTC").array,
    "days, Berlin": lambda: _days(tz="Europe/Berlin").array,
    "days, seconds": lambda: _days().as_unit("s").array,
    "deltas": lambda: pd.timedelta_range("1D", periods=3).array,
    "periods": lambda: pd.period_range("2026-01-01", periods=3, freq="D").array,
    "periods, hours": lambda: pd.period_range("2026-01-01", periods=3, freq="h").array,
    "intervals": lambda: pd.arrays.IntervalArray.from_breaks([1, 2, 3, 4]),
    "intervals, left": lambda: pd.arrays.IntervalArray.from_breaks([1, 2, 3, 4], closed="left"),
    "sparse": lambda: pd.arrays.SparseArray([0, 0, 1]),
    "sparse, filled otherwise": lambda: pd.arrays.SparseArray([0, 0, 1], fill_value=1),
}
ARROW = {
    "Arrow int": lambda: pd.array([1, None, 3], dtype="int64[pyarrow]"),
    "Arrow string": lambda: pd.array(["a", None, "b"], dtype="string[pyarrow]"),
    "Arrow string, other": lambda: pd.array(["a", "", "b"], dtype="string[pyarrow]"),
    "Arrow list": _arrow_lists,
}
INDEXES = {
    "range": lambda: pd.RangeIndex(3),
    "int": lambda: pd.Index([0, 1, 2]),
    "named": lambda: pd.Index([0, 1, 2], name="i"),
    "text": lambda: pd.Index(["a", "b", "c"]),
    "multi": lambda: pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")]),
    "multi, named": lambda: pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["x", "y"]),
    "days": _days,
    "days, no frequency": lambda: pd.DatetimeIndex(list(_days())),
    "categories": lambda: pd.CategoricalIndex(["a", "b", "a"]),
    "intervals": lambda: pd.interval_range(0, 3),
    "periods": lambda: pd.period_range("2026-01-01", periods=3, freq="D"),
}
SINGLE = {
    "timestamp": lambda: pd.Timestamp("2026-01-01"),
    "timestamp, UTC": lambda: pd.Timestamp("2026-01-01", tz="UTC"),
    "delta": lambda: pd.Timedelta(1),
    "not a time": lambda: pd.NaT,
    "missing": lambda: pd.NA,
    "period": lambda: pd.Period("2026-01"),
    "interval": lambda: pd.Interval(1, 2),
    "offset": lambda: pd.offsets.MonthEnd(2),
    "dtype, categories": lambda: pd.CategoricalDtype(["a"]),
    "dtype, int": pd.Int64Dtype,
    "dtype, zone": lambda: pd.DatetimeTZDtype(tz="UTC"),
}
ALL = {
    **{f"column {name}": make for name, make in (COLUMNS | ARROW).items()},
    **{f"index {name}": make for name, make in INDEXES.items()},
    **SINGLE,
}


def test_all_of_these_have_keys_of_their_own() -> None:
    need("pyarrow")
    keys = {name: digest(make()) for name, make in ALL.items()}
    assert [pair for pair in itertools.combinations(keys, 2) if keys[pair[0]] == keys[pair[1]]] == []


@pytest.mark.parametrize("name", ALL)
def test_made_twice_they_have_one_key(name: str) -> None:
    if name.startswith("column Arrow"):
        need("pyarrow")
    assert digest(ALL[name]()) == digest(ALL[name]())


@pytest.mark.parametrize("name", COLUMNS | ARROW)
def test_a_part_of_a_column_is_a_column(name: str) -> None:
    if name in ARROW:
        need("pyarrow")
    column = (COLUMNS | ARROW)[name]()
    part = pd.Series(column, dtype=column.dtype).iloc[1:].set_axis([1, 2])
    copy = pd.Series(column[1:].copy(), index=[1, 2], dtype=column.dtype)
    assert digest(part) == digest(copy)


def test_what_lies_under_a_mask_does_not_count() -> None:
    mask = np.array([False, True])
    one = pd.arrays.IntegerArray(np.array([1, 2]), mask)
    two = pd.arrays.IntegerArray(np.array([1, 7]), mask)
    assert digest(one) == digest(two) != digest(pd.arrays.IntegerArray(np.array([2, 2]), mask))


def test_a_frame_in_an_object_in_a_dict() -> None:
    assert digest({"frames": [_frame()]}) == digest({"frames": [_grown()]})
