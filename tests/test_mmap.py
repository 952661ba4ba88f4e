"""DirectoryStore(mmap=True): plain arrays are mapped and not checked, all else is read and checked."""

import gc
import json
import os

import pytest
from helpers.functions import Counted, reasons
from helpers.needed import need
from helpers.programs import run

from memopickle import Cache, DirectoryStore
from memopickle.buffers import PLAIN, ROW
from memopickle.events import BadEntry
from memopickle.header import HEADER, read_header

numpy = need("numpy")


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "cache", mmap=True)


def is_mapped(array):
    """Whether an array's memory is that of a file under the cache."""
    address = array.__array_interface__["data"][0]
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            start, end = (int(one, 16) for one in line.split()[0].split("-"))
            if start <= address < end:
                return "/cache/" in line
    return False


def buffers(data):
    """Where each buffer of an entry begins and ends, and its flags."""
    header = read_header(data)
    table = HEADER.size + header.metadata_size + header.stream_size
    position = table + header.buffer_count * ROW.size + 32
    found = []
    for size, _, flags, _ in ROW.iter_unpack(data[table : position - 32]):
        start = position + -position % 64
        position = start + size
        found.append((start, position, flags))
    return found


def flip(counted, argument, place):
    data = bytearray(counted.data(argument))
    data[place] ^= 1
    counted.plant(argument, bytes(data))


PLAIN_DTYPES = ["?", "i1", "u8", ">i4", "f2", "f8", ">f8", "g", "c16", "M8[ns]", "m8[s]", ">M8[D]"]


@pytest.mark.parametrize("dtype", PLAIN_DTYPES)
def test_arrays_of_bool_number_and_datetime_are_mapped_read_only(cache, dtype):
    arrays = Counted(cache, lambda size: (numpy.arange(size) % 2).astype(dtype))
    arrays(50_000)
    found = arrays(50_000)
    assert arrays.calls == [50_000]
    assert is_mapped(found)
    assert not found.flags.writeable
    assert found.dtype == numpy.dtype(dtype)
    assert numpy.array_equal(found, (numpy.arange(50_000) % 2).astype(dtype))
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


