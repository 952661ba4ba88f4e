"""What a decorated function is and does."""

import fractions
import functools
import inspect
import math
import operator
import pickle
import threading

import pytest

from memopickle import (
    Cache,
    CachedFunction,
    ConfigurationError,
    DirectoryStore,
    MemoryStore,
    PickleSerializer,
    StoreError,
    UnkeyableError,
    cached,
    disabled,
)

SECRET = "d" * 32


@pytest.fixture
def cache(tmp_path):
    return Cache(DirectoryStore(tmp_path / "cache"), secret=SECRET)


class TestCalls:
    def test_the_second_call_is_answered_from_the_cache(self, cache):
        runs = []

        @cache.cached
        def double(x):
            runs.append(x)
            return [x, x]

        assert (double(2), double(2), runs) == ([2, 2], [2, 2], [2])

    def test_call_forms_are_one_call(self, cache):
        @cache.cached
        def add(a, b=1, *, c=0):
            return a + b + c

        keys = {
            add.cache_key(1),
            add.cache_key(a=1),
            add.cache_key(1, 1),
            add.cache_key(b=1, a=1),
            add.cache_key(1, c=0),
        }
        assert len(keys) == 1

    @pytest.mark.parametrize("others", [(1.0,), (True,), ("1",), (b"1",), ((1,),), (1, 1), ([1],), (None,)], ids=repr)
    def test_arguments_of_other_types_or_number_are_other_calls(self, cache, others):
        @cache.cached
        def function(*args):
            return args

        assert function.cache_key(1) != function.cache_key(*others)

    def test_extra_keywords_are_keyed_whatever_their_order(self, cache):
        @cache.cached
        def function(**extra):
            return extra

        assert function.cache_key(a=1, b=2) == function.cache_key(b=2, a=1) != function.cache_key(a=2, b=1)

    def test_positional_only_parameters_and_their_names_as_keywords_differ(self, cache):
        @cache.cached
        def function(a, /, **extra):
            return a, extra

        assert function(1, a=2) == (1, {"a": 2})
        assert function.cache_key(1, a=2) != function.cache_key(2, a=1)

    def test_a_wrong_call_raises_the_functions_own_error(self, cache):
        @cache.cached
        def function(a):
            return a

        with pytest.raises(TypeError, match=r"function\(\) missing 1 required positional argument: 'a'"):
            function()

    def test_a_default_that_was_changed_since_is_another_call(self, cache):
        @cache.cached
        def function(x, options=[]):  # noqa: B006  what is tested
            return x + len(options)

        assert function(1) == 1
        function.__wrapped__.__defaults__[0].append("more")
        assert function(1) == 2

    def test_a_default_without_a_key_is_keyed_as_the_default(self, cache):
        missing = object()

        @cache.cached
        def get(x, default=missing, *, other=missing):
            return x, default is missing, other is missing

        assert (get(1), get(1, missing), get(1, other=missing)) == ((1, True, True),) * 3
        assert get(1, None) == (1, False, True)
        assert get.cache_info()[:2] == (2, 2)

    def test_another_object_in_place_of_a_default_without_a_key_is_named(self, cache):
        @cache.cached
        def get(x, default=object()):  # noqa: B008  what is tested
            return x

        with pytest.raises(UnkeyableError, match="of default "):
            get(1, object())

    def test_an_exception_is_raised_and_not_stored(self, cache):
        runs = []

        @cache.cached
        def fail():
            runs.append(1)
            raise KeyError("gone")

        for _ in range(2):
            with pytest.raises(KeyError, match="gone"):
                fail()
        assert len(runs) == 2

    @pytest.mark.parametrize("value", [None, ..., NotImplemented, ValueError, False, 0, ""], ids=repr)
    def test_any_value_is_told_apart_from_a_miss(self, cache, value):
        @cache.cached
        def function():
            return value

        function()
        assert function() is value or function() == value
        assert function.cache_info().hits >= 1

    def test_a_result_that_cannot_be_stored_is_returned_with_one_warning(self, cache, caplog):
        @cache.cached
        def function():
            return threading.Lock()

        assert function() is not function()
        assert [record.name for record in caplog.records] == ["memopickle"]
        assert "cannot pickle '_thread.lock' object" in caplog.text

    def test_an_unkeyable_argument_is_named_with_the_cures(self, cache):
        @cache.cached
        def function(name, job):
            return name

        with pytest.raises(UnkeyableError, match=r"job\['lock'\].*lock.*ignore=\('job',\).*key="):
            function("x", {"lock": threading.Lock()})

    def test_changing_a_result_does_not_change_what_is_stored(self, cache):
        @cache.cached
        def function():
            return {"a": [1]}

        function()["a"].append(2)
        function()["a"].append(3)
        assert function() == {"a": [1]}

    def test_a_function_that_changes_its_argument_is_stored_under_what_it_was_given(self, cache):
        @cache.cached
        def drain(items):
            items.clear()
            return "drained"

        drain([1, 2])
        assert drain.cache_contains([1, 2])
        assert not drain.cache_contains([])


