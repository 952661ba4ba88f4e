"""Cache: listing, clearing, checking and carrying around what is stored."""

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from freezegun import freeze_time

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore, SecretError, ShelveStore

SECRET = "c" * 32


@pytest.fixture(params=["directory", "shelve", "memory"])
def store(request, tmp_path):
    if request.param == "directory":
        return DirectoryStore(tmp_path / "cache")
    return ShelveStore(tmp_path / "shelf") if request.param == "shelve" else MemoryStore()


@pytest.fixture
def cache(store):
    return Cache(store, secret=SECRET)


def square(x):
    return x * x


def cube(x):
    return x * x * x


class Tool:
    def apply(self, x):
        return x


@pytest.fixture
def filled(cache):
    """A cache with two squares, a cube and a method's result."""
    functions = cache.cached(square), cache.cached(cube), cache.cached(Tool.apply)
    functions[0](2), functions[0](3), functions[1](2), functions[2](Tool(), 1)
    return cache


def names(cache):
    return [name.rpartition(":")[2] for name in cache.functions()]


class TestListing:
    def test_functions_are_listed_by_name(self, filled):
        assert names(filled) == ["Tool.apply", "cube", "square"]

    def test_entries_tell_what_is_stored_without_loading_it(self, filled):
        (entry,) = filled.entries(cube)
        assert entry.function.endswith("test_cache:cube")
        assert (list(entry.arguments), entry.expires, entry.version, entry.namespace) == (["x"], None, None, "")
        assert entry.size > 0
        assert entry.cost >= 0

    def test_entries_of_a_wildcard(self, filled):
        assert {entry.function.rpartition(":")[2] for entry in filled.entries("*e")} == {"square", "cube"}

    def test_equal_arguments_have_equal_short_digests_across_functions(self, filled):
        digests = {entry.arguments["x"] for entry in filled.entries("*square")}
        (cubed,) = filled.entries(cube)
        assert cubed.arguments["x"] in digests

    def test_stats_count_entries_bytes_and_calls(self, filled):
        rows = {row.function.rpartition(":")[2]: row for row in filled.stats()}
        assert rows["square"].entries == 2
        assert rows["square"].bytes == sum(entry.size for entry in filled.entries(square))
        assert (rows["cube"].entries, rows["Tool.apply"].entries) == (1, 1)

    def test_stats_count_the_calls_of_this_process(self, cache):
        function = cache.cached(square)
        function(1), function(1), function(2)
        (row,) = cache.stats()
        assert (row.hits, row.misses) == (1, 2)


class TestClearing:
    def test_everything(self, filled):
        assert (filled.clear(), list(filled.entries())) == (4, [])

    @pytest.mark.parametrize("of", [lambda cache: square, lambda cache: cache.cached(square)], ids=["plain", "cached"])
    def test_a_function_by_object(self, filled, of):
        assert (filled.clear(of(filled)), names(filled)) == (2, ["Tool.apply", "cube"])

    def test_a_method_by_object(self, filled):
        assert (filled.clear(Tool.apply), names(filled)) == (1, ["cube", "square"])

    def test_a_function_by_dotted_name(self, filled):
        name = next(name for name in filled.functions() if name.endswith("square"))
        assert (filled.clear(name.replace(":", ".")), names(filled)) == (2, ["Tool.apply", "cube"])

    def test_functions_by_wildcard(self, filled):
        assert (filled.clear("*.Tool.*"), names(filled)) == (1, ["cube", "square"])

    def test_a_name_that_fits_nothing_clears_nothing(self, filled):
        assert (filled.clear("no.such.function"), len(list(filled.entries()))) == (0, 4)

    def test_what_is_neither_function_nor_name_is_an_error(self, filled):
        with pytest.raises(ConfigurationError, match="dotted name"):
            filled.clear(3)

    def test_by_age(self, cache):
        function = cache.cached(square)
        with freeze_time("2026-01-01 12:00:00") as frozen:
            function(1)
            frozen.tick(3600)
            function(2)
            frozen.tick(1800)
            assert cache.clear(older_than="1h") == 1
            assert (function.cache_contains(1), function.cache_contains(2)) == (False, True)

    def test_only_what_is_expired(self, cache):
        short, forever = cache.cached(square, ttl=10), cache.cached(cube, ttl=None)
        with freeze_time("2026-01-01") as frozen:
            short(1), forever(1)
            frozen.tick(11)
            short(2)
            assert cache.clear(expired=True) == 1
            assert (short.cache_contains(2), forever.cache_contains(1)) == (True, True)

    def test_prune_removes_what_is_expired_by_the_ttl_it_was_stored_under(self, cache):
        with freeze_time("2026-01-01") as frozen:
            cache.cached(square, ttl=10)(1)
            frozen.tick(11)
            raised = cache.cached(square, ttl=100)
            assert raised.cache_contains(1)
            assert cache.prune() == 1
            assert not raised.cache_contains(1)

    def test_another_namespace_is_left_alone(self, store):
        ours, theirs = Cache(store, secret=SECRET, namespace="ours"), Cache(store, secret=SECRET, namespace="theirs")
        ours.cached(square)(2), theirs.cached(square)(2)
        assert (ours.clear(), names(theirs)) == (1, ["square"])

    def test_needs_no_secret_and_no_import(self, tmp_path):
        Cache(DirectoryStore(tmp_path), secret=SECRET).cached(square)(2)
        stranger = Cache(DirectoryStore(tmp_path))
        assert stranger.clear("*.square") == 1


