"""Compressed entries: smaller or as they were, read by who asks for them, and never more than was signed for."""

import lzma
import pickle
import sys
import tracemalloc
import zlib
from itertools import pairwise

import pytest
from blake3 import blake3
from helpers.functions import Counted, count
from helpers.needed import need
from hypothesis import given
from hypothesis import strategies as st

from memopickle import BadEntryError, BadPayloadError, Cache, ConfigurationError, DirectoryStore, MemoryStore, Secret
from memopickle.codec import Codec
from memopickle.compression import ALGORITHMS, find_compression
from memopickle.header import Facts, read_header
from memopickle.serializers import PICKLE
from memopickle.testing import store_key

MODULES = {"zlib": "zlib", "lzma": "lzma", "lz4": "lz4.frame", "zstd": "backports.zstd"}
MEGABYTE = 1 << 20


@pytest.fixture(params=MODULES)
def name(request):
    need(MODULES[request.param])
    return request.param


@pytest.fixture
def algorithm(name):
    return find_compression(name)


def noise(size, seed=0):
    return blake3(str(seed).encode()).digest(size)


def packed(algorithm, data):
    pieces, size = algorithm.shrink([data], len(data))
    found = b"".join(pieces)
    assert len(found) == size
    return found


# -- the algorithms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"a" * 256, b"abc" * 100_000, bytes(5 * MEGABYTE), noise(300) * 3, noise(1000) + bytes((1 << 18) - 1000)],
    ids=["short", "repeated", "zeros", "hardly", "one piece"],
)
def test_what_is_compressed_is_the_same_afterwards(algorithm, data):
    small = packed(algorithm, data)
    assert len(small) < len(data)
    assert algorithm.expand(small, len(data)) == data
    assert algorithm.expand(memoryview(bytearray(small)), len(data)) == data


@given(data=st.binary(min_size=256, max_size=600).map(lambda one: one * 40), cuts=st.lists(st.integers(0, 600)))
def test_pieces_are_compressed_as_one(data, cuts):
    algorithm = find_compression("zlib")
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:stop] for start, stop in pairwise(places)]
    assert algorithm.expand(b"".join(algorithm.shrink(pieces, len(data))[0]), len(data)) == data


@pytest.mark.parametrize("size", [0, 1, 255, 256, 5000, MEGABYTE])
def test_what_does_not_shrink_is_not_compressed(algorithm, size):
    data = noise(size, algorithm.name)
    assert algorithm.shrink([data], size) == ([data], size)


def test_data_that_are_not_of_the_size_are_refused(algorithm):
    data = bytes(range(256)) * 4000
    small = packed(algorithm, data)
    for size in (0, 1, len(data) - 1, len(data) + 1, len(data) * 2):
        with pytest.raises(BadPayloadError):
            algorithm.expand(small, size)


def test_data_that_are_cut_or_go_on_are_refused(algorithm):
    data = bytes(range(256)) * 4000
    small = packed(algorithm, data)
    for changed in (b"", small[:1], small[:-1], small + b"\0", small + small, small + bytes(1 << 19)):
        with pytest.raises(BadPayloadError):
            algorithm.expand(changed, len(data))


def test_a_bomb_takes_no_more_than_was_signed_for(algorithm):
    small = packed(algorithm, bytes(64 * MEGABYTE))
    tracemalloc.start()
    try:
        with pytest.raises(BadPayloadError, match="more than the 1000 bytes"):
            algorithm.expand(small, 1000)
        assert tracemalloc.get_traced_memory()[1] < 16 * MEGABYTE  # lzma has a dictionary of 8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [2**32, 2**63, 2**64 - 1])
def test_an_absurd_length_is_refused_without_taking_memory(algorithm, size):
    small = packed(algorithm, bytes(MEGABYTE))[:2000]
    with pytest.raises(BadPayloadError, match="cannot be"):
        algorithm.expand(small, size)


@given(data=st.binary(max_size=2000), size=st.integers(0, 5000))
def test_what_is_no_compressed_data_is_an_error(data, size):
    for name, error in (("zlib", zlib.error), ("lzma", lzma.LZMAError)):
        with pytest.raises((BadPayloadError, error)):
            find_compression(name).expand(b"no" + data, size)


def test_the_numbers_of_the_algorithms_stay_what_they_are():
    assert ALGORITHMS == (None, "zlib", "lzma", "lz4", "zstd")


# -- entries ---------------------------------------------------------------------------------------------------------


def codec(secret, compress):
    return Codec([Secret(secret).signer], "", PICKLE, compress=compress)


