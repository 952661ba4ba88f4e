"""When a stored result is used, served late, or computed anew."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from freezegun import freeze_time
from helpers.stores import LOCAL, local_store
from hypothesis import given
from hypothesis import strategies as st

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore, background
from memopickle.events import Miss
from memopickle.expiry import NEVER, SECOND
from memopickle.freshness import Freshness
from tests.flight.crew import PATIENCE, until

START = "2026-01-01"


@pytest.fixture(params=LOCAL)
def cache(request, tmp_path):
    return Cache(local_store(request.param, tmp_path))


class Source:
    """A function whose calls are counted, which can be made to fail or to wait."""

    def __init__(self):
        self.calls = 0
        self.error = None
        self.gate = None
        self.ended = threading.Semaphore(0)

    def __call__(self, x=0):
        self.calls += 1
        try:
            if self.gate is not None:
                assert self.gate.wait(PATIENCE)
            if self.error is not None:
                raise self.error
            return [self.calls]
        finally:
            self.ended.release()


def remembered(cache, source, **options):
    def f(x=0):
        return source(x)

    return cache.cached(track_code="off", **options)(f)


def idle(cache):
    """Wait until nothing is computed in the background; what was stored is stored then."""
    for thread in threading.enumerate():
        if thread.name == "memopickle-background":
            thread.join(PATIENCE)
            assert not thread.is_alive()


# -- stale while revalidate ------------------------------------------------------------------------------------------


def test_an_expired_value_is_served_at_once_and_computed_anew_in_the_background(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
    with freeze_time(START) as clock:
        assert f() == [1]
        clock.tick(10)
        source.gate = threading.Event()
        assert [f(), f(), f()] == [[1]] * 3
        source.gate.set()
        idle(cache)
        assert source.calls == 2
        assert f() == [2]


def test_after_the_window_the_caller_computes(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
    with freeze_time(START) as clock:
        f()
        clock.tick(69.999999)
        assert f() == [1]
        idle(cache)
        clock.tick(70)
        assert f() == [3]


def test_a_value_served_late_counts_as_a_hit(cache):
    f = remembered(cache, Source(), ttl=10, stale_while_revalidate=60)
    with freeze_time(START) as clock:
        f()
        clock.tick(11)
        f()
        idle(cache)
        assert f.cache_info()[:2] == (1, 1)


def test_a_failed_recomputation_pauses_before_the_next(cache, monkeypatch):
    monkeypatch.setattr(background, "PAUSE", background.LONGEST)  # which no machine is slow enough to reach the end of
    source = Source()
    f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
    with freeze_time(START) as clock:
        f()
        clock.tick(11)
        source.error = ValueError("down")
        for _ in range(5):
            assert f() == [1]
            idle(cache)
        assert source.calls == 2


def test_a_recomputation_given_up_as_another_process_is_at_it_does_not_count_as_a_success(tmp_path):
    cache = Cache(DirectoryStore(tmp_path))
    source = Source()
    f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
    with freeze_time(START) as clock:
        f()
        clock.tick(11)
        key = f.cache_key()
        cache.background._failed[key] = failures = 3, 0.0  # whose pause is over
        lock = DirectoryStore(tmp_path).lock(key)
        assert lock.acquire(0)
        assert f() == [1]
        idle(cache)
        assert cache.background._failed[key] == failures
        lock.release()
        assert f() == [1]
        idle(cache)
        assert key not in cache.background._failed
        assert f() == [2]


def test_a_function_that_exits_in_the_background_ends_nothing_but_that(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
    with freeze_time(START) as clock:
        assert (f(0), f(1)) == ([1], [2])
        clock.tick(10)
        source.error = SystemExit(3)
        assert f(0) == [1]
        idle(cache)
        source.error = None
        assert (f(0), f(1)) == ([1], [2])
        idle(cache)
        assert f(1) == [4]


def test_what_is_cleared_while_it_is_computed_in_the_background_is_not_left(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
    with freeze_time(START) as clock:
        f()
        clock.tick(11)
        source.gate = threading.Event()
        f()
        until(lambda: source.calls == 2)
        f.cache_clear()
        source.gate.set()
        idle(cache)
        assert not f.cache_contains()


def test_prune_keeps_what_may_still_be_served(cache):
    f = remembered(cache, Source(), ttl=10, stale_while_revalidate=60)
    with freeze_time(START) as clock:
        f()
        clock.tick(69)
        assert cache.prune() == 0
        clock.tick(1)
        assert cache.prune() == 1


# -- stale if error --------------------------------------------------------------------------------------------------


def test_an_expired_value_is_used_where_the_function_raises(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_if_error="1m")
    with freeze_time(START) as clock:
        f()
        clock.tick(11)
        source.error = ConnectionError("down")
        assert f() == [1]
        source.error = None
        assert f() == [3]


def test_after_the_window_the_function_s_own_exception_is_raised(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_if_error="1m")
    with freeze_time(START) as clock:
        f()
        clock.tick(70)
        source.error = ConnectionError("down")
        with pytest.raises(ConnectionError):
            f()


def test_who_waited_for_a_computation_that_failed_gets_the_expired_value_too(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_if_error="1m")
    with freeze_time(START) as clock:
        f()
        clock.tick(11)
        source.error, source.gate = ConnectionError("down"), threading.Event()
        results = []
        threads = [threading.Thread(target=lambda: results.append(f())) for _ in range(4)]
        for thread in threads:
            thread.start()
        while not cache.flights.flying:
            pass
        source.gate.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert results == [[1]] * 4


def test_a_refresh_by_hand_raises(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_if_error="1m")
    f()
    source.error = ConnectionError("down")
    with pytest.raises(ConnectionError):
        f.cache_refresh()


# -- early refresh ---------------------------------------------------------------------------------------------------


def policy(**fields):
    return Freshness(ttl=100 * SECOND, code=None, **fields)


def found(created=0, cost=0.0, **fields):
    return SimpleNamespace(created=created, cost=round(cost * 1e9), code=b"", raises=False, ttl=NEVER, **fields)


@given(st.floats(0.001, 0.999), st.floats(0.1, 5), st.floats(0.1, 10))
def test_early_refresh_is_due_when_xfetch_says_so(draw, beta, cost):
    from math import log

    early = -cost * beta * log(1 - draw)
    entry = found(cost=cost)
    for now in (100 - early - 0.001, 100 - early + 0.001):
        expected = now + early >= 100
        assert policy(early=beta).is_due(entry, round(now * SECOND), lambda: 1 - draw) is expected


def test_without_early_refresh_nothing_is_due_before_the_end():
    assert not policy().is_due(found(cost=1000), 99 * SECOND, lambda: 1e-9)


def test_a_due_value_is_computed_anew_by_the_caller_who_drew_it(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, early_refresh=1e12)  # so eager that every call draws it
    f()
    assert f() == [2]
    assert source.calls == 2


def test_a_due_value_that_cannot_be_computed_anew_is_used(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, early_refresh=1e12)
    f()
    source.error = ValueError("down")
    assert f() == [1]


def test_while_one_computes_a_due_value_anew_the_others_use_it(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, early_refresh=1e12)
    f()
    source.gate = threading.Event()
    thread = threading.Thread(target=f)
    thread.start()
    while source.calls < 2:
        pass
    assert f() == [1]
    source.gate.set()
    thread.join(PATIENCE)
    assert source.calls == 2


def test_with_both_a_due_value_is_computed_anew_in_the_background(cache):
    source = Source()
    f = remembered(cache, source, ttl=10, early_refresh=1e12, stale_while_revalidate=10)
    f()
    assert f() == [1]
    idle(cache)
    assert source.calls == 2


# -- jitter ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**50), st.integers(0, 2**40), st.floats(0, 0.99))
def test_jitter_takes_a_fixed_part_off_the_ttl_and_never_more(created, cost, jitter):
    entry = SimpleNamespace(created=created, cost=cost, code=b"", raises=False, ttl=NEVER)
    judge = policy(jitter=jitter)
    least = created + round(100 * SECOND * (1 - jitter)) - 1
    assert not judge.stale(entry, least)
    assert judge.stale(entry, created + 100 * SECOND) == "expired"
    late = [judge.stale(entry, created + step * SECOND) for step in range(0, 101, 5)]
    assert late == sorted(late)


def test_jitter_spreads_entries_made_one_after_the_other():
    judge = policy(jitter=0.5)
    entries = [found(created=created) for created in range(1000)]
    gone = sum(bool(judge.stale(entry, entry.created + 75 * SECOND)) for entry in entries)
    assert 400 < gone < 600


def test_jitter_is_the_same_whenever_it_is_asked(cache):
    f = remembered(cache, Source(), ttl=100, jitter=0.5)
    with freeze_time(START) as clock:
        f()
        verdicts = []
        for _ in range(20):
            clock.tick(5)
            verdicts.append(f.cache_contains())
        assert verdicts == sorted(verdicts, reverse=True)


# -- the ttl as a callable -------------------------------------------------------------------------------------------


def test_a_callable_ttl_and_a_stale_window_go_together(cache):
    source = Source()
    f = remembered(cache, source, ttl=lambda result: timedelta(seconds=5 * result[0]), stale_if_error=60)
    with freeze_time(START) as clock:
        f()
        clock.tick(4.999999)
        assert f() == [1]
        clock.tick(0.000001)
        assert f() == [2]
        clock.tick(9.9)
        assert f() == [2]


def test_changing_the_window_does_not_change_what_a_callable_said(tmp_path):
    def make(**options):
        return remembered(Cache(DirectoryStore(tmp_path)), source, ttl=lambda result: 5, **options)

    source = Source()
    with freeze_time(START) as clock:
        make(stale_if_error=60)()
        clock.tick(5)
        assert make()() == [2]


# -- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"jitter": 1},
        {"jitter": -0.1},
        {"jitter": True},
        {"jitter": "10%"},
        {"early_refresh": -1},
        {"early_refresh": float("inf")},
        {"early_refresh": float("nan")},
        {"early_refresh": "yes"},
        {"stale_while_revalidate": -1},
        {"stale_if_error": "soon"},
        {"stale_if_error": float("nan")},
    ],
)
def test_a_wrong_policy_is_an_error_when_decorating(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Cache(MemoryStore()).cached(ttl=1, **options)(lambda: 0)


def test_a_look_that_finds_nothing_fresh_tells_expired_once():
    events = []
    cache = Cache(MemoryStore(), on_event=events.append)
    f = remembered(cache, Source(), ttl=10, jitter=0.1)
    f()
    with freeze_time(timedelta(hours=1) + __import__("datetime").datetime.now()):
        f()
    assert [event.reason for event in events if isinstance(event, Miss)] == ["absent", "expired"]


def test_the_draws_of_early_refresh_follow_the_exponential_distribution():
    judge = policy(early=1.0)
    entry = found(cost=1.0)
    draw = random.Random(0).random
    due = sum(judge.is_due(entry, 99 * SECOND, lambda: 1 - draw()) for _ in range(20000))
    assert 0.35 < due / 20000 < 0.385  # e**-1
