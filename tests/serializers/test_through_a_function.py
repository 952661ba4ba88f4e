"""serializer= of a cached function: what is stored and refused, in every kind of store, and under which key."""

import io
import logging
import pickle
import subprocess
import sys
import threading

import pytest
from helpers.needed import need

from memopickle import (
    Cache,
    ConfigurationError,
    DirectoryStore,
    MemoryStore,
    PickleSerializer,
    ShelveStore,
    TieredStore,
)
from memopickle.audit import Auditor, State
from memopickle.events import NotStored, Stored
from memopickle.options import Options
from memopickle.rotation import RESIGNED, Resigner
from memopickle.secret import Secret

SECRET = "a secret of more than 32 bytes, for the tests"
OTHER = "another secret of more than 32 bytes, of old"

for package in ("cloudpickle", "dill", "msgpack"):
    need(package)

NAMES = ["pickle", "cloudpickle", "dill", "json", "msgpack"]
DATA = {"rows": [1, 2.5, None, True, "text"], "more": {"a": [[], {}]}}


class Reversed:
    """A serializer of the user's."""

    name = "reversed"

    def dumps(self, value):
        return pickle.dumps(value)[::-1]

    def loads(self, data):
        return pickle.loads(data[::-1])

    def __repr__(self):
        return "Reversed()"


SERIALIZERS = [*NAMES, PickleSerializer(allowed=[]), Reversed()]
EACH = pytest.mark.parametrize("serializer", SERIALIZERS, ids=lambda one: one if isinstance(one, str) else one.name)


@pytest.fixture(params=["directory", "mapped", "shelf", "memory", "tiered"])
def cache(request, tmp_path, events):
    stores = {
        "directory": lambda: DirectoryStore(tmp_path / "d"),
        "mapped": lambda: DirectoryStore(tmp_path / "d", mmap=True),
        "shelf": lambda: ShelveStore(tmp_path / "s"),
        "memory": MemoryStore,
        "tiered": lambda: TieredStore(MemoryStore(), DirectoryStore(tmp_path / "d")),
    }
    return Cache(stores[request.param](), secret=SECRET, on_event=events.append)


def reasons(events):
    return [event.reason for event in events if isinstance(event, NotStored)]


def returning(cache, value, **options):
    """A cached function that returns a value, and the list of its calls."""
    calls = []

    def f(x=0):
        calls.append(x)
        return value

    return cache.cached(f, track_code="off", key=lambda x=0: x, **options), calls


@EACH
@pytest.mark.parametrize("compress", [None, "zlib"])
def test_data_comes_back_without_computing(cache, serializer, compress):
    f, calls = returning(cache, DATA, serializer=serializer, compress=compress)
    for _ in range(8):  # also in the quick way
        assert f() == DATA
    assert len(calls) == 1


@EACH
def test_a_caller_cannot_change_what_is_stored(cache, serializer):
    f, _ = returning(cache, {"a": [1]}, serializer=serializer)
    f()
    f()["a"].append(2)
    assert f() == {"a": [1]}


@EACH
def test_the_next_program_finds_it(tmp_path, serializer):
    for computed in (1, 0):
        f, calls = returning(Cache(DirectoryStore(tmp_path), secret=SECRET), DATA, serializer=serializer)
        assert (f(), len(calls)) == (DATA, computed)


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
@pytest.mark.parametrize("value", [(1, 2), {"a": (1,)}], ids=["at the top", "within"])
def test_what_would_not_come_back_is_returned_with_one_warning(cache, serializer, value, events, caplog):
    f, calls = returning(cache, value, serializer=serializer)
    assert [f(), f()] == [value, value]
    assert len(calls) == 2
    told = [reason for reason in reasons(events) if "a tuple would come back as a list" in reason]
    assert len(told) == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "a tuple would come back as a list; the function's own result is used" in caplog.text


def test_json_refuses_bytes_also_where_memory_would_keep_them(cache, events):
    f, calls = returning(cache, b"bytes", serializer="json")
    assert [f(), f()] == [b"bytes", b"bytes"]
    assert len(calls) == 2
    assert "JSON can't hold a bytes" in reasons(events)[0]


def test_a_store_that_keeps_objects_asks_no_serializer():
    value = (1, {2})
    f, calls = returning(Cache(MemoryStore(copy=False)), value, serializer="json")
    assert f() is f() is value
    assert len(calls) == 1


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_data_formats_never_remember_exceptions(cache, serializer, events):
    calls = []

    @cache.cached(serializer=serializer, exceptions=KeyError, track_code="off", key=lambda: 0)
    def f():
        calls.append(0)
        raise KeyError("gone")

    for _ in range(2):
        with pytest.raises(KeyError, match="gone"):
            f()
    assert len(calls) == 2
    assert "can't hold a KeyError" in reasons(events)[0]


