"""The entry format cannot move unnoticed: golden files, read and written, and read again by the book."""

import hashlib
import hmac
import json
import lzma
import os
import pickle
import struct
import zlib

import pytest
from blake3 import blake3
from helpers import golden
from helpers.needed import need
from hypothesis import given
from hypothesis import strategies as st

from memopickle import Secret, UnknownFormatError
from memopickle.codec import Codec
from memopickle.header import EXCEPTION, HEADER, VALUE, Facts, read_header, read_metadata
from memopickle.serializers import PICKLE

GOLDEN = golden.entries()
OLDER = os.path.join(golden.FOLDER, "1")
NUMBERS = {None: 0, "zlib": 1, "lzma": 2, "lz4": 3, "zstd": 4}


@pytest.fixture(params=sorted(GOLDEN))
def name(request):
    return request.param


def unframed(value):
    """The value with its buffers as bytes, to compare."""
    return [bytes(part) if isinstance(part, memoryview | pickle.PickleBuffer) else part for part in value]


def test_all_that_differs_between_entries_is_pinned():
    kinds = {(described["algorithm"], bool(described["buffers"])) for described in GOLDEN.values()}
    assert kinds == {("blake3", False), ("blake3", True), ("hmac-sha256", False), ("hmac-sha256", True)}
    assert {described["compress"] for described in GOLDEN.values()} == set(NUMBERS)
    assert {described["kind"] for described in GOLDEN.values()} == {VALUE, EXCEPTION}
    assert {part["of"] for described in GOLDEN.values() for part in described["buffers"]} == {"array", "bytes", "noise"}


def test_the_golden_files_are_the_ones_described(name):
    data = golden.data(name)
    assert len(data) == GOLDEN[name]["size"]
    assert blake3(data).hexdigest() == GOLDEN[name]["blake3"]


def test_a_golden_entry_is_decoded(name):
    described = GOLDEN[name]
    entry = golden.codec(described).decode(described["key"], golden.data(name))
    assert entry.facts == golden.facts(described)
    if described["buffers"]:
        found = entry.value()
        assert unframed(found) == unframed(golden.value(described))
        assert [part.readonly for part in found[1:]] == [False] * (len(found) - 2) + [True]
    else:
        assert entry.value() == described["value"]


def test_encoding_gives_the_golden_bytes_again(name):
    described = GOLDEN[name]
    if described["compress"]:
        # Two builds of one algorithm may pack differently; what they pack, the other unpacks.
        found = golden.codec(described).decode(described["key"], golden.encoded(described))
        assert unframed(found.value()) == unframed(golden.value(described))
    else:
        assert golden.encoded(described) == golden.data(name)


@pytest.mark.parametrize("name", sorted(golden.entries(OLDER)))
def test_a_golden_entry_of_format_1_is_refused_as_such(name):
    described = golden.entries(OLDER)[name]
    codec = Codec([Secret(described["secret"], described["algorithm"]).signer], described["namespace"], PICKLE)
    data = golden.data(name, OLDER)
    assert blake3(data).hexdigest() == described["blake3"]
    for read in (codec.decode, codec.verify):
        with pytest.raises(UnknownFormatError, match="entry format 1; this version reads format 2"):
            read(described["key"], data)


# -- by the book: docs/reference/entry-format.md, without memopickle -------------------------------------------------


def frame(*parts):
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def keys_of(secret, algorithm):
    """Key id, key of the MAC, key of the digests of buffers."""
    purposes = (f"key id {algorithm}", "entry signature", "entry buffer")
    contexts = [f"memopickle 2026 v1 {purpose}" for purpose in purposes]
    if algorithm == "blake3":
        derived = [blake3(secret, derive_key_context=context).digest() for context in contexts]
    else:
        derived = [hmac.digest(secret, context.encode(), "sha256") for context in contexts]
    return derived[0][:8], derived[1], derived[2]


def keyed(key, data, algorithm):
    if algorithm == "blake3":
        return blake3(data, key=key).digest()
    return hmac.new(key, data, hashlib.sha256).digest()


def unpacked(data, size, algorithm):
    """What was stored, uncompressed."""
    if len(data) == size:
        return data
    if algorithm == "zlib":
        return zlib.decompress(data)
    if algorithm == "lzma":
        return lzma.decompress(data, lzma.FORMAT_XZ)
    module = {"lz4": "lz4.frame", "zstd": "backports.zstd"}[algorithm]
    return need(module).decompress(data)


