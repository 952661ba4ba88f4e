"""The quick way of plain arguments and the plain way give the same answers."""

from __future__ import annotations

import math

import pytest
from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

import memopickle
from memopickle import Cache, CachedFunction, DirectoryStore, MemoryStore
from memopickle.quick import _LIMIT

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, 2.5]),
    st.sampled_from(["", "a", "1", "x" * 300]),
    st.sampled_from([b"", b"a", b"1"]),
    st.tuples(st.integers(0, 1)),
    st.tuples(st.sampled_from([0, 0.0, -0.0, False, 1, 1.0, True, math.nan]), st.sampled_from(["", b"", (), (1,)])),
    st.just([1]),
)


@pytest.fixture(params=["memory", "bounded", "shared objects", "directory", "hooked"])
def cache(request, tmp_path):
    stores = {
        "memory": MemoryStore,
        "bounded": lambda: MemoryStore(50, 1_000_000),
        "shared objects": lambda: MemoryStore(copy=False),
        "directory": lambda: DirectoryStore(tmp_path),
        "hooked": MemoryStore,
    }
    return Cache(stores[request.param](), on_event=(lambda event: None) if request.param == "hooked" else None)


def quick(function):
    return type(function) is not CachedFunction


def warmed(function, *args):
    """The function, quick by now."""
    for _ in range(10):
        function(*args)
    assert quick(function)
    return function


@settings(max_examples=150)
@given(calls=st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=30))
def test_every_call_gets_the_answer_of_its_own_arguments(calls):
    cache = Cache(MemoryStore())

    @cache.cached
    def f(a, b=1):
        return repr((a, b))

    for a, b in calls * 4:
        assert f(a, b) == f.__wrapped__(a, b)


@settings(max_examples=150)
@given(
    calls=st.lists(st.tuples(st.lists(PLAIN, max_size=3), st.dictionaries(st.sampled_from("bck"), PLAIN)), min_size=1)
)
def test_every_call_of_any_arguments_gets_the_answer_of_its_own(calls):
    cache = Cache(MemoryStore())

    @cache.cached
    def anything(*args, **kwargs):
        return repr((args, sorted(kwargs.items())))

    @cache.cached
    def some(a=0, /, *args, b=1, **kwargs):
        return repr((a, args, b, sorted(kwargs.items())))

    for args, kwargs in calls * 4:
        for function in (anything, some):
            assert function(*args, **kwargs) == function.__wrapped__(*args, **kwargs)


@pytest.mark.parametrize("call", [lambda f: f(1), lambda f: f(1, 2), lambda f: f()], ids=["one", "two", "none"])
def test_a_function_of_any_arguments_becomes_quick(cache, call):
    @cache.cached
    def f(*args, **kwargs):
        return args

    for _ in range(10):
        call(f)
    assert quick(f)
    assert call(f) == call(f.__wrapped__)
    assert f(1, other=2) == f(1, other=3) == (1,)
    assert f.cache_info()[:2] == (10, 3)


def test_ignored_keywords_are_passed_on(cache):
    @cache.cached(ignore=("options",))
    def f(a, **options):
        return a, options

    for _ in range(10):
        f(1)
    assert quick(f)
    assert f(1, verbose=True) == (1, {})
    assert f(2, verbose=True) == (2, {"verbose": True})


def test_a_function_of_ignored_keywords_alone_stays_as_it_is(cache):
    @cache.cached(ignore=("options",))
    def f(**options):
        return options

    assert [f(x=1) for _ in range(10)] == [{"x": 1}] * 10
    assert f.cache_info()[:2] == (9, 1)


def test_a_wrong_call_of_a_quick_function_says_so_like_the_function(cache):
    @cache.cached
    def f(a, *rest, b):
        return a

    for _ in range(10):
        f(1, 2, b=3)
    assert quick(f)
    with pytest.raises(TypeError, match=r"f\(\) missing 1 required keyword-only argument: 'b'"):
        f(1, 2)


def test_calls_count_hits_and_misses_alike(cache):
    @cache.cached
    def f(a, *, b=2):
        return a, b

    for _ in range(10):
        f(1)
        f(1, b=2)
        f(2, b=3)
    assert quick(f)
    assert f.cache_info()[:2] == (28, 2)


def test_a_result_may_be_changed_by_its_caller(tmp_path):
    cache = Cache(MemoryStore())
    f = warmed(cache.cached(lambda a: [a]), 1)
    f(1).append(2)
    assert f(1) == [1]


def test_equal_values_of_other_types_are_other_calls(cache):
    f = cache.cached(lambda a: type(a).__name__)
    for value, name in ((1, "int"), (True, "bool"), (1.0, "float"), (1, "int")) * 5:
        assert f(value) == name


def test_zero_and_minus_zero_are_two_calls(cache):
    f = cache.cached(lambda a: math.copysign(1, a))
    for _ in range(10):
        assert (f(1.0), f(0.0), f(-0.0)) == (1, 1, -1)
    assert quick(f)


def test_equal_tuples_of_other_types_are_other_calls(cache):
    f = cache.cached(lambda a: type(a[0]).__name__)
    for value, name in (((1,), "int"), ((True,), "bool"), ((1.0,), "float")) * 5:
        assert f(value) == name
    assert quick(f)