class TestCapturedVariables:
    def test_a_captured_list_that_grows_costs_no_misses(self, cache):
        calls = []

        @cache.cached
        def function(x):
            calls.append(x)
            return x

        for x in (1, 2, 1, 2):
            function(x)
        assert calls == [1, 2]

    def test_closures_of_one_factory_with_other_values_share_nothing(self, cache):
        def times(factor):
            @cache.cached
            def multiply(x):
                return factor * x

            return multiply

        assert (times(2)(10), times(3)(10), times(2)(10)) == (20, 30, 20)

    def test_closures_with_equal_values_share_their_results(self, cache):
        runs = []

        def times(factor):
            @cache.cached
            def multiply(x):
                return factor * x

            return multiply

        first, second = times(2), times(2)
        first(10)
        assert second.cache_contains(10), runs

    def test_a_function_may_capture_itself(self, cache):
        @cache.cached
        def factorial(n):
            return n * factorial(n - 1) if n else 1

        assert factorial(5) == 120
        assert factorial.cache_info().misses == 6

    def test_a_captured_value_without_a_key_shares_nothing_and_warns_once(self, cache, caplog):
        lock = threading.Lock()

        @cache.cached
        def function(x):
            with lock:
                return x

        assert (function(1), function(1)) == (1, 1)
        assert function.cache_info().hits == 1
        assert [("lock" in record.message, "function" in record.message) for record in caplog.records] == [(True, True)]


class Account:
    made = 0

    def __init__(self, owner):
        self.owner = owner

    @cached(store=MemoryStore())
    def plain(self, x):
        type(self).made += 1
        return self.owner, x

    @cached(store=MemoryStore())
    @classmethod
    def cached_outside(cls, x):
        return cls.__name__, x

    @classmethod
    @cached(store=MemoryStore())
    def cached_inside(cls, x):
        return cls.__name__, x

    @cached(store=MemoryStore())
    @staticmethod
    def static_outside(x):
        return x

    @staticmethod
    @cached(store=MemoryStore())
    def static_inside(x):
        return x


class Savings(Account):
    pass


