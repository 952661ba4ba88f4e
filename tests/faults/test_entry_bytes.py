"""FAULTS 1-26: whatever is done to the bytes of an entry, a call computes the right value and says so once."""

import json
import os
import pickle
import struct
import tracemalloc
import zlib

import pytest
from helpers import golden
from helpers.functions import Counted, reasons
from helpers.needed import need

from memopickle import Cache, DirectoryStore, Secret
from memopickle.buffers import ROW
from memopickle.codec import Codec
from memopickle.compression import ALGORITHMS
from memopickle.events import Miss
from memopickle.expiry import NEVER
from memopickle.header import FORMAT, HEADER, VALUE, Facts, pack_header, prefix, read_header
from memopickle.serializers import PICKLE
from memopickle.signing import frame
from tests.faults.tools import SECRET, Marking, outcome

OTHER_SECRET = "a stranger's secret of more than 32 bytes"


@pytest.fixture
def good(double):
    """The bytes of a good entry."""
    double(3)
    return double.data(3)


@pytest.fixture
def damaged(double, missed):
    """Put bytes in the place of the entry and check that they are missed."""

    def check(data, reason=""):
        double.plant(3, data)
        missed(reason)

    return check


@pytest.fixture
def arrays(cache):
    """A cached function whose entries have two buffers, each after padding."""
    numpy = need("numpy")
    return Counted(cache, lambda size: [numpy.arange(size, dtype="u1"), numpy.ones(size, dtype="u1")])


def sizes(header):
    """Where metadata, stream and table of an entry end."""
    metadata = HEADER.size + header.metadata_size
    stream = metadata + header.stream_size
    return metadata, stream, stream + header.buffer_count * ROW.size


def with_body(data, body):
    """The entry with another stream, whose length stands in the header."""
    header = read_header(data)
    metadata, stream, _ = sizes(header)
    head = HEADER.pack(*header._replace(stream_size=len(body), raw_stream_size=len(body)))
    return head + data[HEADER.size : metadata] + body + data[stream:]


def flipped(data, place, bits=1):
    return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


def edited(data, place, form, value):
    changed = bytearray(data)
    struct.pack_into(form, changed, place, value)
    return bytes(changed)


def signed(double, value=None, serializer=PICKLE, secret=SECRET, namespace="", key=None):
    """An entry for ``double(3)`` as somebody else signs it, fresh and of the same code."""
    header = read_header(double.data(3))
    facts = Facts(header.created, code=header.code)
    codec = Codec([Secret(secret).signer], namespace, serializer)
    return b"".join(codec.encode(key or double.key(3), value, facts))


def test_1_an_empty_file(good, damaged):
    damaged(b"", "0 bytes")


@pytest.mark.parametrize("byte", [b"\0", b"m", b"\x80", b"\xff"])
def test_2_one_byte(good, damaged, byte):
    damaged(byte, "1 byte")


def test_3_cut_at_every_offset(good, damaged):
    for size in range(len(good)):
        damaged(good[:size])


def test_3_cut_in_and_around_every_buffer(arrays, missed, events):
    expected = [part.tolist() for part in arrays(5000)]
    data = arrays.data(5000)
    *_, table = sizes(read_header(data))
    for size in (*range(table, table + 64), *range(table, len(data), 250), len(data) - 1):
        arrays.plant(5000, data[:size])
        events.clear()
        assert [part.tolist() for part in arrays(5000)] == expected
        assert reasons(events, Miss) == ["bad entry"]
        assert arrays.data(5000)[HEADER.size :][-5000:] == data[-5000:]


def test_4_every_single_bit_flipped(good, damaged):
    for place in range(len(good)):
        for bit in range(8):
            damaged(flipped(good, place, 1 << bit))


