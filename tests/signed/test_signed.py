"""memopickle.signed: pickle's functions, over values that are verified before they are unpickled."""

import gzip
import io
import os
import pickle
import stat

import pytest
from helpers.needed import need
from helpers.plain import PlainStore
from hypothesis import given
from hypothesis import strategies as st

from memopickle import (
    BadEntryError,
    BadPayloadError,
    BadSignatureError,
    Cache,
    ConfigurationError,
    PickleSerializer,
    Secret,
    SecretError,
    UnknownFormatError,
    signed,
)
from memopickle.snapshots import Snapshots
from tests.faults.tools import Marking

numpy = need("numpy")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)
ARRAYS = {
    "whole": lambda: numpy.arange(100_000),
    "fortran": lambda: numpy.asfortranarray(numpy.arange(60_000.0).reshape(200, 300)),
    "with gaps": lambda: numpy.arange(100_000)[::3],
    "dates": lambda: numpy.arange("2020-01", "2060-01", dtype="datetime64[D]"),
    "small": lambda: numpy.arange(3),
}


@pytest.fixture(params=sorted(ARRAYS))
def array(request):
    return ARRAYS[request.param]()


# -- there and back ----------------------------------------------------------------------------------------------------


@given(values)
def test_what_is_loaded_is_what_was_dumped(value):
    assert signed.loads(signed.dumps(value, "s" * 32), "s" * 32) == value


def test_arrays_come_back_equal_and_writable(array, secret):
    found = signed.loads(signed.dumps([array, array], secret), secret)
    numpy.testing.assert_array_equal(found[0], array)
    assert found[0] is found[1]
    found[0][:1] = found[0][1:2]


@pytest.mark.parametrize("kind", [bytearray, lambda data: memoryview(bytearray(data))])
def test_changing_what_was_read_does_not_change_what_was_loaded(kind, secret):
    data = kind(signed.dumps(numpy.arange(100_000), secret))
    found = signed.loads(data, secret)
    data[:] = bytes(len(data))
    numpy.testing.assert_array_equal(found, numpy.arange(100_000))


@pytest.mark.parametrize("protocol", [None, -1, 0, 1, 2, 3, 4, 5])
def test_every_protocol_is_loaded_without_being_named(protocol, array, secret):
    data = signed.dumps([array, "text"], secret, protocol=protocol)
    found = signed.loads(data, secret)
    numpy.testing.assert_array_equal(found[0], array)
    assert found[1] == "text"


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_the_stream_is_of_the_protocol_that_was_asked_for(protocol, secret):
    data = signed.dumps(["spam"], secret, protocol=protocol)
    assert pickle.dumps(["spam"], protocol) in data


@pytest.mark.parametrize("compress", ["zlib", "lzma"])
def test_compressed_is_smaller_and_loaded_without_being_told(compress, secret):
    array = numpy.zeros(100_000)
    data = signed.dumps(array, secret, compress=compress)
    assert len(data) < 10_000
    numpy.testing.assert_array_equal(signed.loads(data, secret), array)


def test_the_users_own_secret_is_found():
    assert signed.loads(signed.dumps(7)) == 7