@pytest.mark.parametrize("serializer", ["pickle", "cloudpickle", "dill", Reversed()], ids=str)
def test_the_others_remember_exceptions(cache, serializer):
    calls = []

    @cache.cached(serializer=serializer, exceptions=KeyError, track_code="off", key=lambda: 0)
    def f():
        calls.append(0)
        raise KeyError("gone")

    for _ in range(2):
        with pytest.raises(KeyError, match="gone"):
            f()
    assert len(calls) == 1


@pytest.mark.parametrize("serializer", ["cloudpickle", "dill"])
def test_functions_and_local_classes_are_kept_by_value(cache, serializer):
    offset = 3

    class Local:
        def value(self):
            return offset

    f, calls = returning(cache, {"add": lambda x: x + offset, "local": Local()}, serializer=serializer)
    f()
    found = f()
    assert (found["add"](4), found["local"].value(), len(calls)) == (7, 3, 1)


def test_arrays_lie_beside_what_cloudpickle_writes(tmp_path):
    numpy = need("numpy")
    cache = Cache(DirectoryStore(tmp_path, mmap=True), secret=SECRET)
    f, _ = returning(cache, {"a": numpy.arange(10_000), "b": len}, serializer="cloudpickle")
    f()
    found = f()["a"]
    assert found.tolist() == list(range(10_000))
    assert not found.flags.writeable  # mapped


@pytest.mark.parametrize("serializer", ["cloudpickle", "dill"])
def test_an_open_file_is_not_stored_as_its_contents_or_name(cache, serializer, tmp_path, events):
    (tmp_path / "file").write_text("text")
    for mode in ("r", "rb"):
        with open(tmp_path / "file", mode) as file:
            f, calls = returning(cache, {mode: file}, serializer=serializer)
            assert f()[mode] is f()[mode] is file
            assert len(calls) == 2
    assert "result['r']: cannot pickle 'TextIOWrapper' object" in reasons(events)[0]


@pytest.mark.parametrize("serializer", ["cloudpickle", "dill"])
def test_text_and_bytes_in_memory_are_no_open_files(cache, serializer):
    f, calls = returning(cache, [io.StringIO("a"), io.BytesIO(b"b")], serializer=serializer)
    f()
    assert [one.read() for one in f()] == ["a", b"b"]
    assert len(calls) == 1


def test_dill_makes_locks_within_objects_anew_but_stores_no_lock(cache):
    f, calls = returning(cache, {"lock": threading.Lock()}, serializer="dill")
    f()
    assert f()["lock"].acquire(blocking=False)
    assert len(calls) == 1
    g, calls = returning(cache, threading.Lock(), serializer="dill", version=2)
    assert g() is g()
    assert len(calls) == 2


# -- the key ---------------------------------------------------------------------------------------------------------


def test_each_serializer_has_keys_of_its_own(store):
    keys = {returning(Cache(store, secret=SECRET), 1, serializer=one)[0].cache_key() for one in [*NAMES, Reversed()]}
    assert len(keys) == len(NAMES) + 1


@pytest.mark.parametrize("serializer", ["cloudpickle", "dill"])
def test_code_is_not_shared_between_python_versions(store, serializer, monkeypatch):
    cache = Cache(store, secret=SECRET)
    here = returning(cache, 1, serializer=serializer)[0].cache_key()
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert returning(cache, 1, serializer=serializer)[0].cache_key() != here


@pytest.mark.parametrize("serializer", ["pickle", "json", "msgpack", Reversed()], ids=str)
def test_data_is_shared_between_python_versions(store, serializer, monkeypatch):
    cache = Cache(store, secret=SECRET)
    here = returning(cache, 1, serializer=serializer)[0].cache_key()
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert returning(cache, 1, serializer=serializer)[0].cache_key() == here


def test_a_stolen_secret_gets_no_code_into_a_json_entry(tmp_path):
    """Who can sign puts a pickle where JSON is expected: it is a miss."""
    marker = tmp_path / "marker"
    cache = Cache(DirectoryStore(tmp_path / "c"), secret=SECRET)
    f, calls = returning(cache, 1, serializer="json")
    f()
    key = f.cache_key()
    (path,) = [cache.store.place(key)]
    entry = Auditor(cache.store, [Secret(SECRET).signer]).check(key).entry

    class Pretending:
        name = "json"

        def encode(self, value):
            return [b"cos\nmkdir\n(V%s\ntR." % str(marker).encode()], ()

        def decode(self, stream, buffers):
            raise AssertionError

    forged = cache.codec("", Pretending()).encode(key, None, entry.facts)
    with open(path, "wb") as file:
        file.writelines(forged)
    assert f() == 1
    assert (len(calls), marker.exists()) == (2, False)


# -- those who verify all entries ------------------------------------------------------------------------------------


@EACH
def test_entries_of_each_are_verified_and_signed_anew(store, serializer):
    old, new = Secret(OTHER).signer, Secret(SECRET).signer
    f, _ = returning(Cache(store, secret=OTHER), DATA, serializer=serializer, compress="zlib")
    f()
    assert Cache(store, secret=OTHER).verify() == (1, [])
    assert Auditor(store, [old]).check(f.cache_key()).state == State.GOOD
    assert Resigner(store, [new, old]).resign(f.cache_key()).state == RESIGNED
    g, calls = returning(Cache(store, secret=SECRET), DATA, serializer=serializer, compress="zlib")
    assert (g(), calls) == (DATA, [])


