"""Arrow and Polars: types and contents count; chunks, slices and what lies under a null do not."""

from __future__ import annotations

import datetime
import decimal
import itertools

from helpers.needed import need

from memopickle.keys import digest


def _columns() -> dict[str, object]:
    pa = need("pyarrow")
    return {
        "int64": pa.array([1, None, 3]),
        "int32": pa.array([1, None, 3], pa.int32()),
        "zero, not null": pa.array([1, 0, 3]),
        "null elsewhere": pa.array([None, 1, 3]),
        "float": pa.array([1.5, None, -0.0]),
        "zero": pa.array([1.5, None, 0.0]),
        "truth": pa.array([True, None, False]),
        "text": pa.array(["ab", None, "c"]),
        "split otherwise": pa.array(["a", None, "bc"]),
        "empty, not null": pa.array(["ab", "", "c"]),
        "large text": pa.array(["ab", None, "c"], pa.large_string()),
        "text view": pa.array(["ab", None, "c"], pa.string_view()),
        "bytes": pa.array([b"ab", None, b"c"]),
        "fixed bytes": pa.array([b"ab", None, b"cd"], pa.binary(2)),
        "list": pa.array([[1, 2], None, [3]]),
        "list split otherwise": pa.array([[1], None, [2, 3]]),
        "large list": pa.array([[1, 2], None, [3]], pa.large_list(pa.int64())),
        "fixed list": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)),
        "list of text": pa.array([["a"], None, ["b", None]]),
        "struct": pa.array([{"a": 1}, None, {"a": 3}]),
        "struct, other name": pa.array([{"b": 1}, None, {"b": 3}]),
        "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int8())),
        "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
        "nothing": pa.array([None, None, None]),
        "date": pa.array([datetime.date(2026, 1, 1), None, datetime.date(2026, 1, 2)]),
        "time": pa.array([1, None, 3], pa.timestamp("s")),
        "time, UTC": pa.array([1, None, 3], pa.timestamp("s", tz="UTC")),
        "decimal": pa.array([decimal.Decimal("1.0"), None, decimal.Decimal("2.0")]),
    }


def test_columns_have_keys_of_their_own() -> None:
    keys = {name: digest(column) for name, column in _columns().items()}
    assert [pair for pair in itertools.combinations(keys, 2) if keys[pair[0]] == keys[pair[1]]] == []


def test_a_slice_is_keyed_as_its_copy() -> None:
    pa = need("pyarrow")
    for name, column in _columns().items():
        doubled = pa.concat_arrays([column, column])
        assert digest(doubled.slice(3)) == digest(column) == digest(doubled.slice(0, 3)), name


def test_a_slice_without_nulls_is_keyed_as_its_copy() -> None:
    pa = need("pyarrow")
    views = ("text view", "nothing")  # can't be filtered, or nothing would be left
    for name, column in _columns().items():
        if name not in views:
            full = column.drop_null()
            doubled = pa.concat_arrays([full.slice(1), full])
            assert digest(doubled.slice(len(full) - 1)) == digest(full) != digest(doubled), name


def test_chunks_do_not_count() -> None:
    pa = need("pyarrow")
    for name, column in _columns().items():
        whole = pa.chunked_array([column])
        chunks = pa.chunked_array([column.slice(0, 1), column.slice(1, 0), column.slice(1)])
        assert digest(whole) == digest(chunks), name


def test_empty_chunked_arrays() -> None:
    pa = need("pyarrow")
    none, empty = pa.chunked_array([], pa.string()), pa.chunked_array([[]], pa.string())
    assert digest(none) == digest(empty) != digest(pa.chunked_array([], pa.int8()))


def test_what_lies_under_a_null_does_not_count() -> None:
    pa = need("pyarrow")
    bitmap = pa.py_buffer(b"\x05")
    one, two = (pa.Array.from_buffers(pa.int8(), 3, [bitmap, pa.py_buffer(data)]) for data in (b"\1\2\3", b"\1\7\3"))
    assert digest(one) == digest(two) == digest(pa.array([1, None, 3], pa.int8()))