class TestClearingWhatIsBeingComputed:
    @pytest.mark.parametrize("of", ["*.compute", "name", None], ids=["wildcard", "name", "everything"])
    def test_a_first_value_that_is_being_computed_is_kept_out(self, cache, of):
        @cache.cached
        def compute(x):
            cache.clear(f"{__name__}.{compute.__qualname__}" if of == "name" else of)
            return x

        assert compute(1) == 1
        assert list(cache.entries()) == []

    def test_another_functions_name_does_not_keep_it_out(self, cache):
        @cache.cached
        def compute(x):
            cache.clear("*.square")
            return x

        assert compute(1) == 1
        assert len(list(cache.entries())) == 1


class TestVerifying:
    @pytest.fixture
    def disk(self, tmp_path):
        return Cache(DirectoryStore(tmp_path / "disk"), secret=SECRET)

    def test_good_entries_are_counted(self, filled):
        assert filled.verify() == (4, [])

    def test_a_damaged_entry_is_named_with_its_place_and_reason(self, disk):
        function = disk.cached(square)
        function(2), function(3)
        path = disk.store.place(function.cache_key(2))
        with open(path, "r+b") as file:
            file.seek(100)
            file.write(b"\xff")
        good, (bad,) = disk.verify()
        assert (good, bad.key, bad.place) == (1, function.cache_key(2), path)
        assert "signature" in bad.reason

    def test_entries_of_another_secret_are_bad(self, disk):
        disk.cached(square)(2)
        other = Cache(disk.store, secret="o" * 32)
        assert [bad.reason for bad in other.verify().bad] == [
            "unknown secret: it was signed with one that is not configured here"
        ]

    def test_nothing_is_removed(self, disk):
        function = disk.cached(square)
        function(2)
        open(disk.store.place(function.cache_key(2)), "wb").close()
        disk.verify()
        assert len(list(disk.store.keys())) == 1


class TestNamespaces:
    def test_caches_of_other_namespaces_share_nothing(self, store):
        Cache(store, secret=SECRET, namespace="a").cached(square)(2)
        assert not Cache(store, secret=SECRET, namespace="b").cached(square).cache_contains(2)
        assert Cache(store, secret=SECRET, namespace="a").cached(square).cache_contains(2)


class TestCarrying:
    def test_a_copy_is_the_cache_itself(self, cache):
        assert copy.copy(cache) is cache
        assert copy.deepcopy({"cache": cache})["cache"] is cache

    def test_a_pickle_carries_store_namespace_and_defaults_but_no_secret(self, tmp_path):
        cache = Cache(DirectoryStore(tmp_path), namespace="n", secret=SECRET, ttl="1h")
        data = pickle.dumps(cache)
        again = pickle.loads(data)
        assert (again.store.path, again.namespace) == (cache.store.path, "n")
        assert SECRET.encode() not in data

    def test_an_unpickled_cache_takes_its_secret_from_the_environment(self, tmp_path, monkeypatch):
        cache = Cache(DirectoryStore(tmp_path), secret=SECRET)
        cache.cached(square)(2)
        monkeypatch.setenv("MEMOPICKLE_SECRET", SECRET)
        assert pickle.loads(pickle.dumps(cache)).cached(square).cache_contains(2)

    def test_it_closes_as_a_context_manager_and_can_be_used_again(self, cache):
        with cache as entered:
            cache.cached(square)(2)
        assert entered is cache
        assert cache.cached(square).cache_contains(2)

    def test_a_short_secret_is_an_error_when_the_cache_is_made(self):
        with pytest.raises(SecretError, match="at least 32"):
            Cache(MemoryStore(), secret="short")

    def test_scikit_learns_name_for_cached_is_there(self, cache):
        function = cache.cache(square)
        assert (function(3), function(3), function.cache_info().hits) == (9, 9, 1)


def test_filters_of_clear_must_all_apply(cache):
    short, forever = cache.cached(square, ttl=10), cache.cached(cube, ttl=None)
    with freeze_time("2026-01-01") as frozen:
        short(1), forever(1)
        frozen.tick(100)
        short(2)
        frozen.tick(11)
        assert cache.clear(older_than=60, expired=True) == 1
        assert (len(list(cache.entries(square))), forever.cache_contains(1)) == (1, True)


@pytest.mark.parametrize(
    "wrong", [{"namespace": 3}, {"on_event": 3}, {"on_event": [print, None]}, {"clock": 3}, {"secret": 3}], ids=str
)
def test_a_wrong_argument_is_an_error_that_names_it(wrong):
    with pytest.raises((ConfigurationError, SecretError), match=f"{next(iter(wrong))}="):
        Cache(MemoryStore(), **wrong)


def test_a_function_is_found_by_name_while_threads_call_others_for_the_first_time():
    cache = Cache(MemoryStore(), secret=SECRET)
    kept = [cache.cached(lambda x: x, version=1) for _ in range(300)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            calls = [pool.submit(function, 1) for function in kept]
            while not all(call.done() for call in calls):
                assert cache.name_of("f" * 122) == ""
    finally:
        sys.setswitchinterval(before)
    assert {call.result() for call in calls} == {1}