def test_an_entry_that_says_it_is_of_another_serializer_is_refused(store):
    f, calls = returning(Cache(store, secret=SECRET), "x", serializer="json")
    f()
    path = store.place(f.cache_key())
    with open(path, "rb") as file:
        data = file.read()
    assert b'"serializer":"json"' in data
    for name in (b"dill", b"\\ud8", b"\0\0\0\0"):
        with open(path, "wb") as file:
            file.write(data.replace(b'"serializer":"json"', b'"serializer":"%s"' % name))
        assert Auditor(store, [Secret(SECRET).signer]).check(f.cache_key()).state == State.DAMAGED
    assert (f(), len(calls)) == ("x", 2)


# -- options ---------------------------------------------------------------------------------------------------------


class Nameless:
    def dumps(self, value): ...
    def loads(self, data): ...


def named(name):
    made = Nameless()
    made.name = name
    return made


@pytest.mark.parametrize("name", ["", "json", "pickle", None, 3, b"x", "a+b", "a\nb", "\ud800"])
def test_a_serializer_needs_a_name_of_its_own(cache, name):
    with pytest.raises(ConfigurationError, match="its name is"):
        cache.cached(serializer=named(name))(lambda: 0)


@pytest.mark.parametrize(
    "value",
    ["marshal", "JSON", "", None, 3, pickle, object(), [1]],
    ids=["unknown", "upper case", "empty", "None", "number", "module", "object", "list"],
)
def test_what_is_no_serializer_is_an_error_when_decorating(cache, value):
    with pytest.raises(ConfigurationError, match=r"serializer="):
        cache.cached(serializer=value)(lambda: 0)


def test_a_serializer_that_returns_no_bytes_costs_nobody_the_result(cache, events):
    f, _ = returning(cache, 5, serializer=named("texts"))
    assert [f(), f()] == [5, 5]
    assert "dumps() of the serializer 'texts' returned a NoneType, not bytes" in reasons(events)[0]


def test_a_serializer_that_cannot_load_is_a_miss(tmp_path):
    class Broken(Reversed):
        def loads(self, data):
            raise LookupError("no")

    f, calls = returning(Cache(DirectoryStore(tmp_path), secret=SECRET), 5, serializer=Broken())
    assert [f(), f()] == [5, 5]
    assert len(calls) == 2


def test_a_serializer_gets_bytes(tmp_path, events):
    class Noting(Reversed):
        def loads(self, data):
            seen.append(type(data))
            return super().loads(data)

    seen = []
    for store in (DirectoryStore(tmp_path), MemoryStore()):
        f, _ = returning(Cache(store, secret=SECRET), "x" * 100_000, serializer=Noting())
        f(), f()
    assert seen == [bytes, bytes]


@EACH
def test_options_with_a_serializer_are_pickled(serializer):
    options = pickle.loads(pickle.dumps(Options(serializer=serializer)))
    assert getattr(options.serializer, "name", options.serializer) == getattr(serializer, "name", serializer)


def test_the_parameters_say_which(cache):
    own = Reversed()
    assert returning(cache, 1, serializer="json")[0].cache_parameters()["serializer"] == "json"
    assert returning(cache, 1, serializer=own)[0].cache_parameters()["serializer"] is own


@pytest.mark.parametrize("package", ["cloudpickle", "dill", "msgpack"])
def test_a_missing_package_is_an_error_at_the_first_call_that_names_the_cure(cache, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    f, calls = returning(cache, 1, serializer=package)
    with pytest.raises(ConfigurationError, match=rf"pip install 'memopickle\[{package}\]'"):
        f()
    assert calls == []


@pytest.mark.parametrize("package", ["cloudpickle", "dill", "msgpack"])
def test_a_package_is_imported_by_the_first_result(tmp_path, package):
    program = f"""
import sys
from memopickle import Cache, DirectoryStore
f = Cache(DirectoryStore({str(tmp_path)!r}), secret={SECRET!r}).cached(serializer={package!r})(lambda: [1])
f.cache_contains()
assert {package!r} not in sys.modules, "imported too early"
assert f() == f() == [1]
assert {package!r} in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_decorating_with_a_serializer_imports_nothing():
    program = """
import sys
from memopickle import Cache, MemoryStore
before = set(sys.modules)
for name in ("pickle", "cloudpickle", "dill", "json", "msgpack"):
    Cache(MemoryStore()).cached(serializer=name)(lambda: 1)
assert set(sys.modules) == before, set(sys.modules) - before
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_stored_is_told_once_for_each_result(cache, events):
    f, _ = returning(cache, DATA, serializer="json")
    f(), f()
    assert sum(isinstance(event, Stored) for event in events) == 1
    assert reasons(events) == []