def test_a_golden_entry_is_what_the_reference_page_says(name):
    described, data = GOLDEN[name], golden.data(name)
    algorithm, compress = described["algorithm"], described["compress"]
    key_id, mac_key, buffer_key = keys_of(described["secret"].encode(), algorithm)

    assert data[0:4] == b"mpkl"
    assert struct.unpack("<HBB", data[4:8]) == (2, described["kind"], NUMBERS[compress])
    assert data[8:16] == key_id
    created, expires, cost = struct.unpack("<qqq", data[16:40])
    assert (created, expires, cost) == (described["created"], described["expires"], described["cost"])
    assert data[40:56].hex() == described["code"]
    metadata_size, buffer_count, stream_size, raw_stream_size, ttl = struct.unpack("<IIQQq", data[56:88])
    assert ttl == described["ttl"]
    assert data[88 : 88 + metadata_size].decode() == described["metadata"]
    assert buffer_count == len(described["buffers"])
    assert (stream_size < raw_stream_size) == bool(compress)

    table = 88 + metadata_size + stream_size
    mac = table + 52 * buffer_count
    context = frame(b"cache", described["namespace"].encode(), b"pickle")
    signed = frame(context, described["key"].encode()) + data[:mac]
    assert data[mac : mac + 32] == keyed(mac_key, signed, algorithm)

    position, buffers = mac + 32, []
    for row, part in enumerate(described["buffers"]):
        size, raw_size, flags, digest = struct.unpack("<QQI32s", data[table + 52 * row : table + 52 * (row + 1)])
        assert (raw_size, flags) == (part["size"], int(part["of"] == "array"))
        assert (size < raw_size) == bool(compress and part["of"] != "noise")
        start = -(-position // 64) * 64
        assert data[position:start] == bytes(start - position)
        stored = data[start : start + size]
        assert keyed(buffer_key, stored, algorithm) == digest
        buffers.append(unpacked(stored, raw_size, compress))
        assert len(buffers[-1]) == raw_size
        position = start + size
    assert position == len(data)

    stream = unpacked(data[88 + metadata_size : table], raw_stream_size, compress)
    assert len(stream) == raw_stream_size
    found = pickle.loads(stream, buffers=buffers)
    assert (unframed(found) if buffers else found) == (
        unframed(golden.value(described)) if buffers else described["value"]
    )


# -- the parts of the format -----------------------------------------------------------------------------------------


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=20,
    ),
    created=st.integers(-(2**63), 2**63 - 1),
    expires=st.integers(-(2**63), 2**63 - 1),
    cost=st.integers(0, 2**63 - 1),
    code=st.binary(min_size=16, max_size=16),
    metadata=st.dictionaries(st.text(), st.text()),
    ttl=st.integers(0, 2**63 - 1),
    namespace=st.text(),
    algorithm=st.sampled_from(["blake3", "hmac-sha256"]),
)
def test_what_is_encoded_is_decoded(
    secret, key, value, created, expires, cost, code, metadata, ttl, namespace, algorithm
):
    codec = Codec([Secret(secret, algorithm).signer], namespace, PICKLE)
    facts = Facts(created, expires, cost, code, json.dumps(metadata).encode(), ttl)
    data = b"".join(codec.encode(key, value, facts))
    entry = codec.decode(key, data)
    assert entry.value() == value
    assert entry.facts == facts
    assert (entry.created, entry.expires, entry.cost, entry.code, entry.ttl) == (*facts[:4], ttl)
    assert read_metadata(data) == metadata
    assert read_header(data)[2:6] == facts[:4]


@given(sizes=st.lists(st.integers(4096, 20_000), min_size=1, max_size=5))
def test_each_buffer_begins_at_the_next_multiple_of_64_and_nothing_follows(codec, key, facts, sizes):
    head, *rest = codec.encode(key, [pickle.PickleBuffer(golden.pattern(size)) for size in sizes], facts)
    expected = bytes(head)
    for size in sizes:
        expected += bytes(-len(expected) % 64) + golden.pattern(size)
    assert b"".join((head, *rest)) == expected


def test_small_buffers_stay_in_the_stream(codec, key, facts):
    data = b"".join(codec.encode(key, pickle.PickleBuffer(bytes(4095)), facts))
    assert read_header(data).buffer_count == 0


def test_encoding_does_not_copy_large_buffers(codec, key, facts):
    memory = bytearray(1 << 20)
    chunks = codec.encode(key, pickle.PickleBuffer(memory), facts)
    memory[0] = 7
    assert chunks[-1][0] == 7


def test_decoding_does_not_copy_large_buffers(codec, key, facts):
    data = bytearray(b"".join(codec.encode(key, pickle.PickleBuffer(bytearray(1 << 20)), facts)))
    found = codec.decode(key, data).value()
    data[-1] = 7
    assert found[-1] == 7


def test_the_header_has_88_bytes():
    assert HEADER.size == 88


@pytest.mark.parametrize("data", [b"", b"x" * 10, b"x" * 88, b"mpkl" + bytes(100)])
def test_metadata_of_what_is_no_entry_is_empty(data):
    assert read_metadata(data) == {}


@pytest.mark.parametrize("metadata", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_metadata_that_is_no_object_is_empty(codec, key, metadata):
    assert read_metadata(b"".join(codec.encode(key, None, Facts(0, metadata=metadata)))) == {}
