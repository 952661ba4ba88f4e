"""Whatever is done to the bytes of an entry, it is not used: nothing of it reaches pickle, and nothing is allocated."""

import os
import pickle
import struct
import tracemalloc

import pytest
from helpers.needed import need
from hypothesis import given
from hypothesis import strategies as st

from memopickle import BadEntryError, BadPayloadError, BadSignatureError, Secret, UnknownFormatError
from memopickle.codec import Codec
from memopickle.header import EXCEPTION, HEADER, SIGNED, SNAPSHOT, VALUE, Facts, pack_header, read_header
from memopickle.serializers import PICKLE
from memopickle.testing import store_key


class Marking:
    """Makes a directory when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def marker(tmp_path):
    """The path of a directory that only a hostile pickle makes; it must not be there in the end."""
    marker = tmp_path / "marker"
    yield marker
    assert not marker.exists()


def refused(codec, key, data):
    with pytest.raises(BadEntryError) as caught:
        codec.decode(key, data)
    return str(caught.value)


def test_an_entry_as_it_was_written_is_good(codec, key, entry, large_entry):
    assert codec.decode(key, entry).value() == ["a", "value"]
    first, second = codec.decode(key, large_entry).value()
    assert (first.nbytes, second.nbytes) == (4100, 4800)


def test_every_flipped_bit_is_refused(codec, key, entry):
    for place in range(len(entry)):
        for bit in range(8):
            damaged = bytearray(entry)
            damaged[place] ^= 1 << bit
            refused(codec, key, damaged)


def test_every_flipped_byte_of_an_entry_with_buffers_is_refused(codec, key, large_entry):
    damaged = bytearray(large_entry)
    for place in range(len(damaged)):
        damaged[place] ^= 0xFF
        refused(codec, key, damaged)
        damaged[place] ^= 0xFF
    codec.decode(key, damaged)


def test_every_truncation_is_refused(codec, key, entry, large_entry):
    for data in (entry, large_entry):
        for size in range(len(data)):
            refused(codec, key, data[:size])


def test_a_byte_inserted_anywhere_is_refused(codec, key, entry):
    for place in range(len(entry) + 1):
        for byte in {b"\0", b"\xff", entry[place : place + 1] or b"m"}:
            refused(codec, key, entry[:place] + byte + entry[place:])


def test_a_byte_removed_anywhere_is_refused(codec, key, entry):
    for place in range(len(entry)):
        refused(codec, key, entry[:place] + entry[place + 1 :])


@pytest.mark.parametrize("garbage", [b"\0", b"\0" * 64, b"garbage", b"\x80\x05N."])
def test_trailing_bytes_are_refused(codec, key, entry, large_entry, garbage):
    for data in (entry, large_entry):
        assert "bytes follow" in refused(codec, key, data + garbage)


def test_an_entry_twice_in_a_row_is_refused(codec, key, entry):
    refused(codec, key, entry + entry)


@pytest.mark.parametrize("size", [0, 1, 87, 88, 200, 100_000])
def test_zeros_are_no_entry(codec, key, size):
    with pytest.raises(UnknownFormatError):
        codec.decode(key, bytes(size))


def test_every_zero_tail_is_refused(codec, key, entry, large_entry):
    for data in (entry, large_entry):
        for size in range(len(data)):
            zeroed = data[:size] + bytes(len(data) - size)
            if zeroed != data:
                refused(codec, key, zeroed)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_unsigned_pickle_is_no_entry(codec, key, protocol):
    with pytest.raises(UnknownFormatError):
        codec.decode(key, pickle.dumps(list(range(100)), protocol))


def test_an_unsigned_hostile_pickle_is_not_run(codec, key, marker):
    with pytest.raises(UnknownFormatError):
        codec.decode(key, pickle.dumps(Marking(marker)) + bytes(100))


def test_a_hostile_body_behind_a_valid_header_is_not_run(codec, key, entry, marker):
    header = read_header(entry)
    body = pickle.dumps(Marking(marker))
    metadata_end = HEADER.size + header.metadata_size
    stream_end = metadata_end + header.stream_size
    for tail in (entry[stream_end:], bytes(32), b""):
        same_size = (body + bytes(header.stream_size))[: header.stream_size]
        refused(codec, key, entry[:metadata_end] + same_size + tail)
        fitted = HEADER.pack(*header._replace(stream_size=len(body), raw_stream_size=len(body)))
        refused(codec, key, fitted + entry[HEADER.size : metadata_end] + body + tail)


def test_a_hostile_pickle_signed_by_a_stranger_is_not_run(codec, key, facts, marker):
    stranger = Codec([Secret("another secret of more than 32 bytes").signer], "a namespace", PICKLE)
    theirs = b"".join(stranger.encode(key, Marking(marker), facts))
    assert "unknown secret" in refused(codec, key, theirs)
    ours = theirs[:8] + b"".join(codec.encode(key, None, facts))[8:16] + theirs[16:]
    assert "signature" in refused(codec, key, ours)


@given(data=st.binary(max_size=400))
def test_random_bytes_are_refused(codec, key, data):
    refused(codec, key, data)


@given(changes=st.lists(st.tuples(st.integers(0, 87), st.integers(0, 255)), min_size=1, max_size=8))
def test_random_headers_are_refused(codec, key, entry, changes):
    damaged = bytearray(entry)
    for place, byte in changes:
        damaged[place] = byte
    if damaged != entry:
        refused(codec, key, damaged)


def test_another_key_is_refused(codec, entry):
    assert "signature" in refused(codec, store_key("another argument"), entry)


def test_another_function_is_refused(codec, entry):
    assert "signature" in refused(codec, store_key("an argument", "module:another"), entry)


def test_another_variant_is_refused(codec, entry):
    assert "signature" in refused(codec, store_key("an argument", variant="2"), entry)


@pytest.mark.parametrize("shift", [1, 8, 64])
def test_a_key_whose_parts_are_shifted_is_refused(codec, key, entry, shift):
    letters = key.replace("/", "")
    refused(codec, letters[: 40 + shift] + "/" + letters[40 + shift :], entry)


def test_another_namespace_is_refused(secret, key, entry):
    other = Codec([Secret(secret).signer], "another namespace", PICKLE)
    assert "signature" in refused(other, key, entry)


def test_another_purpose_is_refused(secret, key, entry):
    other = Codec([Secret(secret).signer], "a namespace", PICKLE, purpose="snapshots")
    assert "signature" in refused(other, key, entry)


def test_purpose_and_namespace_are_framed(secret, key, facts):
    signer = Secret(secret).signer
    data = b"".join(Codec([signer], "bc", PICKLE, purpose="a").encode(key, 1, facts))
    refused(Codec([signer], "c", PICKLE, purpose="ab"), key, data)


def test_another_serializer_is_refused(secret, key, entry):
    class Renamed(type(PICKLE)):
        name = "other"

    other = Codec([Secret(secret).signer], "a namespace", Renamed())
    assert "signature" in refused(other, key, entry)


def test_another_algorithm_with_the_same_secret_is_an_unknown_secret(secret, key, entry):
    other = Codec([Secret(secret, "hmac-sha256").signer], "a namespace", PICKLE)
    assert "unknown secret" in refused(other, key, entry)


def test_a_key_id_of_the_other_algorithm_does_not_make_it_pass(secret, key, entry):
    both = [Secret(secret, "hmac-sha256").signer, Secret(secret).signer]
    forged = entry[:8] + both[0].key_id + entry[16:]
    assert "signature" in refused(Codec(both, "a namespace", PICKLE), key, forged)


@pytest.mark.parametrize("field", range(1, 11))
def test_an_edited_field_of_the_header_is_refused(codec, key, entry, field):
    header = list(HEADER.unpack_from(entry))
    header[field] = header[field] ^ 1 if isinstance(header[field], int) else bytes(len(header[field]))
    with pytest.raises(BadSignatureError):
        codec.decode(key, HEADER.pack(*header) + entry[HEADER.size :])


@pytest.mark.parametrize("number", [0, 1, 3, 65535])
def test_another_format_is_told_as_such(codec, key, entry, number):
    other = entry[:4] + struct.pack("<H", number) + entry[6:]
    assert f"format {number}" in refused(codec, key, other)


@pytest.mark.parametrize(
    ("place", "form", "value"),
    [
        (56, "<I", 2**32 - 1),
        (60, "<I", 2**32 - 1),
        (64, "<Q", 4 * 2**30),
        (64, "<Q", 2**63),
        (64, "<Q", 2**64 - 1),
    ],
    ids=["metadata", "buffers", "stream of 4 GiB", "stream of 2**63", "stream of 2**64-1"],
)
def test_huge_lengths_allocate_nothing(codec, key, entry, place, form, value):
    forged = bytearray(entry)
    struct.pack_into(form, forged, place, value)
    tracemalloc.start()
    try:
        assert "cut short" in refused(codec, key, bytes(forged))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [2**32, 2**63, 2**64 - 1])
def test_a_huge_buffer_in_a_signed_table_allocates_nothing(secret, key, facts, size):
    signer = Secret(secret).signer
    codec = Codec([signer], "", PICKLE)
    mac = codec._signing
    stream = pickle.dumps(None)
    head = pack_header(signer.key_id, Facts(0, metadata=b""), 1, len(stream)) + stream
    head += struct.pack("<QQI32s", size, size, 0, bytes(32))
    framed = len(key).to_bytes(8, "little") + key.encode()
    data = head + mac.mac(framed, head)
    tracemalloc.start()
    try:
        assert "cut short" in refused(codec, key, data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_buffers_that_changed_places_are_refused(codec, key, facts):
    numpy = need("numpy")
    value = [numpy.zeros(4096, "u1"), numpy.ones(4096, "u1")]
    data = b"".join(codec.encode(key, value, facts))
    refused(codec, key, data[:-8192] + data[-4096:] + data[-8192:-4096])


def test_padding_must_be_zeros(codec, key, facts):
    numpy = need("numpy")
    value = numpy.ones(4096, "u1")
    # One of two lengths is no multiple of 64.
    several = (codec.encode(key, value, Facts(0, metadata=metadata)) for metadata in (b"{}", b"{ }"))
    head, padding, buffer = next(chunks for chunks in several if len(chunks) == 3)
    data = b"".join((head, b"\1" + padding[1:], buffer))
    assert "buffer" in refused(codec, key, data)


def test_the_value_of_a_class_that_is_gone_is_a_bad_payload_that_names_it(secret, key, facts):
    class Moved(type(PICKLE)):
        def encode(self, value):
            return [pickle.dumps(Marking("unused")).replace(b"mkdir", b"mkdri")], []

    data = b"".join(Codec([Secret(secret).signer], "", Moved()).encode(key, None, facts))
    entry = Codec([Secret(secret).signer], "", PICKLE).decode(key, data)
    with pytest.raises(BadPayloadError, match="mkdri"):
        entry.value()


@pytest.mark.parametrize("kind", [VALUE, EXCEPTION, SNAPSHOT, SIGNED])
def test_an_entry_is_read_only_by_who_asks_for_its_kind(secret, key, facts, kind):
    signers = [Secret(secret).signer]
    data = b"".join(Codec(signers, "", PICKLE, kinds=(kind,)).encode(key, "held", facts))
    for asked in (VALUE, EXCEPTION, SNAPSHOT, SIGNED):
        codec = Codec(signers, "", PICKLE, kinds=(asked,))
        if asked == kind:
            assert codec.decode(key, data).value() == "held"
        else:
            assert f"of kind {kind}" in refused(codec, key, data)


def test_a_reader_of_several_kinds_is_told_which_it_is(secret, key, facts):
    codec = Codec([Secret(secret).signer], "", PICKLE, kinds=(VALUE, EXCEPTION))
    for kind in (None, VALUE, EXCEPTION):
        entry = codec.decode(key, b"".join(codec.encode(key, "held", facts, kind)))
        assert (entry.header.kind, entry.value()) == (kind or VALUE, "held")


def test_a_kind_is_signed(secret, key, facts):
    codec = Codec([Secret(secret).signer], "", PICKLE, kinds=(VALUE, EXCEPTION))
    data = b"".join(codec.encode(key, "held", facts))
    assert "signature" in refused(codec, key, data[:6] + bytes([EXCEPTION]) + data[7:])


@pytest.mark.parametrize("compress", [None, "zlib"])
def test_what_is_verified_is_of_any_kind_and_compression_and_nothing_less(secret, key, facts, compress):
    signers = [Secret(secret).signer]
    data = b"".join(
        Codec(signers, "", PICKLE, kinds=(SNAPSHOT,), compress=compress).encode(key, "held" * 1000, facts)
    )  # fmt: skip
    codec = Codec(signers, "", PICKLE)
    assert codec.verify(key, data).header.kind == SNAPSHOT
    for place in (*range(0, len(data), 7), len(data) - 1):
        damaged = bytearray(data)
        damaged[place] ^= 1
        with pytest.raises(BadEntryError):
            codec.verify(key, damaged)


@pytest.mark.parametrize("compress", [None, "zlib"])
def test_what_is_signed_again_is_the_same_entry_of_another_secret(secret, key, facts, compress):
    numpy = need("numpy")
    new, old = Secret("a newer secret of more than 32 bytes").signer, Secret(secret).signer
    before = Codec([old], "", PICKLE, kinds=(EXCEPTION,), compress=compress)
    data = b"".join(before.encode(key, [numpy.arange(9000), "held" * 1000], facts))
    both = Codec([new, old], "", PICKLE)
    again = b"".join(both.resign(key, both.verify(key, data)))
    assert "unknown secret" in refused(before, key, again)
    after = Codec([new], "", PICKLE, kinds=(EXCEPTION,), compress=compress)
    assert again == b"".join(after.encode(key, [numpy.arange(9000), "held" * 1000], facts))
    assert after.decode(key, again).value()[0].tolist() == list(range(9000))