class Impostor:
    """Claims to be the integer 1 in every way that Python code can."""

    __class__ = int

    def __eq__(self, other):
        return other == 1

    def __hash__(self):
        return hash(1)


def test_an_object_that_claims_to_be_an_int_is_not_taken_for_one(cache):
    f = warmed(cache.cached(lambda a, key=None: type(a).__name__), 1)
    assert f(Impostor()) == "Impostor"


def test_the_ttl_ends_a_quick_hit_to_the_microsecond(cache):
    f = cache.cached(ttl=10)(lambda a: object.__repr__(object()))
    with freeze_time("2026-01-01") as clock:
        first = warmed(f, 1)(1)
        clock.tick(9.999999)
        assert f(1) == first
        clock.tick(0.000001)
        assert f.cache_info().misses == 1
        f(1)
        assert f.cache_info().misses == 2


def test_an_entry_from_the_future_is_a_miss(cache):
    f = cache.cached(lambda a: a)
    with freeze_time("2026-01-01 12:00") as clock:
        warmed(f, 1)
        clock.move_to("2026-01-01 11:55")
        f(1)
        assert f.cache_info().misses == 1
        clock.move_to("2026-01-01 11:54:59.999")
        f(1)
        assert f.cache_info().misses == 2


def test_what_was_invalidated_or_cleared_is_a_miss(cache):
    calls = []
    f = warmed(cache.cached(lambda a: calls.append(a)), 1)
    f.cache_invalidate(1)
    f(1)
    f.cache_clear()
    f(1)
    cache.clear()
    f(1)
    assert len(calls) == 4


def test_what_was_evicted_is_a_miss_and_is_let_go():
    cache = Cache(MemoryStore(2))
    calls = []
    f = warmed(cache.cached(calls.append), 1)
    f(2)
    f(1)
    f(3)
    assert f(1) is None
    f(2)
    assert calls == [1, 2, 3, 2]


def test_a_quick_hit_counts_as_use():
    cache = Cache(MemoryStore(2))
    calls = []
    f = warmed(cache.cached(calls.append), 1)
    for other in (2, 3, 4, 5):
        f(1)
        f(other)
    assert calls.count(1) == 1


def test_disabling_reaches_a_quick_function(cache):
    calls = []
    f = warmed(cache.cached(lambda a: calls.append(a)), 1)
    with memopickle.disabled():
        f(1)
    f(1)
    assert len(calls) == 2


def test_an_entry_of_other_code_under_the_same_version_is_a_miss():
    cache = Cache(MemoryStore())

    def make(value):
        scope = {"__name__": __name__}
        exec(f"def f(a):\n    return {value}", scope)
        return cache.cached(version=1)(scope["f"])

    old, new = make(1), make(2)
    warmed(old, 0)
    assert new(0) == 2
    assert old(0) == 1


@pytest.mark.parametrize("call", [lambda f: f(), lambda f: f(1, 2, 3), lambda f: f(1, c=3), lambda f: f(1, a=1)])
def test_a_wrong_call_is_told_as_the_function_tells_it(cache, call):
    def f(a, b=2):
        return a, b

    with pytest.raises(TypeError) as plain:
        call(f)
    with pytest.raises(TypeError) as quickly:
        call(warmed(cache.cached(f), 1))
    assert str(quickly.value) == str(plain.value)


def test_defaults_positional_only_and_keyword_only_parameters_are_bound_alike(cache):
    @cache.cached(ignore=("verbose",))
    def f(a, /, b=2, *, c=3, verbose=False):
        return a, b, c

    warmed(f, 1)
    assert f(1, 2, c=3, verbose=True) == (1, 2, 3)
    assert f(1, b=2) == (1, 2, 3)
    assert f.cache_info().misses == 1
    assert f(1, c=4) == (1, 2, 4)


def test_a_quick_function_pickles_and_describes_itself_as_before(cache):
    f = warmed(cache.cached(_module_level), 1)
    assert repr(f) == repr(cache.cached(_module_level))
    assert type(f).__name__ == "CachedFunction"
    assert isinstance(f, CachedFunction)


def _module_level(a):
    return a


def test_the_table_of_keys_does_not_grow_without_end():
    cache = Cache(MemoryStore())
    f = cache.cached(lambda a: a)
    for value in range(_LIMIT + 100):
        f(value)
        f(value)
    table = f._memo.quick.known
    assert sum(map(len, table.values())) <= _LIMIT


def test_long_text_is_not_kept_by_the_table(cache):
    f = cache.cached(lambda a: len(a))
    for _ in range(5):
        f("x" * 1000)
        f("short")
    assert not f._memo.quick.known


def test_configuring_the_default_cache_anew_ends_the_quick_way(tmp_path):
    memopickle.configure(DirectoryStore(tmp_path / "a"))
    f = memopickle.cached(lambda a: a)
    warmed(f, 1)
    memopickle.configure(DirectoryStore(tmp_path / "b"))
    f(1)
    assert list((tmp_path / "b").glob("*/*/*"))