def test_tables_count_schema_and_columns() -> None:
    pa = need("pyarrow")
    table = pa.table(_columns())
    others = [
        table,
        table.slice(1),
        table.select(["int64"]),
        table.select(["int64", "text"]),
        table.select(["text", "int64"]),
        table.select(["int64"]).rename_columns(["a"]),
        table.select(["int64"]).replace_schema_metadata({"a": "b"}),
        table.select(["int64"]).to_batches()[0],
        table.schema,
        table.schema.field(0),
        pa.int64(),
        pa.scalar(1),
        pa.scalar(1, pa.int8()),
        pa.py_buffer(b"a"),
        pa.array([1]),
        pa.chunked_array([[1]]),
    ]
    assert len({digest(other) for other in others}) == len(others)
    assert digest(pa.concat_tables([table.slice(0, 1), table.slice(1)])) == digest(table)


def _series() -> dict[str, object]:
    pl = need("polars")
    moment = datetime.datetime(2026, 1, 1)
    return {
        "int64": pl.Series("a", [1, None, 3]),
        "other name": pl.Series("b", [1, None, 3]),
        "int8": pl.Series("a", [1, None, 3], dtype=pl.Int8),
        "null elsewhere": pl.Series("a", [None, 1, 3]),
        "float": pl.Series("a", [1.0, None, 3.0]),
        "truth": pl.Series("a", [True, None, False]),
        "text": pl.Series("a", ["ab", None, "c"]),
        "split otherwise": pl.Series("a", ["a", None, "bc"]),
        "bytes": pl.Series("a", [b"ab", None, b"c"]),
        "date": pl.Series("a", [moment.date(), None, moment.date()]),
        "moment": pl.Series("a", [moment, None, moment]),
        "moment, UTC": pl.Series("a", [moment, None, moment], dtype=pl.Datetime("us", "UTC")),
        "clock": pl.Series("a", [moment.time(), None, moment.time()]),
        "duration": pl.Series("a", [datetime.timedelta(1), None, datetime.timedelta(2)]),
        "decimal": pl.Series("a", [decimal.Decimal("1.0"), None, decimal.Decimal("2.0")]),
        "list": pl.Series("a", [[1, 2], None, [3]]),
        "struct": pl.Series("a", [{"x": 1}, None, {"x": 3}]),
        "categorical": pl.Series("a", ["u", None, "v"], dtype=pl.Categorical),
        "enum": pl.Series("a", ["u", None, "v"], dtype=pl.Enum(["u", "v"])),
        "enum, more": pl.Series("a", ["u", None, "v"], dtype=pl.Enum(["u", "v", "w"])),
        "empty": pl.Series("a", [], dtype=pl.Int64),
        "nothing": pl.Series("a", [None, None, None]),
    }


def test_series_have_keys_of_their_own() -> None:
    keys = {name: digest(series) for name, series in _series().items()}
    assert [pair for pair in itertools.combinations(keys, 2) if keys[pair[0]] == keys[pair[1]]] == []


def test_series_made_of_chunks_and_slices_are_keyed_as_whole_ones() -> None:
    pl = need("polars")
    for name, series in _series().items():
        chunks = pl.concat([series.slice(0, 1), series.slice(1)], rechunk=False)
        assert digest(chunks) == digest(series) == digest(_series()[name]), name


def test_frames_of_polars_count_names_order_and_contents() -> None:
    pl = need("polars")
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    others = [frame, frame.select("b", "a"), frame.select("a"), frame.head(1), pl.DataFrame(), frame["a"], frame.lazy()]
    assert len({digest(other) for other in others}) == len(others)
    assert digest(pl.concat([frame.head(1), frame.tail(1)], rechunk=False)) == digest(frame)