def test_the_first_secret_of_the_environment_signs(monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", f"{'e' * 32},{'f' * 32}")
    assert signed.loads(signed.dumps(7), "e" * 32) == 7


def test_an_old_secret_verifies_as_long_as_it_is_listed(secret):
    assert signed.loads(signed.dumps(7, "o" * 32), [secret, "o" * 32]) == 7


def test_another_algorithm_is_another_secret(secret):
    data = signed.dumps(7, Secret(secret, "hmac-sha256"))
    assert signed.loads(data, Secret(secret, "hmac-sha256")) == 7
    with pytest.raises(BadSignatureError, match="unknown secret"):
        signed.loads(data, secret)


@given(values, st.sampled_from([None, "zlib"]), st.sampled_from(["", "a name, ä"]))
def test_size_is_that_of_the_bytes(value, compress, name):
    data = signed.dumps(value, "s" * 32, compress=compress, name=name)
    assert signed.size_bytes(value, compress=compress, name=name) == len(data)


def test_size_of_arrays(array, secret):
    assert signed.size_bytes(array) == len(signed.dumps(array, secret))


# -- what is refused, and how it is told apart -------------------------------------------------------------------------


@pytest.fixture
def planted(tmp_path, secret):
    """What makes a directory when it is unpickled, signed, and that directory."""
    marker = tmp_path / "unpickled"
    yield signed.dumps(Marking(marker), secret)
    assert not marker.exists()


def refused(kind, data, secret, **options):
    with pytest.raises(BadEntryError) as caught:
        signed.loads(data, secret, **options)
    assert type(caught.value) is kind
    with pytest.raises(kind):
        signed.load(io.BytesIO(data), secret, **options)
    return caught.value.message


@pytest.mark.parametrize("size", [0, 1, 87])
def test_too_short(planted, secret, size):
    assert refused(UnknownFormatError, planted[:size], secret) == f"only {size} bytes, which is no entry"


def test_cut_short(planted, secret):
    for size in range(88, len(planted)):
        assert "cut short" in refused(BadSignatureError, planted[:size], secret)


def test_a_wrong_secret(planted):
    assert "unknown secret" in refused(BadSignatureError, planted, "w" * 32)


def test_another_name(secret, tmp_path):
    data = signed.dumps(Marking(tmp_path / "never"), secret, name="cookie")
    told = refused(BadSignatureError, data, secret, name="order")
    assert told == "it says that it was signed with name='cookie', not 'order'"
    assert "not ''" in refused(BadSignatureError, data, secret)


@pytest.mark.parametrize(("writing", "reading"), [("json", "pickle"), ("pickle", "json")])
def test_another_serializer(secret, writing, reading):
    data = signed.dumps([1], secret, serializer=writing)
    assert signed.loads(data, secret, serializer=writing) == [1]
    told = refused(BadSignatureError, data, secret, serializer=reading)
    assert told == f"it says that it was signed with serializer={writing!r}, not {reading!r}"


def test_a_name_that_is_not_there(planted, secret):
    assert "signed with name='', not 'x'" in refused(BadSignatureError, planted, secret, name="x")


def test_a_plain_pickle(tmp_path, secret):
    marker = tmp_path / "unpickled"
    for protocol in range(6):
        data = pickle.dumps([Marking(marker), "x" * 100], protocol)
        assert refused(UnknownFormatError, data, secret) == "this is not an entry"
    assert not marker.exists()


def test_every_changed_byte(planted, secret):
    for position in range(len(planted)):
        changed = bytearray(planted)
        changed[position] ^= 1
        with pytest.raises((BadSignatureError, UnknownFormatError)):
            signed.loads(bytes(changed), secret)


def test_every_changed_byte_around_a_buffer(secret):
    data = signed.dumps(numpy.arange(600), secret)
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 128
        for read in (signed.loads, lambda data, secret: signed.load(io.BytesIO(data), secret)):
            with pytest.raises((BadSignatureError, UnknownFormatError)):
                read(bytes(changed), secret)


def test_a_length_that_is_not_there_takes_no_memory(planted, secret):
    for where in (56, 60, 64, 72):
        changed = bytearray(planted)
        changed[where : where + 4] = b"\xff\xff\xff\x7f"
        with pytest.raises((BadSignatureError, UnknownFormatError)):
            signed.load(io.BytesIO(bytes(changed)), secret)


def test_a_snapshot_is_told(tmp_path, secret):
    snapshots = Snapshots(PlainStore(tmp_path), secret=secret)
    key = snapshots.save("name", 1).key
    data = snapshots.store.get(key)
    assert refused(UnknownFormatError, data, secret) == "this is a snapshot, where a signed value is read"


def test_a_cache_entry_is_told(cache, secret):
    @cache.cached
    def answer():
        return 42

    answer()
    data = cache.store.get(answer.cache_key())
    assert refused(UnknownFormatError, data, secret).startswith("this is the stored result of a function, where")


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_signed_value_under_another_kind_does_not_verify(planted, secret, kind, store):
    changed = bytearray(planted)
    changed[6] = kind
    refused(UnknownFormatError, bytes(changed), secret)


def test_a_signed_value_in_the_place_of_a_cache_entry_is_a_miss(cache, secret, tmp_path):
    marker = tmp_path / "unpickled"

    @cache.cached
    def answer():
        return 42

    answer()
    cache.store.set(answer.cache_key(), [signed.dumps(Marking(marker), secret)], None)
    assert answer() == 42
    assert not marker.exists()


def test_a_compression_that_is_not_known(planted, secret):
    changed = bytearray(planted)
    changed[7] = 9
    assert refused(UnknownFormatError, bytes(changed), secret) == "compressed with unknown algorithm 9"


def gone(value):
    """Makes the value, and will be gone."""
    return value


class Moved:
    def __reduce__(self):
        return gone, (1,)


def test_what_cannot_be_made_any_more(secret, monkeypatch):
    data = signed.dumps(Moved(), secret)
    assert signed.loads(data, secret) == 1
    monkeypatch.delattr(f"{__name__}.gone")
    assert "gone" in refused(BadPayloadError, data, secret)


def test_only_what_is_allowed_is_loaded(tmp_path, secret):
    data = signed.dumps(Marking(tmp_path / "never"), secret)
    assert "mkdir" in refused(BadPayloadError, data, secret, serializer=PickleSerializer(allowed=[Marking]))
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"protocol": 6}, "protocol=6"),
        ({"protocol": True}, "protocol=True"),
        ({"protocol": 2, "serializer": PickleSerializer(allowed=[])}, "serializer='pickle' only"),
        ({"serializer": "pikle"}, "serializer='pikle'"),
        ({"compress": "zip"}, "compress='zip'"),
        ({"name": 7}, "name=7"),
    ],
)
def test_wrong_options(secret, options, told):
    with pytest.raises(ConfigurationError, match=told):
        signed.dumps(1, secret, **options)


