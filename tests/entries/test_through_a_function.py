"""A cached function never returns, and never runs, what is not its own: it computes, says so once, and stores anew."""

import json
import logging
import os
import pickle
import shutil
import socket
import struct

import pytest
from helpers.functions import Counted, count, reasons
from helpers.needed import need
from helpers.programs import WITHOUT_PRIVILEGES, run

from memopickle import Cache, DirectoryStore, Secret, ShelveStore
from memopickle.buffers import ROW
from memopickle.codec import Codec
from memopickle.events import BadEntry, Miss, NotStored
from memopickle.header import HEADER, Facts, read_header
from memopickle.serializers import PICKLE
from memopickle.testing import store_key


class Marking:
    """Makes a directory when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def flip(data, place):
    damaged = bytearray(data)
    damaged[place] ^= 1
    return bytes(damaged)


def with_field(data, place, form, value):
    damaged = bytearray(data)
    struct.pack_into(form, damaged, place, value)
    return bytes(damaged)


#: What is done to the bytes of a good entry.
DAMAGES = {
    **{f"byte {place} flipped": lambda data, place=place: flip(data, place) for place in range(0, 88, 5)},
    **{f"byte {place} flipped": lambda data, place=place: flip(data, place) for place in (-1, -32, -33, -40, -60)},
    **{f"cut to {size}": lambda data, size=size: data[:size] for size in (0, 1, 4, 87, 88, 100)},
    "cut by one": lambda data: data[:-1],
    "a byte inserted": lambda data: data[:99] + b"x" + data[99:],
    "a byte removed": lambda data: data[:99] + data[100:],
    "trailing garbage": lambda data: data + b"garbage",
    "zeros": lambda data: bytes(len(data)),
    "a zero tail": lambda data: data[:99] + bytes(len(data) - 99),
    "twice": lambda data: data + data,
    "an unsigned pickle": lambda data: pickle.dumps(["wrong"] * 50),
    "created later": lambda data: with_field(data, 16, "<q", 2**62),
    "a longer ttl": lambda data: with_field(data, 80, "<q", 2**62),
    "never expires": lambda data: with_field(data, 24, "<q", 2**63 - 1 - 1),
    "4 GiB of metadata": lambda data: with_field(data, 56, "<I", 2**32 - 1),
    "many buffers": lambda data: with_field(data, 60, "<I", 2**32 - 1),
    "a stream of 2**63": lambda data: with_field(data, 64, "<Q", 2**63),
    "a stream of 2**63 uncompressed": lambda data: with_field(data, 72, "<Q", 2**63),
    "a newer format": lambda data: with_field(data, 4, "<H", 3),
    "an older format": lambda data: with_field(data, 4, "<H", 1),
    "another kind": lambda data: with_field(data, 6, "<B", 1),
    "compressed": lambda data: with_field(data, 7, "<B", 1),
}


@pytest.fixture
def refusal(double, events, caplog):
    """Check that a call computes the right value, that the refusal is told once, and that the entry was replaced."""
    caplog.set_level(logging.WARNING, "memopickle")

    def check(argument=3, reason=None):
        events.clear()
        double.calls.clear()
        assert double(argument) == argument * 2
        assert double.calls == [argument]
        refusals = [event for event in events if isinstance(event, BadEntry)]
        assert len(refusals) == 1
        assert refusals[0].place == double.path(argument)
        assert reason is None or reason in refusals[0].reason
        assert reasons(events, Miss) == ["bad entry"]
        assert len(caplog.records) == 1
        assert double.path(argument) in caplog.text
        events.clear()
        assert double(argument) == argument * 2
        assert count(events) == {"Hit": 1}

    return check


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_bytes_are_computed_again_told_once_and_replaced(double, refusal, damage):
    double(3)
    double.plant(3, DAMAGES[damage](double.data(3)))
    refusal()


def test_a_second_damage_is_told_again(double, refusal, caplog):
    double(3)
    for _ in range(2):
        caplog.clear()
        double.plant(3, b"junk")
        refusal()


def test_a_hostile_pickle_is_not_run(double, refusal, tmp_path):
    double(3)
    double.plant(3, pickle.dumps(Marking(tmp_path / "marker")) + bytes(100))
    refusal()
    assert not (tmp_path / "marker").exists()


def test_a_hostile_body_behind_a_valid_header_is_not_run(double, refusal, tmp_path):
    double(3)
    data = double.data(3)
    header = read_header(data)
    body = pickle.dumps(Marking(tmp_path / "marker"))
    start = HEADER.size + header.metadata_size
    head = HEADER.pack(*header._replace(stream_size=len(body), raw_stream_size=len(body)))
    double.plant(3, head + data[HEADER.size : start] + body + data[start + header.stream_size :])
    refusal(reason="signature")
    assert not (tmp_path / "marker").exists()


def test_a_hostile_pickle_signed_by_a_stranger_is_not_run(double, refusal, tmp_path):
    stranger = Codec([Secret("a stranger's secret of 32 bytes or more").signer], "", PICKLE)
    double.plant(3, b"".join(stranger.encode(double.key(3), Marking(tmp_path / "marker"), Facts(0))))
    refusal(reason="unknown secret")
    assert not (tmp_path / "marker").exists()


def test_two_entries_that_changed_places_are_both_refused(double, refusal, caplog):
    double(3), double(4)
    third, fourth = double.data(3), double.data(4)
    double.plant(3, fourth)
    double.plant(4, third)
    refusal(3, "signature")
    caplog.clear()
    refusal(4, "signature")


def test_an_entry_moved_to_another_functions_folder_is_refused(cache, double, refusal):
    def other(argument):
        return "wrong"

    stranger = cache.cached(other, key=str)
    stranger(3)
    theirs, ours = cache.store.place(stranger.cache_key(3)), double.path(3)
    os.makedirs(os.path.dirname(ours))
    os.rename(theirs, ours)
    refusal(reason="signature")


def test_an_entry_of_another_namespace_is_refused(store, secret, double, refusal):
    other = Counted(Cache(store, namespace="other", secret=secret), lambda number: "wrong")
    other(3)
    double.plant(3, other.data(3))
    refusal(reason="signature")


@pytest.mark.parametrize(
    ("purpose", "serializer"), [("snapshots", "pickle"), ("cache", "json")], ids=["purpose", "serializer"]
)
def test_an_entry_signed_for_something_else_is_refused(secret, double, refusal, purpose, serializer):
    class Renamed(type(PICKLE)):
        name = serializer

    codec = Codec([Secret(secret).signer], "", Renamed(), purpose)
    double.plant(3, b"".join(codec.encode(double.key(3), "wrong", Facts(0))))
    refusal(reason="signature")


def test_a_signed_entry_that_cannot_be_loaded_is_refused_with_the_reason(cache, double, refusal):
    double(3)
    header = read_header(double.data(3))

    class Moved(type(PICKLE)):
        def encode(self, value):
            return [b"cno_such_module\nThing\n."], []

    codec = Codec([Secret("a secret of more than 32 bytes, for the tests").signer], "", Moved())
    double.plant(3, b"".join(codec.encode(double.key(3), None, Facts(header.created, code=header.code))))
    refusal(reason="no_such_module")


@pytest.mark.parametrize("part", ["padding", "first buffer", "last byte", "length", "flags", "digest"])
def test_damaged_arrays_are_computed_again(cache, events, part):
    numpy = need("numpy")
    arrays = Counted(cache, lambda size: [numpy.arange(size), numpy.ones(size)])
    arrays(1000)
    data = arrays.data(1000)
    header = read_header(data)
    table = HEADER.size + header.metadata_size + header.stream_size
    after_mac = table + 2 * ROW.size + 32
    # The padding before the first buffer may be empty: then this is its first byte.
    place = {
        "padding": after_mac,
        "first buffer": after_mac + 100,
        "last byte": -1,
        "length": table,
        "digest": table + 20,
        "flags": table + 16,
    }[part]
    arrays.plant(1000, flip(data, place))
    events.clear()
    again = arrays(1000)
    assert again[0].tolist() == list(range(1000))
    assert arrays.calls == [1000, 1000]
    assert reasons(events) == ["bad entry"]
    events.clear()
    arrays(1000)
    assert count(events) == {"Hit": 1}


@pytest.mark.parametrize("size", [10, 1000, 100_000])
@pytest.mark.parametrize("place", ["directory", "shelf"])
def test_arrays_come_back_writable_and_each_caller_has_his_own(tmp_path, secret, size, place):
    numpy = need("numpy")
    store = DirectoryStore(tmp_path / "cache") if place == "directory" else ShelveStore(tmp_path / "shelf")
    ones = Counted(Cache(store, secret=secret), numpy.ones)
    for _ in range(3):
        found = ones(size)
        assert found.sum() == size
        found += 1
    assert ones.calls == [size]


def test_a_read_only_array_stays_read_only(cache):
    numpy = need("numpy")

    def frozen(size):
        array = numpy.ones(size)
        array.flags.writeable = False
        return array

    arrays = Counted(cache, frozen)
    assert [arrays(5000).flags.writeable for _ in range(2)] == [False, False]


# -- something else where an entry should be -------------------------------------------------------------------------


def test_a_symlink_is_refused_and_replaced(double, refusal, tmp_path):
    double(3)
    os.rename(double.path(3), tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", double.path(3))
    refusal(reason="symlink")
    assert not os.path.islink(double.path(3))
    assert (tmp_path / "elsewhere").exists()


def test_a_dangling_symlink_is_refused_and_replaced(double, refusal, tmp_path):
    double(3)
    os.unlink(double.path(3))
    os.symlink(tmp_path / "nothing", double.path(3))
    refusal(reason="symlink")
    assert not (tmp_path / "nothing").exists()


PROGRAM = """
import json, os, sys
from memopickle import Cache, DirectoryStore

