"""How long results are used, in every store: judged when reading, by the ttl of today."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time
from helpers.functions import Counted, count, load, reasons
from helpers.programs import run

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore, ShelveStore
from memopickle.events import NotStored

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)

STORES = {
    "directory": lambda path, **options: DirectoryStore(path / "cache", **options),
    "shelf": lambda path, **options: ShelveStore(path / "shelf", **options),
    "memory": lambda path, **options: MemoryStore(**options),
}


@pytest.fixture
def frozen():
    with freeze_time(START) as frozen:
        yield frozen


@pytest.fixture(params=STORES)
def make_store(request, tmp_path):
    return lambda **options: STORES[request.param](tmp_path, **options)


@pytest.fixture
def make_cache(make_store, secret, events):
    return lambda **options: Cache(make_store(**options), secret=secret, on_event=events.append)


@pytest.fixture
def cache(make_cache):
    return make_cache()


FORMS = [60, 60.0, timedelta(minutes=1), "60s", "1m", "1m 0s", "60000ms"]


@pytest.mark.parametrize("ttl", FORMS, ids=repr)
def test_a_result_is_a_hit_one_tick_before_its_ttl_and_a_miss_at_it(cache, frozen, events, ttl):
    double = Counted(cache, ttl=ttl)
    double(3)
    frozen.move_to(START + MINUTE - TICK)
    assert double(3) == 6
    assert double.calls == [3]
    frozen.move_to(START + MINUTE)
    assert double(3) == 6
    assert double.calls == [3, 3]
    assert reasons(events) == ["absent", "expired"]


def test_an_expired_result_is_replaced_by_one_that_lives_as_long(cache, frozen):
    double = Counted(cache, ttl=60)
    for turn in range(3):
        frozen.move_to(START + turn * MINUTE)
        double(3)
        frozen.move_to(START + (turn + 1) * MINUTE - TICK)
        double(3)
        assert len(double.calls) == turn + 1


def test_a_hit_does_not_prolong_the_life_of_a_result(cache, frozen):
    double = Counted(cache, ttl=60)
    double(3)
    for second in (20, 40, 59):
        frozen.move_to(START + timedelta(seconds=second))
        double(3)
    frozen.move_to(START + MINUTE)
    double(3)
    assert double.calls == [3, 3]


def test_without_a_ttl_a_result_is_used_for_ever(cache, frozen):
    double = Counted(cache)
    double(3)
    frozen.move_to(START + timedelta(days=36500))
    double(3)
    assert double.calls == [3]


def test_the_stores_ttl_holds_where_the_function_has_none_of_its_own(make_cache, frozen):
    double = Counted(make_cache(ttl="1m"))
    double(3)
    frozen.move_to(START + MINUTE - TICK)
    double(3)
    assert double.calls == [3]
    frozen.move_to(START + MINUTE)
    double(3)
    assert double.calls == [3, 3]


def test_a_ttl_of_none_overrides_the_stores(make_cache, frozen):
    double = Counted(make_cache(ttl="1m"), ttl=None)
    double(3)
    frozen.move_to(START + 1000 * MINUTE)
    double(3)
    assert double.calls == [3]


def test_a_longer_ttl_overrides_the_stores(make_cache, frozen):
    double = Counted(make_cache(ttl="1m"), ttl="2m")
    double(3)
    frozen.move_to(START + 2 * MINUTE - TICK)
    double(3)
    assert double.calls == [3]
    frozen.move_to(START + 2 * MINUTE)
    double(3)
    assert double.calls == [3, 3]


@pytest.fixture
def module(tmp_path, cache):
    """Import the same module with another ttl: the same function, decorated anew."""
    path = tmp_path / "module_with_ttl.py"
    path.write_text("calls = []\n\n\ndef double(number):\n    calls.append(number)\n    return number * 2\n")

    def again(**options):
        module = load(path)
        module.double = cache.cached(module.double, **options)
        return module

    return again


def test_a_ttl_lowered_later_takes_effect_on_what_is_stored(module, frozen):
    module(ttl="1h").double(3)
    frozen.move_to(START + 10 * MINUTE)
    same = module(ttl="1h")
    assert (same.double(3), same.calls) == (6, [])
    lowered = module(ttl="10m")
    assert (lowered.double(3), lowered.calls) == (6, [3])
    assert (lowered.double(3), lowered.calls) == (6, [3])


def test_a_ttl_raised_later_takes_effect_on_what_is_stored(module, frozen):
    module(ttl="1m").double(3)
    frozen.move_to(START + 10 * MINUTE)
    raised = module(ttl="1h")
    assert (raised.double(3), raised.calls) == (6, [])
    unlimited = module(ttl=None)
    assert (unlimited.double(3), unlimited.calls) == (6, [])


def test_the_ttl_is_no_part_of_the_key(module):
    assert module(ttl="1m").double.cache_key(3) == module(ttl=None).double.cache_key(3)


def test_a_callable_is_asked_once_when_storing(cache, frozen):
    asked = []

    def ttl(result):
        asked.append(result)
        return timedelta(seconds=result * 10)

    double = Counted(cache, ttl=ttl)
    double(3)
    double(1)
    frozen.move_to(START + timedelta(seconds=20))
    double(3), double(1)
    assert double.calls == [3, 1, 1]
    frozen.move_to(START + timedelta(seconds=60) - TICK)
    double(3)
    frozen.move_to(START + timedelta(seconds=60))
    double(3)
    assert double.calls == [3, 1, 1, 3]
    assert asked == [6, 2, 2, 6]


def test_a_callable_may_say_for_ever_or_not_at_all(cache, frozen):
    double = Counted(cache, ttl=lambda result: None if result > 4 else 0)
    double(3), double(1)
    frozen.move_to(START + timedelta(days=10_000))
    double(3), double(1)
    assert double.calls == [3, 1, 1]


def test_a_callable_that_fails_costs_the_entry_and_not_the_call(cache, events):
    double = Counted(cache, ttl=lambda result: result / 0)
    assert double(3) == 6
    assert "ZeroDivisionError" in reasons(events, NotStored)[0]


def test_a_callable_that_returns_no_ttl_costs_the_entry_and_not_the_call(cache, events):
    double = Counted(cache, ttl=lambda result: -1)
    assert double(3) == 6
    assert ConfigurationError.__name__ in reasons(events, NotStored)[0]


@pytest.mark.parametrize("ttl", [0, 0.0, "0s", timedelta(0)], ids=repr)
def test_a_ttl_of_0_stores_nothing(cache, events, ttl):
    double = Counted(cache, ttl=ttl)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert list(cache.store.keys()) == []
    assert count(events)["Stored"] == 0


def test_a_stores_ttl_of_0_stores_nothing(make_cache):
    double = Counted(make_cache(ttl=0))
    double(3), double(3)
    assert double.calls == [3, 3]


def test_a_ttl_lowered_to_0_uses_nothing_that_is_stored(module):
    module().double(3)
    lowered = module(ttl=0)
    assert (lowered.double(3), lowered.calls) == (6, [3])


@pytest.mark.parametrize("ttl", [None, "1h", "1m"])
def test_an_entry_from_the_future_is_a_hit_up_to_five_minutes_and_a_miss_beyond(cache, frozen, events, ttl):
    double = Counted(cache, ttl=ttl)
    double(3)
    frozen.move_to(START - 5 * MINUTE)
    double(3)
    assert double.calls == [3]
    frozen.move_to(START - 5 * MINUTE - TICK)
    double(3)
    assert double.calls == [3, 3]
    assert reasons(events) == ["absent", "future"]


@pytest.mark.parametrize("days", [-40_000, -1, 1, 80_000])
def test_a_clock_that_leaps_by_days_costs_a_miss_at_most(cache, frozen, days):
    double = Counted(cache, ttl="1h")
    double(3)
    frozen.move_to(START + timedelta(days=days))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]


def test_the_caches_clock_is_the_one_that_counts(make_store, secret):
    now = [0.0]
    double = Counted(Cache(make_store(), secret=secret, clock=lambda: now[0]), ttl=10)
    double(3)
    now[0] = 9.999999
    double(3)
    assert double.calls == [3]
    now[0] = 10.0
    double(3)
    assert double.calls == [3, 3]


def test_prune_goes_by_the_ttl_recorded_when_storing(cache, frozen):
    short, long = Counted(cache, ttl="1m"), Counted(cache, lambda number: -number, ttl="1h")
    short(3), long(3)
    frozen.move_to(START + MINUTE - TICK)
    assert cache.prune() == 0
    frozen.move_to(START + MINUTE)
    assert cache.prune() == 1
    assert not short.function.cache_contains(3)
    assert long.function.cache_contains(3)


def test_clear_of_the_expired_goes_by_the_ttl_recorded_when_storing(cache, frozen):
    double = Counted(cache, ttl="1m")
    double(3)
    frozen.move_to(START + 30 * timedelta(seconds=1))
    double(4)
    frozen.move_to(START + MINUTE)
    assert cache.clear(expired=True) == 1
    assert [double.function.cache_contains(number) for number in (3, 4)] == [False, True]


def test_clear_by_age_takes_what_is_at_least_as_old(cache, frozen):
    double = Counted(cache)
    double(3)
    frozen.move_to(START + 30 * timedelta(seconds=1))
    double(4)
    frozen.move_to(START + MINUTE)
    assert cache.clear(older_than="61s") == 0
    assert cache.clear(older_than="60s") == 1
    assert [double.function.cache_contains(number) for number in (3, 4)] == [False, True]


def test_file_times_do_not_matter(tmp_path, secret, frozen):
    double = Counted(Cache(DirectoryStore(tmp_path / "cache"), secret=secret), ttl="1m")
    double(3)
    for forged in (0, 4_000_000_000):
        os.utime(double.path(3), (forged, forged))
        double(3)
    assert double.calls == [3]
    frozen.move_to(START + MINUTE)
    os.utime(double.path(3), (4_000_000_000, 4_000_000_000))
    double(3)
    assert double.calls == [3, 3]


def test_the_time_zone_does_not_matter(tmp_path):
    program = """
        import sys
        from memopickle import Cache, DirectoryStore
        cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32, ttl="10m")
        @cache.cached
        def double(number):
            return number * 2
        double(3)
        print(double.cache_info().hits)
    """
    zones = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
    assert [run(program, tmp_path / "cache", TZ=zone) for zone in zones] == ["0\n", "1\n", "1\n"]


def test_real_time_is_used_where_nothing_is_frozen(cache):
    double = Counted(cache, ttl="1h")
    before = time.time()
    double(3)
    stored = double.function.cache_peek(3)
    assert before - 1e-5 <= stored.created <= time.time() + 1e-5
    assert stored.expires - stored.created == pytest.approx(3600)