def test_4_a_bit_flipped_in_padding_and_buffers(arrays, events):
    expected = [part.tolist() for part in arrays(5000)]
    data = arrays.data(5000)
    *_, table = sizes(read_header(data))
    for place in (*range(table, table + 100), *range(table + 100, len(data), 97), len(data) - 1):
        arrays.plant(5000, flipped(data, place))
        events.clear()
        assert [part.tolist() for part in arrays(5000)] == expected
        assert reasons(events, Miss) == ["bad entry"]


def test_5_a_byte_inserted_or_removed_anywhere(good, damaged):
    for place in range(len(good) + 1):
        damaged(good[:place] + b"\0" + good[place:])
        # A removed byte that equals its neighbour is the same damage for both: the entry is shorter all the same.
        if place < len(good):
            damaged(good[:place] + good[place + 1 :])


@pytest.mark.parametrize("garbage", [b"\0", bytes(64), b"garbage", b"\x80\x05N.", None], ids=repr)
def test_6_trailing_garbage(good, damaged, garbage):
    damaged(good + (garbage or good), "bytes follow")


def test_7_zeros_or_a_zero_tail(good, damaged):
    for size in (0, 1, len(good), 4096, 1_000_000):
        damaged(bytes(size))
    # Where the entry ends in zeros by itself, a tail of them is no damage.
    for size in (size for size in range(len(good)) if good[size:].strip(b"\0")):
        damaged(good[:size] + bytes(len(good) - size))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_8_a_plain_unsigned_pickle(good, damaged, protocol):
    damaged(pickle.dumps(["wrong"] * 100, protocol), "not an entry")
    damaged(pickle.dumps(6, protocol))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_9_an_unsigned_malicious_pickle_is_not_run(good, damaged, marker, protocol):
    hostile = pickle.dumps(Marking(marker), protocol)
    damaged(hostile)
    damaged(hostile + bytes(200), "not an entry")


def test_10_a_valid_header_over_a_malicious_body_is_not_run(good, damaged, marker):
    hostile = pickle.dumps(Marking(marker))
    damaged(with_body(good, hostile), "signature")
    metadata, *_ = sizes(read_header(good))
    for tail in (b"", bytes(32), bytes(100), good[-32:], good[metadata:]):
        damaged(good[:metadata] + hostile + tail)


def test_10_a_malicious_body_of_the_very_length_is_not_run(cache, missed, marker):
    text = Counted(cache, lambda number: "x" * number)
    text(1000)
    data = text.data(1000)
    metadata, stream, _ = sizes(read_header(data))
    body = (pickle.dumps(Marking(marker)) + bytes(2000))[: stream - metadata]
    text.plant(1000, data[:metadata] + body + data[stream:])
    missed("signature", text, 1000, "x" * 1000)


def test_11_signed_with_a_secret_that_we_dont_have(double, good, missed, marker):
    theirs = signed(double, Marking(marker), secret=OTHER_SECRET)
    double.plant(3, theirs)
    assert double.cache.prune() == 0
    assert [bad.key for bad in double.cache.verify().bad] == [double.key(3)]
    assert double.data(3) == theirs
    missed("unknown secret")
    double.plant(3, theirs)
    assert double.function.cache_peek(3) is None
    assert double.data(3) == theirs


def test_12_copied_from_another_key(double, good, missed):
    double(4)
    fourth = double.data(4)
    double.plant(4, good)
    double.plant(3, fourth)
    missed("signature")
    missed("signature", argument=4, expected=8)


def test_12_a_copy_in_another_store_of_the_same_namespace_and_secret_is_good(good, double, tmp_path, secret):
    elsewhere = Counted(Cache(DirectoryStore(tmp_path / "copy"), secret=secret))
    elsewhere.plant(3, good)
    assert (elsewhere(3), elsewhere.calls) == (6, [])


def test_13_copied_from_another_function(cache, double, good, damaged):
    def other(argument):
        return "wrong"

    stranger = cache.cached(other, key=str)
    stranger(3)
    damaged(cache.store.get(stranger.cache_key(3)), "signature")


