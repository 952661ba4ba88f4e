"""What a value's large memory is on its way into an entry: itself, and not a copy of it."""

import pickle

import pytest
from helpers.needed import need
from hypothesis import given
from hypothesis import strategies as st

from memopickle.outofband import is_plain, with_arrays
from memopickle.serializers import PICKLE

numpy = need("numpy")

SHAPES = [(0,), (1,), (), (3, 0), (5000,), (40, 50), (4, 30, 50)]
DTYPES = ["?", "u1", "f8", ">i4", "M8[ns]", "m8[D]", ">M8[s]", "S3", "U3", "O", "V4", "i4,f8", "M8[s],f8"]


def encoded(value):
    stream, buffers = PICKLE.encode(value)
    return b"".join(stream), buffers


def again(value):
    """The value as plain pickle makes it of what was encoded: nothing in the stream is memopickle's."""
    stream, buffers = encoded(value)
    assert b"memopickle" not in stream
    return pickle.loads(stream, buffers=[bytearray(buffer) for buffer in buffers])


def views(array):
    yield array
    yield array.T
    yield array[::-1] if array.ndim else array
    yield array[..., ::2] if array.ndim else array
    yield numpy.moveaxis(array, 0, -1) if array.ndim else array


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_array_comes_back_equal_in_all(shape, dtype):
    count = int(numpy.prod(shape))
    array = numpy.zeros(count, dtype) if "V" in dtype or "," in dtype else numpy.arange(count).astype(dtype)
    for view in views(array.reshape(shape)):
        found = again(view)
        assert (type(found), found.dtype, found.shape) == (numpy.ndarray, view.dtype, view.shape)
        assert numpy.array_equal(found, view)
        assert pickle.loads(pickle.dumps(view, 5)).flags.writeable == found.flags.writeable


def test_an_array_that_stands_in_two_places_is_one_buffer_and_one_array():
    dates = numpy.arange(5000).astype("M8[s]")
    assert len(encoded([dates, {"again": dates}])[1]) == 1
    found = again([dates, {"again": dates}])
    assert found[0] is found[1]["again"]


@pytest.mark.parametrize("dtype", ["f8", "M8[s]", ">m8[ns]"])
def test_an_array_in_one_block_is_not_copied(dtype):
    array = numpy.arange(6000).astype(dtype).reshape(60, 100)
    for view in (array, array.T, array[10:]):
        stream, (buffer,) = encoded(view)
        assert len(stream) < 1000
        before = bytes(buffer)
        array.view("i8")[:] += 1
        assert bytes(buffer) != before


def test_a_read_only_array_stays_one():
    for dtype in ("f8", "M8[s]"):
        array = numpy.arange(5000).astype(dtype)
        array.flags.writeable = False
        assert not again(array).flags.writeable


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_large_bytes_are_handed_over_as_they_are(kind):
    value = kind(1_000_000)
    for holder in (value, {"nested": [value]}):
        stream, buffers = PICKLE.encode(holder)
        assert buffers == []
        assert any(piece is value for piece in stream)


@given(value=st.recursive(st.integers() | st.text() | st.binary(), lambda inner: st.lists(inner) | st.tuples(inner)))
def test_the_stream_is_what_pickle_writes(value):
    assert encoded(value) == (pickle.dumps(value, 5), [])


def test_only_arrays_of_numbers_bools_and_dates_are_plain():
    def plain(array):
        return [is_plain(buffer) for buffer in encoded(array)[1]]

    for dtype in ("?", "u1", ">i4", "f2", "c16", "M8[s]", "m8[ns]"):
        assert plain(numpy.zeros(50_000, dtype)) == [True]
    for dtype in ("S3", "U3", "V4", "i4,f8"):
        assert plain(numpy.zeros(50_000, dtype)) == [False]
    assert plain(pickle.PickleBuffer(bytearray(50_000))) == [False]
    assert plain(numpy.zeros(50_000, "O")) == plain(numpy.zeros((100, 100)).view(numpy.recarray)) == []


def test_a_reduction_that_the_user_registered_applies(monkeypatch):
    import copyreg

    monkeypatch.setitem(copyreg.dispatch_table, complex, lambda one: (str, ("registered",)))
    assert again([1j, numpy.zeros(3)])[0] == "registered"


class Growing(dict):
    """A table of reductions to which another thread adds one right after it was read for the first time."""

    def keys(self):
        yield from list(super().keys())
        self[complex] = str

    __iter__ = keys


def test_a_reduction_that_is_registered_meanwhile_applies_from_the_next_result_on():
    table = Growing()
    with_arrays(table)
    assert complex in with_arrays(table)