events = []
cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32, on_event=lambda event: events.append(type(event).__name__))

@cache.cached
def double(number):
    return number * 2

double(3)
path = cache.store.place(double.cache_key(3))
os.unlink(path)
PLANT
events.clear()
values = [double(3), double(3)]
print(json.dumps([values, events]))
"""


@pytest.mark.parametrize("readers", ["", "keep = os.open(path, os.O_RDWR)"], ids=["alone", "with a writer"])
def test_a_fifo_does_not_hang_and_is_replaced(tmp_path, readers):
    program = PROGRAM.replace("PLANT", f"os.mkfifo(path)\n{readers}")
    values, events = json.loads(run(program, tmp_path / "cache"))
    assert values == [6, 6]
    assert events[-1] == "Hit"
    assert "BadEntry" in events


def test_a_socket_is_a_miss_and_is_replaced(double, events):
    double(3)
    os.unlink(double.path(3))
    folder = os.open(os.path.dirname(double.path(3)), os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening:  # by a short path: those of sockets are limited
        listening.bind(f"/proc/self/fd/{folder}/{os.path.basename(double.path(3))}")
    os.close(folder)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]


def test_a_directory_is_a_miss_that_stays_and_is_told(double, events, caplog):
    double(3)
    os.unlink(double.path(3))
    os.makedirs(os.path.join(double.path(3), "foreign"))
    events.clear()
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3, 3]
    assert "not a regular file" in reasons(events, BadEntry)[0]
    assert len(reasons(events, NotStored)) == 2
    assert os.path.isdir(os.path.join(double.path(3), "foreign"))
    assert len([record for record in caplog.records if "not a regular file" in record.message]) == 1


def test_an_unreadable_entry_is_a_miss_and_is_replaced(tmp_path):
    program = WITHOUT_PRIVILEGES + PROGRAM.replace("PLANT", "os.close(os.open(path, os.O_CREAT, 0))")
    values, events = json.loads(run(program, tmp_path / "cache"))
    assert values == [6, 6]
    assert events[0] == "Miss"
    assert events[-1] == "Hit"


def test_entries_copied_to_another_store_of_one_namespace_and_secret_are_good(double, tmp_path, secret):
    double(3)
    shutil.copytree(double.cache.store.path, tmp_path / "copy")
    elsewhere = Counted(Cache(DirectoryStore(tmp_path / "copy"), secret=secret))
    assert elsewhere(3) == 6
    assert elsewhere.calls == []


def test_verify_finds_what_is_damaged_and_leaves_it(double):
    double(3), double(4)
    double.plant(4, b"junk")
    good, bad = double.cache.verify()
    assert good == 1
    assert [(one.key, one.place) for one in bad] == [(double.key(4), double.path(4))]
    assert double.data(4) == b"junk"


def test_store_keys_of_the_suite_look_like_those_of_a_cache(double):
    assert len(double.key(3)) == len(store_key())