@pytest.mark.parametrize("options", [{"version": 2}, {"track_code": "off"}], ids=["version", "not tracked"])
def test_13_copied_from_another_version(cache, double, good, damaged, options):
    other = Counted(cache, **options)
    other(3)
    assert other.key(3) != double.key(3)
    damaged(other.data(3), "signature")


def test_14_copied_from_another_namespace(store, secret, double, good, damaged):
    other = Counted(Cache(store, namespace="other", secret=secret), lambda number: "wrong")
    other(3)
    damaged(other.data(3), "signature")
    damaged(signed(double, "wrong", namespace="\0"), "signature")


@pytest.mark.parametrize("shift", [1, 8, 63])
def test_15_the_boundary_of_function_and_key_shifted(double, good, damaged, shift):
    letters = double.key(3).replace("/", "")
    damaged(signed(double, "wrong", key=letters[: 40 + shift] + "/" + letters[40 + shift :]), "signature")
    damaged(signed(double, "wrong", key=double.key(3)[:-shift]), "signature")
    damaged(signed(double, "wrong", namespace=double.key(3)[:shift], key=double.key(3)[shift:]), "signature")


def test_16_the_algorithm_changed(double, good, damaged):
    weaker = Secret(SECRET, "hmac-sha256").signer
    codec = Codec([weaker], "", PICKLE)
    header = read_header(good)
    theirs = b"".join(codec.encode(double.key(3), "wrong", Facts(header.created, code=header.code)))
    damaged(theirs, "unknown secret")
    # Its key id claims the algorithm that the reader uses: the signature does not fit that.
    damaged(theirs[:8] + good[8:16] + theirs[16:], "signature")


def test_16_the_serializer_changed(double, good, damaged):
    class Other(type(PICKLE)):
        name = "json"

    damaged(signed(double, "wrong", serializer=Other()), "signature")


@pytest.mark.parametrize(("place", "field"), [(16, "created"), (24, "expires"), (32, "cost"), (80, "ttl")])
def test_17_times_edited(good, damaged, place, field):
    now = struct.unpack_from("<q", good, place)[0]
    for value in (0, 1, -1, 2**63 - 1, 2**63 - 2, -(2**63), now - 1):
        if value != now:
            damaged(edited(good, place, "<q", value), "signature")


def test_17_an_expired_entry_cannot_be_prolonged(store, secret, events, missed):
    now = [1_700_000_000.0]
    cache = Cache(store, secret=secret, on_event=events.append, clock=lambda: now[0])
    brief = Counted(cache, ttl=60)
    brief(3)
    data = brief.data(3)
    now[0] += 61
    brief.plant(3, edited(data, 16, "<q", int(now[0] * 1e6)))
    missed("signature", brief)


HUGE = {
    "4 GiB of metadata": (56, "<I", 2**32 - 1),
    "4 Gi buffers": (60, "<I", 2**32 - 1),
    "a stream of 4 GiB": (64, "<Q", 2**32),
    "a stream of 2**63": (64, "<Q", 2**63),
    "a stream of 2**64-1": (64, "<Q", 2**64 - 1),
}


@pytest.mark.parametrize("name", HUGE)
def test_18_huge_lengths_allocate_nothing(double, good, damaged, name):
    damaged(edited(good, *HUGE[name]), "cut short")
    double.plant(3, edited(good, *HUGE[name]))
    tracemalloc.start()
    try:
        assert double(3) == 6
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


WITHOUT_MEMORY = """
import resource, struct
repeated("a")
good = open(path("a"), "rb").read()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000, -1))  # less than any of the lengths
events.clear()
values = []
for place, form, value in json.loads(sys.argv[2]):
    data = bytearray(good)
    struct.pack_into(form, data, place, value)
    open(path("a"), "wb").write(data)
    values += [repeated("a"), repeated("a")]
report(*values)
"""