def test_a_protocol_in_the_place_of_the_secret():
    with pytest.raises(SecretError, match="not int"):
        signed.dumps(1, 5)


def test_no_place_for_a_secret(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null/config")
    with pytest.raises(SecretError, match="give secret="):
        signed.dumps(1)


def test_a_value_that_cannot_be_pickled_raises_its_own_error(secret):
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        signed.dumps(lambda: 1, secret)


# -- files -------------------------------------------------------------------------------------------------------------


def test_dump_and_load_by_path(tmp_path, array, secret):
    path = tmp_path / "value"
    signed.dump({"array": array}, path, secret)
    numpy.testing.assert_array_equal(signed.load(path, secret)["array"], array)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["value"]


def test_a_path_without_a_folder(tmp_path, monkeypatch, secret):
    monkeypatch.chdir(tmp_path)
    signed.dump(1, "value", secret, durable=True)
    assert signed.load("value", secret) == 1


def test_a_path_in_no_folder_is_named_by_the_error(tmp_path, secret):
    path = str(tmp_path / "missing" / "value")
    with pytest.raises(FileNotFoundError) as caught:
        signed.dump(1, path, secret)
    assert caught.value.filename == path


def test_what_cannot_be_pickled_leaves_the_file_as_it_was(tmp_path, secret):
    path = tmp_path / "value"
    signed.dump("old", path, secret)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        signed.dump(["new", lambda: 1], path, secret)
    assert signed.load(path, secret) == "old"
    assert os.listdir(tmp_path) == ["value"]


def test_a_folder_that_is_missing_is_told(tmp_path, secret):
    with pytest.raises(FileNotFoundError):
        signed.dump(1, tmp_path / "missing" / "value", secret)
    with pytest.raises(FileNotFoundError):
        signed.load(tmp_path / "value", secret)


def test_a_symlink_is_replaced_and_not_written_through(tmp_path, secret):
    (tmp_path / "target").write_text("somebody's")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    signed.dump(1, tmp_path / "link", secret)
    assert (tmp_path / "target").read_text() == "somebody's"
    assert signed.load(tmp_path / "link", secret) == 1


def test_a_bad_file_is_named(tmp_path, secret):
    path = tmp_path / "value"
    path.write_bytes(b"nonsense")
    with pytest.raises(UnknownFormatError) as caught:
        signed.load(path, secret)
    assert caught.value.place == str(path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == f"only 8 bytes, which is no entry: {path}"


def test_a_file_of_two_is_for_iter_load(tmp_path, secret):
    path = tmp_path / "value"
    with open(path, "wb") as file:
        signed.dump(1, file, secret)
        signed.dump(2, file, secret)
    with pytest.raises(BadSignatureError, match="iter_load"):
        signed.load(path, secret)
    assert list(signed.iter_load(path, secret)) == [1, 2]


@pytest.fixture
def several(array):
    return [array, "text", array[:2], {"nested": [array]}, None]


@pytest.mark.parametrize("compress", [None, "zlib"])
def test_several_objects_come_back_in_their_order(several, secret, compress, tmp_path):
    with open(tmp_path / "several", "wb") as file:
        for value in several:
            signed.dump(value, file, secret, compress=compress)
    found = list(signed.iter_load(tmp_path / "several", secret))
    assert len(found) == len(several)
    numpy.testing.assert_array_equal(found[0], several[0])
    numpy.testing.assert_array_equal(found[3]["nested"][0], several[0])
    assert found[1] == "text"
    assert found[4] is None


def test_objects_appended_later_follow(tmp_path, secret):
    for number in range(3):
        with open(tmp_path / "log", "ab") as file:
            signed.dump(number, file, secret)
    assert list(signed.iter_load(tmp_path / "log", secret)) == [0, 1, 2]


def test_load_leaves_an_open_file_behind_the_object(secret):
    file = io.BytesIO()
    for number in range(2):
        signed.dump([number, numpy.arange(5000)], file, secret)
    file.seek(0)
    assert [signed.load(file, secret)[0] for _ in range(2)] == [0, 1]
    with pytest.raises(UnknownFormatError, match="the file has ended"):
        signed.load(file, secret)


def test_objects_go_through_a_pipe_and_a_compressed_file(several, secret, tmp_path):
    with gzip.open(tmp_path / "file.gz", "wb") as file:
        for value in several:
            signed.dump(value, file, secret)
    with gzip.open(tmp_path / "file.gz", "rb") as file:
        assert len(list(signed.iter_load(file, secret))) == len(several)
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as source, open(writing, "wb", buffering=0) as target:
        signed.dump("through a pipe", target, secret)
        assert signed.load(source, secret) == "through a pipe"


class Dribbling(io.RawIOBase):
    """A raw file that takes and gives a few bytes at a time."""

    def __init__(self):
        self.data = bytearray()
        self.position = 0

    def write(self, data):
        self.data += bytes(data[:1000])
        return min(len(data), 1000)

    def readable(self):
        return True

    def readinto(self, target):
        part = self.data[self.position : self.position + min(len(target), 777)]
        target[: len(part)] = part
        self.position += len(part)
        return len(part)


def test_a_raw_file_that_takes_and_gives_less_than_was_asked(secret):
    file = Dribbling()
    for number in range(3):
        signed.dump([number, numpy.arange(20_000)], file, secret)
    found = list(signed.iter_load(file, secret))
    assert [number for number, _ in found] == [0, 1, 2]
    numpy.testing.assert_array_equal(found[2][1], numpy.arange(20_000))


class OnlyRead:
    """The least that a file can be."""

    def __init__(self, data):
        self.read = io.BytesIO(data).read


def test_a_file_that_can_only_be_read(secret):
    data = signed.dumps(numpy.arange(20_000), secret)
    (found,) = signed.iter_load(OnlyRead(data), secret)
    numpy.testing.assert_array_equal(found, numpy.arange(20_000))
    found[0] = 7


def test_a_tail_that_is_cut_short_is_told_with_its_number(secret):
    data = b"".join(signed.dumps([number, numpy.arange(600)], secret) for number in range(3))
    size = len(data) // 3
    for cut in range(1, size):
        loaded = signed.iter_load(io.BytesIO(data[:-cut]), secret)
        assert [next(loaded)[0], next(loaded)[0]] == [0, 1]
        with pytest.raises(BadEntryError) as caught:
            next(loaded)
        assert caught.value.place == "the file, object 3"
        assert "cut short" in caught.value.message or "only" in caught.value.message


def test_objects_in_another_file_verify_by_themselves(secret):
    first, second = signed.dumps(1, secret), signed.dumps(2, secret)
    assert list(signed.iter_load(io.BytesIO(second + first + second), secret)) == [2, 1, 2]  # as documented


def test_an_empty_file_has_no_objects(tmp_path, secret):
    (tmp_path / "empty").touch()
    assert list(signed.iter_load(tmp_path / "empty", secret)) == []


# -- copies ------------------------------------------------------------------------------------------------------------


@given(values)
def test_a_copy_is_equal(value):
    assert signed.deep_copy(value) == value


def test_a_copy_shares_no_memory(array):
    value = {"array": array, "again": array, "list": [1, 2]}
    copied = signed.deep_copy(value)
    numpy.testing.assert_array_equal(copied["array"], array)
    assert copied["array"] is copied["again"]
    assert not numpy.shares_memory(copied["array"], array)
    assert copied["list"] is not value["list"]
    copied["array"][:1] = copied["array"][1:2]


def test_a_copy_needs_no_secret(monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "short")
    assert signed.deep_copy([1]) == [1]


def test_what_is_held_by_a_cache_and_by_signed_is_apart(secret, tmp_path):
    """A cache entry is no signed value even if its header says so: the purpose is in the signature."""
    cache = Cache(PlainStore(tmp_path), secret=secret)

    @cache.cached
    def answer():
        return 42

    answer()
    data = bytearray(cache.store.get(answer.cache_key()))
    data[6] = 3
    assert "the signature does not match" in refused(BadSignatureError, bytes(data), secret)
