"""Options of freshness that are used together, as the table of docs/explanation/freshness.md tells."""

import threading

import pytest

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore
from memopickle.events import NotStored
from memopickle.pytest_plugin import Clock
from tests.flight.crew import PATIENCE

START = 1767225600
EAGER = 1e12  # so eager that every call draws an early refresh


@pytest.fixture(params=["directory", "memory"])
def cache(request, tmp_path, events, clock):
    store = DirectoryStore(tmp_path / "d") if request.param == "directory" else MemoryStore()
    return Cache(store, on_event=events.append, clock=clock)


class Source:
    """A function that counts its calls, and fails when told to."""

    def __init__(self):
        self.calls = 0
        self.error = None

    def remembered(self, cache, **options):
        def f(x=0):
            self.calls += 1
            if self.error is not None:
                raise self.error
            return [self.calls]

        return cache.cached(track_code="off", **options)(f)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def clock():
    return Clock(START)


def idle():
    for thread in threading.enumerate():
        if thread.name == "memopickle-background":
            thread.join(PATIENCE)
            assert not thread.is_alive()


# -- a remembered exception, and a value that may still be used ------------------------------------------------------


def test_stale_if_error_goes_before_a_remembered_exception(cache, source, clock):
    f = source.remembered(cache, ttl=10, stale_if_error=60, exceptions=ConnectionError)
    f()
    clock.move(11)
    source.error = ConnectionError("down")
    assert f() == [1]
    assert f() == [1]


def test_a_failed_early_refresh_leaves_the_fresh_value(cache, source, clock):
    f = source.remembered(cache, ttl=1000, early_refresh=EAGER, exceptions=ConnectionError)
    f()
    clock.move(1)
    source.error = ConnectionError("down")
    assert f() == [1]
    assert f() == [1]


def test_a_failed_revalidation_leaves_the_value_that_is_served_meanwhile(cache, source, clock):
    f = source.remembered(cache, ttl=10, stale_while_revalidate=60, exceptions=ConnectionError)
    f()
    clock.move(11)
    source.error = ConnectionError("down")
    assert f() == [1]
    idle()
    assert f() == [1]


def test_after_the_windows_a_remembered_exception_is_stored_and_raised_again(cache, source, clock):
    f = source.remembered(cache, ttl=10, stale_if_error=60, exceptions=ConnectionError, exception_ttl=5)
    f()
    clock.move(70)
    source.error = ConnectionError("down")
    for _ in range(2):
        with pytest.raises(ConnectionError):
            f()
    assert source.calls == 2


def test_a_remembered_exception_has_no_stale_window(cache, source, clock):
    f = source.remembered(cache, ttl=10, stale_while_revalidate=60, stale_if_error=60, exceptions=ConnectionError)
    source.error = ConnectionError("down")
    with pytest.raises(ConnectionError):
        f()
    clock.move(11)
    source.error = None
    assert f() == [2]


def test_a_callable_ttl_wants_an_exception_ttl_beside_exceptions(cache, source):
    with pytest.raises(ConfigurationError, match="exception_ttl"):
        source.remembered(cache, ttl=lambda result: 10, exceptions=ConnectionError)


# -- both windows ----------------------------------------------------------------------------------------------------


def test_within_both_windows_the_value_is_served_at_once_and_then_where_computing_fails(cache, source, clock):
    f = source.remembered(cache, ttl=10, stale_while_revalidate=10, stale_if_error=60)
    f()
    source.error = ConnectionError("down")
    clock.move(11)
    assert f() == [1]
    idle()
    assert source.calls == 2
    clock.move(10)  # 21 s: the caller computes, in vain
    assert f() == [1]
    assert source.calls == 3
    clock.move(49)  # 70 s
    with pytest.raises(ConnectionError):
        f()


def test_the_windows_begin_where_jitter_ends_an_entry(cache, source, clock):
    f = source.remembered(cache, ttl=1000, jitter=0.5, stale_if_error=100)
    f()
    source.error = ConnectionError("down")
    while f.cache_contains():
        clock.move(1)
    assert 500 <= clock.now - START < 1000
    assert f() == [1]
    clock.move(100)
    with pytest.raises(ConnectionError):
        f()


# -- what is not stored ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", [{"store_if": lambda result: result[0] == 1}, {"ttl": lambda result: 10 * (result[0] == 1)}]
)
def test_a_new_result_that_is_not_to_be_stored_leaves_the_expired_one(cache, source, clock, events, how):
    f = source.remembered(cache, **{"ttl": 10, "stale_while_revalidate": 60, **how})
    f()
    clock.move(11)
    for _ in range(3):
        assert f() == [1]
        idle()
    assert source.calls == 4
    assert sum(isinstance(event, NotStored) for event in events) == 3
    clock.move(60)
    assert f() == [5]


def test_a_value_set_by_hand_has_no_cost_and_is_never_refreshed_early(cache, source, clock):
    f = source.remembered(cache, ttl=10, early_refresh=EAGER)
    f.cache_set([0])
    clock.move(9.999)
    assert f() == [0]
    assert source.calls == 0


def test_a_ttl_of_0_stores_nothing_whatever_the_windows(cache, source, clock):
    f = source.remembered(cache, ttl=0, stale_while_revalidate=60, stale_if_error=60, early_refresh=True, jitter=0.5)
    assert (f(), f()) == ([1], [2])


def test_without_a_ttl_nothing_is_computed_anew(cache, source, clock):
    f = source.remembered(cache, stale_while_revalidate=60, stale_if_error=60, early_refresh=EAGER, jitter=0.5)
    f()
    clock.move(10 * 365 * 86400)
    assert f() == [1]


def test_an_edit_of_the_code_makes_an_entry_unusable_for_any_window(tmp_path, clock):
    cache = Cache(DirectoryStore(tmp_path), clock=clock)
    options = {"ttl": 10, "version": 1, "stale_while_revalidate": 60, "stale_if_error": 60}

    def first():
        def f():
            return "old"

        return f

    def second():
        def f():
            raise ConnectionError("down")

        return f

    old, new = first(), second()
    new.__qualname__ = old.__qualname__
    cache.cached(**options)(old)()
    clock.move(11)
    with pytest.raises(ConnectionError):
        cache.cached(**options)(new)()