def test_18_huge_lengths_are_missed_where_memory_is_short(tmp_path):
    found = outcome(WITHOUT_MEMORY, tmp_path / "cache", json.dumps(list(HUGE.values())))
    assert found["values"] == ["aaa"] * 10
    assert found["events"] == ["BadEntry", "Miss", "Stored", "Hit"] * 5
    assert all("cut short" in reason for reason in found["reasons"][::2])


@pytest.mark.parametrize("size", [2**32, 2**63, 2**64 - 1])
def test_18_a_huge_buffer_in_a_table_that_is_signed(double, good, damaged, size):
    signer = Secret(SECRET).signer
    stream = pickle.dumps("wrong")
    head = pack_header(signer.key_id, Facts(read_header(good).created, metadata=b""), 1, len(stream)) + stream
    head += struct.pack("<QQI32s", size, size, 0, bytes(32))
    key = double.key(3).encode()
    mac = signer.bind(frame(b"cache", b"", b"pickle"))
    damaged(head + mac.mac(frame(key), head), "cut short")


NEWER = """
from memopickle import header
header.FORMAT = 3  # before anything else is imported: a program of the future, in the same store
"""


def test_19_a_newer_format(good, damaged):
    for number in (FORMAT + 1, 255, 65535):
        damaged(edited(good, 4, "<H", number), f"format {number}")


def test_19_programs_of_two_formats_never_overwrite_each_other(tmp_path):
    body = "values = [repeated('a'), repeated('a')]\nreport(path('a'), *values)"
    newer, older, again = (outcome(body, tmp_path / "cache", first=first) for first in (NEWER, "", NEWER))
    assert newer["values"][1:] == older["values"][1:] == again["values"][1:] == ["aaa", "aaa"]
    assert newer["values"][0] != older["values"][0]
    assert [one["events"] for one in (newer, older, again)] == [["Miss", "Stored", "Hit"]] * 2 + [["Hit", "Hit"]]
    assert [one["told"] for one in (newer, older, again)] == [[]] * 3


def test_20_a_format_of_zero_or_another_kind(good, damaged):
    damaged(edited(good, 4, "<H", 0), "format 0")
    damaged(edited(good, 6, "<B", 1), "signature")
    for kind in (2, 3, 4, 255):
        damaged(edited(good, 6, "<B", kind), "not an entry")


def test_20_an_entry_of_format_1_is_a_miss_and_never_run(double, good, damaged, marker):
    older = os.path.join(golden.FOLDER, "1")
    for name in golden.entries(older):
        damaged(golden.data(name, older), "entry format 1")
    # As format 1 was signed, with our own secret, for this very key: nothing but the format is wrong with it.
    signer = Secret(SECRET).signer
    body = pickle.dumps(Marking(marker))
    header = struct.Struct("<4sHH8sqqq16sIIQ")
    created = read_header(good).created
    head = header.pack(b"mpkl", 1, 0, signer.key_id, created, NEVER, 0, read_header(good).code, 0, 0, len(body)) + body
    mac = signer.bind(frame(b"cache", b"", b"pickle"))
    damaged(head + mac.mac(frame(double.key(3).encode()), head), "entry format 1")


def test_20_entries_of_the_formats_that_are_read():
    assert golden.entries()
    for name, described in golden.entries().items():
        found = golden.codec(described).decode(described["key"], golden.data(name))
        assert found.created == described["created"]
        value = found.value()
        assert (value[0] if described["buffers"] else value) == described["value"]


def compressed(double, good, raw_size, packed, compress="zlib"):
    """An entry for ``double(3)`` with a good signature, whose stream says that it is larger than it is."""
    facts = Facts(read_header(good).created, code=read_header(good).code, metadata=b"")
    signer = Secret(SECRET).signer
    start = prefix(VALUE, ALGORITHMS.index(compress))
    head = pack_header(signer.key_id, facts, 0, len(packed), raw_size, start) + packed
    mac = signer.bind(frame(b"cache", b"", b"pickle"))
    return head + mac.mac(frame(double.key(3).encode()), head)


