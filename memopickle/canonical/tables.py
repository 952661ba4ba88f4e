"""Tables of pandas: column by column, whatever blocks the columns lie in.

Types are recognised by the names of their bases, which have not changed since pandas 1; their modules have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memopickle.canonical.nodes import Named, kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.canonical.nodes import Shape

__all__ = ["HANDLERS"]


def _frame(value: Any) -> Shape:
    columns = tuple(column.array for _, column in value.items())
    return kind("pandas.DataFrame"), (_class(value), value.columns, value.index, columns, *_extras(value))


def _series(value: Any) -> Shape:
    return kind("pandas.Series"), (_class(value), value.name, value.index, value.array, *_extras(value))


def _extras(value: Any) -> tuple[object, ...]:
    """What a table carries beside its data, subclasses' declared attributes included."""
    more = {name: getattr(value, name, None) for name in value._metadata if not name.startswith("_")}
    return value.attrs, value.flags.allows_duplicate_labels, more


def _class(value: Any) -> object:
    """The class of a table where it is a subclass of pandas' own."""
    cls = type(value)
    return None if cls.__module__.partition(".")[0] == "pandas" else Named(cls)


def _index(value: Any) -> Shape:
    return kind("pandas.Index"), (type(value).__name__, value.array, value.name, getattr(value, "freqstr", None))


def _range_index(value: Any) -> Shape:
    return kind("pandas.RangeIndex"), (value.start, value.stop, value.step, value.name)


def _multi_index(value: Any) -> Shape:
    return kind("pandas.MultiIndex"), (tuple(value.levels), tuple(value.codes), tuple(value.names))


def _backed(value: Any) -> Shape:
    """A column that is a NumPy array in pandas' clothes, such as of numbers or of objects."""
    return kind("pandas array"), (type(value).__name__, str(value.dtype), value.to_numpy())


def _masked(value: Any) -> Shape:
    """Numbers with missing ones; what lies under the mask is nobody's."""
    data, mask = value._data, value._mask
    if mask.any():
        data = data.copy()
        data[mask] = 0
    return kind("pandas masked"), (type(value).__name__, data, mask)


def _categorical(value: Any) -> Shape:
    return kind("pandas.Categorical"), (value.codes, value.categories, bool(value.ordered))


def _times(value: Any) -> Shape:
    zone = getattr(value.dtype, "tz", None)
    return kind("pandas times"), (str(value.dtype) if zone is None else value.dtype.unit, zone, value.asi8)


def _intervals(value: Any) -> Shape:
    return kind("pandas.IntervalArray"), (str(value.dtype), value.left, value.right)


def _sparse(value: Any) -> Shape:
    places = value.sp_index.to_int_index().indices
    return kind("pandas.SparseArray"), (str(value.dtype), len(value), value.fill_value, places, value.sp_values)


def _arrow(value: Any) -> Shape:
    missing = getattr(value.dtype, "na_value", None)  # NaN or NA: two dtypes that are both called "string"
    return kind("pandas arrow"), (str(value.dtype), repr(missing), value.__arrow_array__())


def _frozen_list(value: Any) -> Shape:
    return kind("pandas.FrozenList"), tuple(value)


HANDLERS: dict[tuple[str, str], Callable[[Any], Shape]] = {
    ("pandas", "ArrowExtensionArray"): _arrow,
    ("pandas", "BaseMaskedArray"): _masked,
    ("pandas", "Categorical"): _categorical,
    ("pandas", "DataFrame"): _frame,
    ("pandas", "DatetimeLikeArrayMixin"): _times,
    ("pandas", "FrozenList"): _frozen_list,
    ("pandas", "Index"): _index,
    ("pandas", "IntervalArray"): _intervals,
    ("pandas", "MultiIndex"): _multi_index,
    ("pandas", "NumpyExtensionArray"): _backed,
    ("pandas", "PandasArray"): _backed,
    ("pandas", "RangeIndex"): _range_index,
    ("pandas", "Series"): _series,
    ("pandas", "SparseArray"): _sparse,
}
