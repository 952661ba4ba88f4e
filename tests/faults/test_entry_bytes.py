"""FAULTS 1-26: whatever is done to the bytes of an entry, a call computes the right value and says so once."""

import json
import pickle
import struct
import tracemalloc

import pytest
from helpers import golden
from helpers.functions import Counted, reasons

from memopickle import Cache, DirectoryStore, Secret
from memopickle.entry import FORMAT, HEADER, Codec, Facts
from memopickle.events import Miss
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
    numpy = pytest.importorskip("numpy")
    return Counted(cache, lambda size: [numpy.arange(size, dtype="u1"), numpy.ones(size, dtype="u1")])


def sizes(header):
    """Where metadata, stream and table of an entry end."""
    metadata = HEADER.size + header[8]
    stream = metadata + header[10]
    return metadata, stream, stream + header[9] * 40


def with_body(data, body):
    """The entry with another stream, whose length stands in the header."""
    header = list(HEADER.unpack_from(data))
    metadata, stream, _ = sizes(header)
    return HEADER.pack(*header[:10], len(body)) + data[HEADER.size : metadata] + body + data[stream:]


def flipped(data, place, bits=1):
    return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


def edited(data, place, form, value):
    changed = bytearray(data)
    struct.pack_into(form, changed, place, value)
    return bytes(changed)


def signed(double, value=None, serializer=PICKLE, secret=SECRET, namespace="", key=None):
    """An entry for ``double(3)`` as somebody else signs it, fresh and of the same code."""
    header = HEADER.unpack_from(double.data(3))
    facts = Facts(header[4], code=header[7])
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
    *_, table = sizes(HEADER.unpack_from(data))
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
    *_, table = sizes(HEADER.unpack_from(data))
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
    metadata, *_ = sizes(HEADER.unpack_from(good))
    for tail in (b"", bytes(32), bytes(100), good[-32:], good[metadata:]):
        damaged(good[:metadata] + hostile + tail)


def test_10_a_malicious_body_of_the_very_length_is_not_run(cache, missed, marker):
    text = Counted(cache, lambda number: "x" * number)
    text(1000)
    data = text.data(1000)
    metadata, stream, _ = sizes(HEADER.unpack_from(data))
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
    header = HEADER.unpack_from(good)
    theirs = b"".join(codec.encode(double.key(3), "wrong", Facts(header[4], code=header[7])))
    damaged(theirs, "unknown secret")
    # Its key id claims the algorithm that the reader uses: the signature does not fit that.
    damaged(theirs[:8] + good[8:16] + theirs[16:], "signature")


def test_16_the_serializer_changed(double, good, damaged):
    class Other(type(PICKLE)):
        name = "json"

    damaged(signed(double, "wrong", serializer=Other()), "signature")


@pytest.mark.parametrize(("place", "field"), [(16, "created"), (24, "expires"), (32, "cost")])
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
    header = list(HEADER.unpack_from(good))
    stream = pickle.dumps("wrong")
    header[8:] = [0, 1, len(stream)]
    head = HEADER.pack(*header) + stream + struct.pack("<Q32s", size, bytes(32))
    key = double.key(3).encode()
    mac = signer.bind(frame(b"cache", b"", b"pickle"))
    damaged(head + mac.mac(frame(key), head), "cut short")


NEWER = """
from memopickle import entry
entry.FORMAT = 2  # before anything else is imported: a program of the future, in the same store
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
    damaged(edited(good, 6, "<H", 1), "not an entry")


def test_20_entries_of_released_formats_are_read():
    assert golden.entries()
    for name, described in golden.entries().items():
        found = golden.codec(described).decode(described["key"], golden.data(name))
        assert found.created == described["created"]
        assert pickle.loads(found.stream, buffers=found.buffers) is not None or described["value"] is None


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
            return b"cmodule_that_is_gone\nThing\n.", []

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