def test_a_stream_that_does_not_shrink_is_stored_as_it_is(secret, name):
    data = b"".join(codec(secret, name).encode(store_key(), noise(3000), Facts(0)))
    header = read_header(data)
    assert header.stream_size == header.raw_stream_size
    assert codec(secret, name).decode(store_key(), data).value() == noise(3000)


def test_each_buffer_is_compressed_by_itself_and_only_if_it_shrinks(secret, name):
    value = [pickle.PickleBuffer(bytearray(one)) for one in (bytes(9000), noise(5000), b"ab" * 4000)]
    data = b"".join(codec(secret, name).encode(store_key(), value, Facts(0)))
    entry = codec(secret, name).decode(store_key(), data)
    assert [len(one) == size for one, size in zip(entry.buffers, (9000, 5000, 8000), strict=True)] == [
        False,
        True,
        False,
    ]
    assert [bytes(one) for one in entry.value()] == [bytes(9000), noise(5000), b"ab" * 4000]
    assert [one.readonly for one in entry.value()] == [False] * 3


def test_every_changed_byte_of_a_compressed_entry_is_refused(secret, name):
    value = [pickle.PickleBuffer(bytearray(9000)), "text" * 500]
    data = bytearray(b"".join(codec(secret, name).encode(store_key(), value, Facts(0))))
    for place in range(len(data)):
        data[place] ^= 0xFF
        with pytest.raises(BadEntryError):
            codec(secret, name).decode(store_key(), data)
        data[place] ^= 0xFF
    codec(secret, name).decode(store_key(), data)


def test_an_entry_is_read_only_by_who_asks_for_its_compression(secret, name):
    data = b"".join(codec(secret, name).encode(store_key(), "text" * 500, Facts(0)))
    for other in {None, "zlib", "lzma"} - {name}:
        with pytest.raises(BadEntryError, match=f"compressed with {name}, where compress={other!r}"):
            codec(secret, other).decode(store_key(), data)


# -- functions -------------------------------------------------------------------------------------------------------


def test_a_compressed_result_comes_back(cache, events, name):
    text = Counted(cache, lambda number: "text" * number, compress=name)
    assert [text(20_000), text(20_000)] == ["text" * 20_000] * 2
    assert text.calls == [20_000]
    assert cache.store.size(text.key(20_000)) < 10_000
    assert cache.verify() == (1, [])


def test_compressed_arrays_come_back_writable(cache, name):
    numpy = need("numpy")
    zeros = Counted(cache, numpy.zeros, compress=name)
    for _ in range(3):
        found = zeros(100_000)
        assert not found.any()
        found += 1
    assert zeros.calls == [100_000]
    assert cache.store.size(zeros.key(100_000)) < 10_000


def test_functions_that_differ_in_compress_share_nothing_and_overwrite_nothing(cache, events):
    ways = [Counted(cache, compress=compress) for compress in (None, "zlib", "lzma")]
    for way in ways * 2:
        assert way(3) == 6
    assert [way.calls for way in ways] == [[3]] * 3
    assert count(events) == {"Miss": 3, "Stored": 3, "Hit": 3}
    assert len({way.key(3) for way in ways}) == 3


def test_the_caches_default_applies_unless_the_function_says_otherwise(store, secret):
    cache = Cache(store, secret=secret, compress="zlib")
    sizes = []
    for options in ({}, {"compress": None}, {"compress": "zlib"}):
        text = Counted(cache, lambda number: "text" * number, **options)
        text(20_000)
        sizes.append(store.size(text.key(20_000)))
    assert sizes[0] == sizes[2] < 10_000 < sizes[1]


def test_a_memory_store_keeps_results_as_without(secret):
    text = Counted(Cache(MemoryStore(), secret=secret), lambda number: ["text" * number], compress="zlib")
    assert [text(20_000), text(20_000)] == [["text" * 20_000]] * 2
    assert text.calls == [20_000]


@pytest.mark.parametrize("compress", ["gzip", "", 1, True, ["zlib"]])
def test_an_unknown_compression_is_an_error_when_decorating(tmp_path, compress):
    with pytest.raises(ConfigurationError, match=r"compress=.*None, 'zlib', 'lzma', 'lz4', 'zstd'"):
        Cache(DirectoryStore(tmp_path)).cached(compress=compress)


@pytest.mark.parametrize("name", ["lz4", "zstd"])
def test_a_missing_package_is_an_error_that_names_the_extra(cache, monkeypatch, name):
    monkeypatch.setitem(sys.modules, MODULES[name], None)
    text = Counted(cache, compress=name)
    with pytest.raises(ConfigurationError, match=rf"pip install 'memopickle\[{name}\]'"):
        text(3)
