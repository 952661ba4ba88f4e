"""Columns of Arrow and Polars: by type and contents; chunks, slices and what lies under a null don't matter."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from memopickle.canonical.nodes import kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.canonical.nodes import Shape

__all__ = ["HANDLERS"]

_COLUMN, _POLARS = kind("pyarrow.Array"), kind("polars.Series")


def _table(value: Any) -> Shape:
    return kind("pyarrow." + type(value).__name__), (value.schema, tuple(value.columns))


def _schema(value: Any) -> Shape:
    return kind("pyarrow.Schema"), (tuple(value), value.metadata)


def _field(value: Any) -> Shape:
    return kind("pyarrow.Field"), (value.name, str(value.type), value.nullable, value.metadata)


def _type(value: Any) -> Shape:
    return kind("pyarrow.DataType"), (str(value),)


def _buffer(value: Any) -> Shape:
    return kind("pyarrow.Buffer"), (value.size, blake3(memoryview(value)).digest())


def _chunked(value: Any) -> Shape:
    pyarrow = sys.modules["pyarrow"]
    if value.num_chunks == 1:
        whole = value.chunk(0)
    elif value.num_chunks == 0:
        whole = pyarrow.array([], type=value.type)
    else:
        whole = pyarrow.concat_arrays(value.unify_dictionaries().chunks)
    return kind("pyarrow.ChunkedArray"), (whole,)


def _array(value: Any) -> Shape:
    """An array: where it has nulls, and what the rest consists of, nested arrays as they are."""
    take = _reader(value.type)
    if take is None:
        return _COLUMN, (str(value.type), tuple(value.to_pylist()))
    valid = None
    if value.null_count:
        valid = _bits(value.is_valid())
        value = value.drop_null()
    return _COLUMN, (str(value.type), len(value), valid, *take(value))


def _reader(arrow: Any) -> Callable[[Any], tuple[object, ...]] | None:
    """How to read the contents of arrays of this type that have no nulls; ``None``: element by element."""
    pyarrow = sys.modules["pyarrow"]
    if isinstance(arrow, pyarrow.BaseExtensionType):
        return lambda array: (array.storage,)
    for name, reader in _READERS.items():
        if getattr(pyarrow.types, f"is_{name}")(arrow):
            return reader
    return None


def _compute() -> Any:
    return import_module("pyarrow.compute")  # a part of what the user imported, loaded on demand


def _text(value: Any) -> tuple[object, ...]:
    """Strings: their lengths and all their bytes in a row."""
    lengths = _compute().binary_length(value)
    if not len(value) or value.buffers()[2] is None:
        return lengths, b""
    width = lengths.type.bit_width // 8
    offsets = memoryview(value.buffers()[1])[value.offset * width :]
    first = int.from_bytes(offsets[:width], sys.byteorder)
    last = int.from_bytes(offsets[len(value) * width : (len(value) + 1) * width], sys.byteorder)
    return lengths, blake3(memoryview(value.buffers()[2])[first:last]).digest()


def _list(value: Any) -> tuple[object, ...]:
    return _compute().list_value_length(value), value.flatten()


def _bits(value: Any) -> tuple[object, ...]:
    return _fixed(value.cast("uint8"))


def _fixed(value: Any) -> tuple[object, ...]:
    """Values of one width: the digest of their bytes."""
    width = value.type.bit_width // 8
    if not len(value) or not width:
        return (b"",)
    content = memoryview(value.buffers()[1])[value.offset * width : (value.offset + len(value)) * width]
    return (blake3(content).digest(),)


_READERS: dict[str, Callable[[Any], tuple[object, ...]]] = {
    "null": lambda _: (),
    "boolean": _bits,
    "primitive": _fixed,
    "decimal": _fixed,
    "fixed_size_binary": _fixed,
    "string": _text,
    "large_string": _text,
    "binary": _text,
    "large_binary": _text,
    "list": _list,
    "large_list": _list,
    "fixed_size_list": lambda array: (array.flatten(),),
    "struct": lambda array: tuple(array.flatten()),
    "dictionary": lambda array: (array.indices, array.dictionary),
}


def _polars_frame(value: Any) -> Shape:
    return kind("polars.DataFrame"), (value.height, tuple(value.get_columns()))


def _polars_series(value: Any) -> Shape:
    name, dtype, length = value.name, repr(value.dtype), len(value)
    valid = None
    if value.null_count():
        valid = value.is_not_null().to_numpy()
        value = value.drop_nulls()
    return _POLARS, (name, dtype, length, valid, _polars_contents(value))


def _polars_contents(value: Any) -> object:
    """Numbers, times and truth as an array, all else element by element."""
    if type(value.dtype).__name__ in _POLARS_NUMBERS:
        return value.to_physical().to_numpy()
    return value.to_list()


_POLARS_NUMBERS = frozenset(
    (
        *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"),
        *("Float32", "Float64", "Boolean", "Date", "Datetime", "Duration", "Time"),
    )
)

HANDLERS: dict[tuple[str, str], Callable[[Any], Shape]] = {
    ("polars", "DataFrame"): _polars_frame,
    ("polars", "Series"): _polars_series,
    ("pyarrow", "Array"): _array,
    ("pyarrow", "Buffer"): _buffer,
    ("pyarrow", "ChunkedArray"): _chunked,
    ("pyarrow", "DataType"): _type,
    ("pyarrow", "Field"): _field,
    ("pyarrow", "RecordBatch"): _table,
    ("pyarrow", "Schema"): _schema,
    ("pyarrow", "Table"): _table,
}