LAYOUTS = {
    "fortran": lambda: numpy.asfortranarray(numpy.arange(60_000.0).reshape(200, 300)),
    "transposed dates": lambda: numpy.arange(60_000).astype("M8[s]").reshape(200, 300).T,
    "every other": lambda: numpy.arange(60_000.0)[::2],
    "reversed dates": lambda: numpy.arange(60_000).astype("M8[s]")[::-1],
    "a column": lambda: numpy.arange(60_000.0).reshape(20_000, 3)[:, 1],
    "broadcast": lambda: numpy.broadcast_to(numpy.float64(2), (300, 200)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_every_layout_are_mapped(cache, layout):
    arrays = Counted(cache, lambda _: LAYOUTS[layout]())
    arrays(1)
    found = arrays(1)
    assert arrays.calls == [1]
    assert is_mapped(found)
    assert numpy.array_equal(found, LAYOUTS[layout]())


OTHERS = {
    "text": lambda: numpy.array(["text"] * 5000),
    "bytes": lambda: numpy.array([b"text"] * 5000),
    "records": lambda: numpy.zeros(5000, [("a", "i4"), ("b", "f8")]),
    "void": lambda: numpy.zeros(5000, "V8"),
    "subclass": lambda: numpy.zeros((100, 100)).view(numpy.matrix),
    "objects": lambda: numpy.array([None, "text"] * 5000, object),
    "bytearray": lambda: bytearray(50_000),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_plain_array_is_read_and_checked(cache, events, kind):
    arrays = Counted(cache, lambda _: OTHERS[kind]())
    arrays(1)
    data = arrays.data(1)
    assert [flags for _, _, flags in buffers(data)] in ([], [0])
    flip(arrays, 1, len(data) - 50)
    assert repr(arrays(1)) == repr(OTHERS[kind]())
    assert arrays.calls == [1, 1]
    assert len(reasons(events, BadEntry)) == 1


def test_small_arrays_are_neither_mapped_nor_read_only(cache):
    arrays = Counted(cache, numpy.zeros)
    arrays(100)
    assert arrays(100).flags.writeable
    assert arrays.calls == [100]


def test_without_mmap_the_same_entry_comes_back_writable_and_checked(tmp_path, secret, cache, events):
    mapping = Counted(cache, numpy.ones)
    mapping(50_000)
    reading = Counted(Cache(DirectoryStore(tmp_path / "cache"), secret=secret), numpy.ones)
    found = reading(50_000)
    assert reading.calls == []
    assert found.flags.writeable
    assert not is_mapped(found)


def test_a_changed_array_is_served_and_found_by_verify(cache):
    arrays = Counted(cache, numpy.zeros)
    arrays(50_000)
    ((start, _, flags),) = buffers(arrays.data(50_000))
    assert flags == PLAIN
    flip(arrays, 50_000, start)
    assert arrays(50_000)[0] != 0
    assert arrays.calls == [50_000]
    assert [bad.key for bad in cache.verify().bad] == [arrays.key(50_000)]


def test_every_other_changed_byte_is_refused(cache, events):
    arrays = Counted(cache, lambda size: [numpy.zeros(size), bytearray(b"text"), numpy.array([b"text"] * size)])
    expected = repr(arrays(3000))
    data = arrays.data(3000)
    (first, first_end, plain), (second, second_end, other) = buffers(data)
    assert (plain, other) == (PLAIN, 0)
    head = [place for place in range(first) if place % 7 == 0 or place > first - 140]
    for place in (*head, *range(first_end, second, 5), *range(second, second_end, 997), second_end - 1):
        flip(arrays, 3000, place)
        events.clear()
        assert repr(arrays(3000)) == expected
        assert len(reasons(events, BadEntry)) == 1, place


def test_a_flag_that_was_set_by_a_stranger_is_refused(cache, events):
    texts = Counted(cache, lambda size: numpy.array(["text"] * size))
    texts(3000)
    data = texts.data(3000)
    header = read_header(data)
    flags = HEADER.size + header.metadata_size + header.stream_size + 16
    assert data[flags] == 0
    flip(texts, 3000, flags)
    assert texts(3000)[0] == "text"
    assert reasons(events, BadEntry) == ["the signature does not match"]


@pytest.mark.parametrize("change", [-1, -4096, -50_000, 1, 4096], ids=str)
def test_a_file_of_another_length_is_refused(cache, events, change):
    arrays = Counted(cache, numpy.zeros)
    arrays(50_000)
    data = arrays.data(50_000)
    arrays.plant(50_000, data[:change] if change < 0 else data + bytes(change))
    assert not arrays(50_000).any()
    assert arrays.calls == [50_000, 50_000]
    expected = "the entry is cut short" if change < 0 else "bytes follow the end of the entry"
    assert reasons(events, BadEntry) == [expected]


def test_an_entry_without_buffers_is_as_without_mmap(cache, events):
    double = Counted(cache)
    assert [double(3), double(3)] == [6, 6]
    double.plant(3, double.data(3) + b"x")
    assert double(3) == 6
    assert reasons(events, BadEntry) == ["bytes follow the end of the entry"]


@pytest.mark.parametrize("size", [3, 100_000, 3_000_000])
def test_a_large_stream_is_read_and_checked(cache, events, size):
    text = Counted(cache, lambda number: ["t" * number, numpy.zeros(9000)])
    text(size)
    found = text(size)
    assert (found[0], is_mapped(found[1])) == ("t" * size, True)
    flip(text, size, buffers(text.data(size))[0][0] - 200)
    assert text(size)[0] == "t" * size
    assert len(reasons(events, BadEntry)) == 1


def test_compressed_arrays_are_not_mapped(cache):
    arrays = Counted(cache, numpy.zeros, compress="zlib")
    arrays(50_000)
    found = arrays(50_000)
    assert arrays.calls == [50_000]
    assert found.flags.writeable
    assert not is_mapped(found)


def test_a_mapped_array_outlives_its_entry_and_its_replacement(cache):
    arrays = Counted(cache, lambda size: numpy.full(size, 7.0))
    arrays(50_000)
    found = arrays(50_000)
    arrays.function.cache_set(numpy.zeros(50_000), 50_000)
    assert set(found.tolist()) == {7.0}
    cache.clear()
    gc.collect()
    assert set(found.tolist()) == {7.0}


def test_no_descriptor_is_left_when_the_arrays_are_gone(cache):
    arrays = Counted(cache, numpy.zeros)
    arrays(50_000)
    gc.collect()  # what other tests left goes here and not below
    before = len(os.listdir("/proc/self/fd"))
    kept = [arrays(50_000) for _ in range(5)]
    del kept
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_data_frame_is_mapped_where_it_is_numbers_and_equal_in_all(cache):
    pandas = need("pandas")

    def frame(size):
        return pandas.DataFrame(
            {"a": numpy.arange(size), "t": pandas.date_range("2000", periods=size), "s": ["text"] * size}
        )

    frames = Counted(cache, frame)
    frames(5000)
    found = frames(5000)
    assert frames.calls == [5000]
    pandas.testing.assert_frame_equal(found, frame(5000))
    assert is_mapped(found["a"].to_numpy())
    assert is_mapped(found["t"].to_numpy())


def test_an_arrow_table_is_read_and_checked(cache, events):
    pyarrow = need("pyarrow")
    tables = Counted(cache, lambda size: pyarrow.table({"a": list(range(size)), "s": ["text"] * size}))
    tables(5000)
    data = tables.data(5000)
    assert {flags for _, _, flags in buffers(data)} == {0}
    for start, _, _ in buffers(data):
        flip(tables, 5000, start)
        assert tables(5000)["a"].to_pylist() == list(range(5000))
    assert len(reasons(events, BadEntry)) == len(buffers(data)) >= 2


PROGRAM = """
import json, sys
import numpy
from memopickle import Cache, DirectoryStore

def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))

cache = Cache(DirectoryStore(sys.argv[1], mmap=sys.argv[2] == "mmap"), secret="s" * 32)

@cache.cached(track_code="off")
def ones(size):
    return {"nested": [numpy.ones(size), numpy.ones(size).astype("M8[s]")]}

@cache.cached(track_code="off", key=lambda array: 1)
def same(array):
    return array

ones(1)
size = 4_000_000
if sys.argv[2] == "store":
    array = numpy.ones(2 * size)
    same(array[:10]), same.cache_clear()
before = memory("VmRSS")
if sys.argv[2] == "store":
    same(array)
elif sys.argv[2] == "fill":
    ones(size)
else:
    found = ones(size)["nested"]
    assert found[0][-1] == 1 and ones.cache_info().misses == 0
print(json.dumps(memory("VmHWM") - before))
"""


def growth(folder, mode):
    return json.loads(run(PROGRAM, folder, mode))


def test_what_is_no_file_is_refused_and_left_open_by_nobody(store, secret, events):
    cached = Counted(Cache(store, secret=secret, on_event=events.append))
    cached(3)
    place = store.place(cached.key(3))
    os.unlink(place)
    os.mkfifo(place)
    opened = os.listdir("/dev/fd")
    assert (cached(3), cached.calls) == (6, [3, 3])
    assert reasons(events, BadEntry) == ["not a regular file"]
    assert os.listdir("/dev/fd") == opened


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_mapping_64_mb_takes_no_memory(tmp_path):
    growth(tmp_path / "cache", "fill")
    assert growth(tmp_path / "cache", "mmap") < 5_000_000


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_reading_64_mb_takes_them_once(tmp_path):
    growth(tmp_path / "cache", "fill")
    assert growth(tmp_path / "cache", "read") < 64_000_000 + 10_000_000


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_storing_64_mb_takes_no_second_copy(tmp_path):
    assert growth(tmp_path / "cache", "store") < 10_000_000