class TestMethods:
    def test_a_method_is_keyed_by_the_state_of_its_object(self):
        Account.made = 0
        Account.plain.cache_clear()
        results = [Account("a").plain(1), Account("a").plain(1), Account("b").plain(1)]
        assert (results, Account.made) == ([("a", 1), ("a", 1), ("b", 1)], 2)

    @pytest.mark.parametrize("name", ["cached_outside", "cached_inside"])
    def test_a_classmethod_gets_its_class_in_either_order_of_decorators(self, name):
        results = [getattr(owner, name)(1) for owner in (Account, Savings, Account("a"), Account)]
        assert results == [("Account", 1), ("Savings", 1), ("Account", 1), ("Account", 1)]

    @pytest.mark.parametrize("name", ["static_outside", "static_inside"])
    def test_a_staticmethod_works_in_either_order_of_decorators(self, name):
        assert (getattr(Account, name)(1), getattr(Account("a"), name)(1)) == (1, 1)

    def test_members_see_self_as_the_call_does(self):
        account = Account("members")
        account.plain.cache_set("stored", 5)
        assert account.plain(5) == "stored"
        assert account.plain.cache_contains(5)
        assert account.plain.cache_peek(5).value == "stored"
        assert account.plain.cache_key(5) == Account.plain.cache_key(account, 5)
        assert account.plain.cache_invalidate(5) is True
        assert account.plain.cache_refresh(5) == ("members", 5)

    def test_clear_on_a_method_is_for_all_instances(self):
        first, second = Account("first"), Account("second")
        first.plain(1), second.plain(1)
        first.plain.cache_clear()
        assert not second.plain.cache_contains(1)

    def test_members_of_a_classmethod_see_the_class(self):
        Savings.cached_outside(9)
        assert Savings.cached_outside.cache_contains(9)
        assert not Account.cached_outside.cache_contains(9)

    def test_a_bound_method_equals_itself_and_pickles_by_its_object(self):
        account = Account("x")
        assert account.plain == account.plain
        assert hash(account.plain) == hash(account.plain)
        assert pickle.loads(pickle.dumps(account.plain))(1) == ("x", 1)

    def test_a_bound_method_equals_nothing_else(self):
        account = Account("x")
        assert account.plain != Account("x").plain
        assert account.plain != Account.plain
        assert account.plain != account

    def test_a_bound_method_says_whose_it_is(self):
        account = Account("x")
        assert repr(account) in repr(account.plain)
        assert account.plain.cache_parameters() == Account.plain.cache_parameters()

    def test_what_wants_to_know_its_name_in_a_class_is_told(self):
        class Told:
            def __call__(self, x):
                return x

            def __set_name__(self, owner, name):
                self.place = owner, name

        told = Told()

        class Holder:
            member = cached(told, store=MemoryStore())

        assert told.place == (Holder, "member")

    def test_the_signature_of_a_bound_method_is_without_self(self):
        assert str(inspect.signature(Account("x").plain)) == "(x)"


@cached(store=MemoryStore())
def module_level(x: int, y: int = 2) -> int:
    """Add."""
    return x + y


def undecorated(x):
    return -x