BOMBS = {
    "more than it says": (zlib.compress(pickle.dumps(bytes(50_000_000))), 100_000),
    "one byte more than it says": (zlib.compress(pickle.dumps(bytes(100_000))), len(pickle.dumps(bytes(100_000))) - 1),
    "less than it says": (zlib.compress(pickle.dumps(bytes(100_000))), 10_000_000),
    "2**63": (zlib.compress(pickle.dumps(bytes(100_000))), 2**63),
    "2**64-1": (zlib.compress(pickle.dumps(bytes(100_000))), 2**64 - 1),
    "4 GiB": (zlib.compress(b"x"), 2**32),
    "no compressed data": (pickle.dumps("wrong"), 1000),
    "shorter than it is": (pickle.dumps("wrong"), 3),
}


@pytest.mark.parametrize("name", BOMBS)
def test_21_a_compression_bomb_under_a_valid_signature_is_capped(cache, missed, name):
    double = Counted(cache, compress="zlib")
    double(3)
    double.plant(3, compressed(double, double.data(3), *reversed(BOMBS[name])))
    tracemalloc.start()
    try:
        assert double(3) == 6
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert double.calls == [3, 3]
    double.plant(3, compressed(double, double.data(3), *reversed(BOMBS[name])))
    missed("", double)


BOMB = """
import pickle, resource, struct, zlib
from memopickle import Secret
from memopickle.header import Facts, VALUE, pack_header, prefix, read_header
from memopickle.signing import frame

@cache.cached(compress="zlib", key=lambda letter: letter)
def plain(letter):
    return letter * 3

plain("a")
place = cache.store.place(plain.cache_key("a"))
good = read_header(open(place, "rb").read())
stages = zlib.compressobj()
packed = stages.compress(pickle.dumps(b"")[:-2])
packed += b"".join(stages.compress(bytes(1 << 20)) for _ in range(1000)) + stages.flush()  # 1 GB of zeros in 1 MB
signer = Secret(SECRET).signer
mac = signer.bind(frame(b"cache", b"", b"pickle"))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, -1))  # a tenth of what it unpacks to
events.clear()
values = []
for size in (1 << 20, 1 << 30, 1 << 35):
    facts = Facts(good.created, code=good.code, metadata=b"")
    head = pack_header(signer.key_id, facts, 0, len(packed), size, prefix(VALUE, 1)) + packed
    open(place, "wb").write(head + mac.mac(frame(plain.cache_key("a").encode()), head))
    values += [plain("a"), plain("a")]
report(*values)
"""


def test_21_a_bomb_that_the_memory_cannot_hold_is_missed(tmp_path):
    found = outcome(BOMB.replace("SECRET", repr(SECRET)), tmp_path / "cache")
    assert found["values"] == ["aaa"] * 6
    assert found["events"].count("Hit") == 3
    assert found["events"].count("Miss") == 3
    assert len(found["told"]) == 3


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 255])
def test_22_a_compression_that_is_unknown_or_not_the_readers(double, good, damaged, number):
    damaged(edited(good, 7, "<B", number), "compressed with")


def test_16_the_compression_changed(cache, missed):
    packed = Counted(cache, lambda number: "x" * number, compress="zlib")
    packed(1000)
    data = packed.data(1000)
    assert read_header(data).stream_size < read_header(data).raw_stream_size
    for number in (0, 2, 3, 4, 5, 255):
        packed.plant(1000, edited(data, 7, "<B", number))
        missed("compressed with", packed, 1000, "x" * 1000)


def test_22_an_unknown_serializer(double, good, damaged, marker):
    class Unknown(type(PICKLE)):
        name = "yaml"

    damaged(signed(double, Marking(marker), serializer=Unknown()), "signature")


THINGS = """
import shapes

@cache.cached
def side(number):
    calls.append(number)
    return getattr(shapes, "Square", dict)(side=number)

values = [side(3), side(3)]
report(*(value if isinstance(value, dict) else value.side for value in values))
"""
SQUARE = "class Square:\n    def __init__(self, side):\n        self.side = side\n"