class TestTheObject:
    def test_it_looks_like_the_function(self):
        assert isinstance(module_level, CachedFunction)
        assert (module_level.__name__, module_level.__doc__) == ("module_level", "Add.")
        assert module_level.__module__ == __name__
        assert str(inspect.signature(module_level)) == "(x: int, y: int = 2) -> int"
        assert module_level.__wrapped__(1) == 3

    def test_it_pickles_by_name(self):
        assert pickle.loads(pickle.dumps(module_level)) is module_level

    def test_under_another_name_it_pickles_as_function_cache_and_options(self, cache):
        other = cache.cached(undecorated, ttl="1h")
        again = pickle.loads(pickle.dumps(other))
        assert again is not other
        assert again.__wrapped__ is undecorated
        assert again.cache_parameters() == other.cache_parameters() == {"ttl": "1h"}

    def test_the_pickle_of_a_function_does_not_hold_the_secret(self, cache):
        assert SECRET.encode() not in pickle.dumps(cache.cached(undecorated))

    def test_cache_info_is_the_tuple_of_functools(self):
        cache = Cache(MemoryStore(maxsize=2))
        function = cache.cached(undecorated)
        for x in (1, 1, 2, 3):
            function(x)

        @functools.lru_cache(maxsize=2)
        def theirs(x):
            return -x

        for x in (1, 1, 2, 3):
            theirs(x)
        assert function.cache_info() == theirs.cache_info() == (1, 3, 2, 2)
        assert function.cache_info()._asdict() == theirs.cache_info()._asdict()

    def test_currsize_is_unknown_on_disk(self, cache):
        function = cache.cached(undecorated)
        function(1)
        assert function.cache_info() == (0, 1, None, None)

    def test_cache_clear_returns_none_and_resets_the_counts(self, cache):
        function = cache.cached(undecorated)
        function(1)
        assert function.cache_clear() is None
        assert (function.cache_info()[:2], function.cache_contains(1)) == ((0, 0), False)

    def test_peek_returns_the_entry_and_counts_nothing(self, cache):
        function = cache.cached(undecorated, ttl=60)
        assert function.cache_peek(1) is None
        function(1)
        entry = function.cache_peek(1)
        assert (entry.value, entry.key, entry.expires - entry.created) == (-1, function.cache_key(1), pytest.approx(60))
        assert function.cache_info()[:2] == (0, 1)

    def test_peek_at_what_may_not_be_loaded_is_none_and_told(self, tmp_path, secret, events):
        cache = Cache(DirectoryStore(tmp_path), secret=secret, on_event=events.append)
        function = cache.cached(undecorated)
        function.cache_set(fractions.Fraction(1, 3), 1)
        strict = cache.cached(undecorated, serializer=PickleSerializer(allowed=[]))
        assert strict.cache_peek(1) is None
        assert "fractions" in events[-1].reason

    def test_set_stores_a_value_that_calls_then_return(self, cache):
        function = cache.cached(undecorated)
        function.cache_set("given", 1)
        assert function(1) == "given"

    def test_invalidate_tells_whether_the_entry_was_there(self, cache):
        function = cache.cached(undecorated)
        function(1)
        assert (function.cache_invalidate(1), function.cache_invalidate(1)) == (True, False)

    def test_refresh_computes_and_stores_anew(self, cache):
        function = cache.cached(undecorated)
        function.cache_set("old", 1)
        assert (function.cache_refresh(1), function(1)) == (-1, -1)

    @pytest.mark.parametrize(
        "callable_", [math.hypot, functools.partial(pow, 2), operator.itemgetter(0), len], ids=repr
    )
    def test_any_callable_can_be_cached(self, cache, callable_):
        argument = {"hypot": (3.0, 4.0), "len": ("abc",)}.get(getattr(callable_, "__name__", ""), ())
        arguments = argument or (([7],) if isinstance(callable_, operator.itemgetter) else (5,))
        function = cache.cached(callable_)
        assert function(*arguments) == function(*arguments) == callable_(*arguments)
        assert function.cache_info().hits == 1

    def test_a_cached_function_as_argument_is_keyed_as_the_function(self, cache):
        @cache.cached
        def apply(function, x):
            return function(x)

        assert apply(module_level, 1) == 3
        assert apply.cache_contains(module_level, 1)


class TestOptions:
    def test_ignored_parameters_stay_out_of_the_key(self, cache):
        @cache.cached(ignore=("verbose",))
        def function(x, verbose=False):
            return x, verbose

        assert (function(1), function(1, verbose=True)) == ((1, False), (1, False))

    def test_key_replaces_the_arguments(self, cache):
        @cache.cached(key=lambda job: job["id"])
        def function(job):
            return job["id"] * 2

        assert function({"id": 1, "lock": threading.Lock()}) == 2
        assert function.cache_contains({"id": 1, "other": 1})

    def test_another_key_function_does_not_find_the_entries_of_the_first(self, cache):
        cache.cached(undecorated, key=lambda x: x % 10)(13)
        assert not cache.cached(undecorated, key=lambda x: x % 3 + 3).cache_contains(0)

    def test_results_of_another_version_are_not_used(self, cache):
        first = cache.cached(undecorated, version=1)
        first(1)
        assert not cache.cached(undecorated, version=2).cache_contains(1)
        assert not cache.cached(undecorated, version="1").cache_contains(1)
        assert cache.cached(undecorated, version=1).cache_contains(1)

    def test_options_that_do_not_touch_the_result_do_not_touch_the_key(self, cache):
        plain = cache.cached(undecorated)
        other = cache.cached(undecorated, ttl="1h", single_flight=False, lock_timeout=3, on_error="raise")
        assert plain.cache_key(1) == other.cache_key(1)

    def test_the_defaults_of_the_cache_apply_where_the_function_says_nothing(self, tmp_path):
        cache = Cache(DirectoryStore(tmp_path), secret=SECRET, version=7, ignore=())
        assert cache.cached(undecorated).cache_key(1) == cache.cached(undecorated, version=7).cache_key(1)
        assert cache.cached(undecorated).cache_key(1) != cache.cached(undecorated, version=8).cache_key(1)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"ttl": -1}, "ttl=-1"),
            ({"ttl": float("nan")}, "ttl=nan"),
            ({"ttl": True}, "bool"),
            ({"ttl": "soon"}, "'soon'"),
            ({"ignore": ("verbos",)}, "'verbos'.*it has x"),
            ({"ignore": (1,)}, "names of parameters"),
            ({"ignore": 1}, "names of parameters"),
            ({"exceptions": None}, "exceptions=None"),
            ({"migrate": [1]}, "migrate="),
            ({"key": 3}, "key=3"),
            ({"version": 1.5}, "version=1.5"),
            ({"track_code": "all"}, "'function', 'deep', 'off'"),
            ({"single_flight": 1}, "single_flight=1"),
            ({"lock_timeout": -1}, "lock_timeout=-1"),
            ({"on_error": "ignore"}, "'warn', 'raise'"),
        ],
        ids=lambda value: str(value) if isinstance(value, dict) else "",
    )
    def test_a_wrong_option_is_an_error_when_decorating(self, cache, options, message):
        with pytest.raises(ConfigurationError, match=message):
            cache.cached(**options)(undecorated)

    def test_an_unknown_option_is_an_error_that_names_the_nearest(self, cache):
        with pytest.raises(ConfigurationError, match=r"'tll'.*did you mean 'ttl'"):
            cache.cached(tll=3)


def generator():
    yield 1


async def async_generator():
    yield 1


class TestRefusals:
    @pytest.mark.parametrize("function", [generator, async_generator])
    def test_what_cannot_be_cached_is_refused_when_decorating(self, cache, function):
        with pytest.raises(ConfigurationError, match=function.__name__):
            cache.cached(function)

    def test_a_property_is_refused_with_the_right_order(self, cache):
        with pytest.raises(ConfigurationError, match="under @property"):
            cache.cached(property(undecorated))

    def test_what_is_not_callable_is_refused(self, cache):
        with pytest.raises(ConfigurationError, match="needs a function"):
            cache.cached(3)

    def test_a_cache_needs_a_store(self):
        with pytest.raises(ConfigurationError, match="needs a store"):
            Cache("some/path")


class TestFailures:
    def test_with_on_error_raise_a_result_that_cannot_be_stored_is_an_error(self, cache):
        with pytest.raises(StoreError, match=r"could not store a result of .*function"):

            @cache.cached(on_error="raise")
            def function():
                return threading.Lock()

            function()

    def test_a_hook_that_raises_costs_nothing(self, tmp_path, caplog):
        def hook(event):
            raise RuntimeError("broken hook")

        cache = Cache(DirectoryStore(tmp_path), secret=SECRET, on_event=hook)
        function = cache.cached(undecorated)
        assert (function(1), function(1), function.cache_info().hits) == (-1, -1, 1)
        assert caplog.text.count("broken hook") == 1

    def test_a_hook_may_call_the_cached_function(self, tmp_path):
        seen = []
        cache = Cache(MemoryStore(), on_event=lambda event: seen.append(function(2)) if len(seen) < 3 else None)
        function = cache.cached(undecorated)
        assert function(1) == -1
        assert set(seen) == {-2}


class TestDisabling:
    def test_inside_disabled_every_call_runs_the_function(self, cache):
        runs = []

        @cache.cached
        def function():
            runs.append(1)

        function()
        with disabled():
            function(), function()
        function()
        assert len(runs) == 3

    def test_the_environment_turns_every_cache_into_a_plain_call(self, cache, monkeypatch, tmp_path):
        monkeypatch.setenv("MEMOPICKLE_DISABLE", "1")
        function = cache.cached(undecorated)
        assert (function(1), function(1)) == (-1, -1)
        assert not (tmp_path / "cache").exists()