def test_23_a_class_that_moved_is_named(tmp_path):
    (tmp_path / "shapes.py").write_text(SQUARE)
    first = "import sys\nsys.path.insert(0, sys.argv[2])\n"
    before = outcome(THINGS, tmp_path / "cache", tmp_path, first=first, PYTHONDONTWRITEBYTECODE="1")
    assert (before["values"], before["calls"]) == ([3, 3], [3])
    (tmp_path / "shapes.py").write_text("class Rectangle: pass\n")
    after = outcome(THINGS, tmp_path / "cache", tmp_path, first=first, PYTHONDONTWRITEBYTECODE="1")
    assert (after["values"], after["calls"]) == ([{"side": 3}] * 2, [3])
    assert after["events"] == ["BadEntry", "Miss", "Stored", "Hit"]
    assert len(after["told"]) == 1
    assert "Square" in after["told"][0]


def test_23_a_module_that_is_gone_is_named(double, good, damaged):
    class Gone(type(PICKLE)):
        def encode(self, value):
            return [b"cmodule_that_is_gone\nThing\n."], []

    damaged(signed(double, serializer=Gone()), "module_that_is_gone")


class Moody:
    """Can't be loaded while there is some ``trouble``; computing a new one ends it."""

    trouble = None

    def __init__(self, number):
        Moody.trouble = None
        self.number = number

    def __eq__(self, other):
        return self.number == other.number

    __hash__ = None

    def __setstate__(self, state):
        if Moody.trouble:
            Moody.trouble(state)
        self.__dict__.update(state)


def raising(error):
    def trouble(state):
        raise error

    return trouble


def recursing(state):
    recursing(state)


def test_24_setstate_raises(cache, missed):
    moody = Counted(cache, Moody)
    moody(3)
    for error in (ValueError("too old"), KeyError("side"), StopIteration(), AssertionError()):
        expected = Moody(3)
        Moody.trouble = staticmethod(raising(error))
        missed(type(error).__name__, moody, 3, expected)


def test_25_an_older_valid_entry_put_back_is_served_until_it_expires(store, secret, events):
    now = [1_700_000_000.0]
    cache = Cache(store, secret=secret, on_event=events.append, clock=lambda: now[0])
    dated = Counted(cache, lambda number: now[0], ttl=60)
    dated(3)
    older = dated.data(3)
    now[0] += 30
    newer = dated.function.cache_refresh(3)
    assert dated(3) == newer == 1_700_000_030.0
    dated.plant(3, older)
    assert dated(3) == 1_700_000_000.0
    now[0] += 31
    assert dated(3) == 1_700_000_061.0
    assert reasons(events, Miss)[-1] == "expired"


def test_26_a_recursion_error_while_loading(cache, missed):
    moody = Counted(cache, Moody)
    moody(3)
    expected = Moody(3)
    Moody.trouble = staticmethod(recursing)
    missed("RecursionError", moody, 3, expected)


class Bomb:
    """A few bytes that need 2**60 of memory when they are loaded."""

    def __reduce__(self):
        return bytes, (2**60,)


def test_26_a_memory_error_while_loading(double, good, damaged):
    damaged(signed(double, Bomb()), "MemoryError")


LARGE = """
import resource
size = 40_000_000
repeated("a", size)

@cache.cached(key=lambda letter, size: (letter, size))
def brief(letter, size):
    return letter

brief("a", size)
os.replace(path("a", size), cache.store.place(brief.cache_key("a", size)))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 10_000_000, -1))
events.clear()
report(brief("a", size), brief("a", size))
"""


def test_26_an_entry_that_is_larger_than_the_memory(tmp_path):
    found = outcome(LARGE, tmp_path / "cache")
    assert found["values"] == ["a", "a"]
    assert found["events"] == ["Miss", "Stored", "Hit"]
    assert found["reasons"] == ["store error"]
    assert len(found["told"]) == 1
