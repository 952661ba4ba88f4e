"""FAULTS 77-80: clocks that jump, odd times to live, forged file times, time zones."""

import datetime
import json
import math
import os
import time

import pytest
from helpers.clock import Clock
from helpers.functions import Counted, count, reasons
from helpers.programs import run
from helpers.stores import local_store

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore, ShelveStore
from memopickle.events import Miss, NotStored
from tests.faults.tools import SECRET, faketime

DAY = 86400
NOW = 1_800_000_000


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture(params=["directory", "shelve", "memory"])
def timed(request, tmp_path, clock, events):
    """A cache whose clock the test sets."""
    return Cache(local_store(request.param, tmp_path), secret=SECRET, clock=clock, on_event=events.append)


# -- 77: the clock jumps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-10_000, -365, -1, -301 / DAY])
def test_77_after_a_clock_was_set_back_an_entry_from_the_future_is_a_miss_and_is_replaced(timed, clock, events, days):
    double = Counted(timed)
    double(3)
    clock.now += days * DAY
    events.clear()
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert reasons(events, Miss) == ["future"]
    assert count(events)["Hit"] == 1


def test_77_an_entry_from_up_to_five_minutes_ahead_is_used(timed, clock):
    double = Counted(timed, ttl="1h")
    double(3)
    clock.now -= 299
    assert double(3) == 6
    assert double.calls == [3]


@pytest.mark.parametrize("days", [1, 365, 100_000])
@pytest.mark.parametrize(("ttl", "calls"), [(None, [3]), ("10h", [3, 3])])
def test_77_after_a_clock_was_set_forward_the_ttl_decides(timed, clock, days, ttl, calls):
    double = Counted(timed, ttl=ttl)
    double(3)
    clock.now += days * DAY
    assert double(3) == 6
    assert double.calls == calls


def test_77_a_clock_that_jumps_while_it_is_computed_costs_nothing(timed, clock):
    def jumping(number):
        clock.now += jumps.pop()
        return number * 2

    jumps = [-3 * DAY, 3 * DAY]
    double = Counted(timed, jumping, ttl="1d")
    assert [double(3), double(4), double(4)] == [6, 8, 8]
    assert jumps == []


@pytest.mark.parametrize("now", [0, -1e9, 1e-7, 253_402_300_800, 1e12])
def test_77_any_time_will_do(timed, clock, now):
    clock.now = now
    double = Counted(timed, ttl="1d")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert (timed.prune(), timed.verify().bad, len(list(timed.entries()))) == (0, [], 1)


def test_77_prune_and_clear_survive_a_clock_set_back(timed, clock):
    double = Counted(timed, ttl="1d")
    double(3)
    clock.now -= 30 * DAY
    assert (timed.prune(), timed.clear(older_than="1h"), timed.clear(expired=True)) == (0, 0, 0)
    clock.now += 60 * DAY
    assert timed.prune() == 1
    assert double(3) == 6


PROGRAM = """
import json, sys
from memopickle import Cache, DirectoryStore
cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32, ttl=sys.argv[2] if len(sys.argv) > 2 else None)

@cache.cached
def double(number):
    return number * 2

values = [double(3), double(3)]
print(json.dumps([values, cache.prune(), *double.cache_info()[:2]]))
"""


@pytest.mark.parametrize(
    ("times", "hits"),
    [(("+0", "-3d", "-3d"), [1, 1, 2]), (("-3d", "+0", "+400d"), [1, 2, 2]), (("+0", "-3d", "+3d"), [1, 1, 2])],
)
def test_77_processes_whose_machine_clock_jumps_by_days(tmp_path, times, hits):
    found = [json.loads(run(PROGRAM, tmp_path / "cache", before=faketime(when))) for when in times]
    assert found == [[[6, 6], 0, count, 2 - count] for count in hits]


def test_77_processes_whose_machine_clock_passes_the_ttl(tmp_path):
    times = ["+0", "+23h", "+25h"]
    found = [json.loads(run(PROGRAM, tmp_path / "cache", "1d", before=faketime(when))) for when in times]
    assert [hits for _, _, hits, _ in found] == [1, 2, 1]
    assert [values for values, *_ in found] == [[6, 6]] * 3


# -- 78: odd times to live ---------------------------------------------------------------------------------------------

WRONG = [-1, -1e-9, math.nan, math.inf, -math.inf, True, False, 10**400, "", "soon", "-1h", [1], datetime.timedelta(-1)]
HUGE = [1e13, 1e300, 10**300, "999999999999w", datetime.timedelta.max, None]


def named(ttl):
    return "callable" if callable(ttl) else repr(ttl)[:20]


@pytest.mark.parametrize("ttl", WRONG, ids=named)
def test_78_a_ttl_that_is_none_is_an_error_where_it_is_given(tmp_path, timed, ttl):
    for give in (
        lambda: timed.cached(ttl=ttl),
        lambda: Cache(timed.store, ttl=ttl),
        lambda: DirectoryStore(tmp_path, ttl=ttl),
        lambda: ShelveStore(tmp_path / "x", ttl=ttl),
        lambda: MemoryStore(ttl=ttl),
        lambda: timed.clear(older_than=ttl),
    ):
        with pytest.raises(ConfigurationError, match=r"ttl|older_than"):
            give()


@pytest.mark.parametrize("ttl", WRONG, ids=named)
def test_78_a_callable_that_says_no_ttl_costs_no_result(timed, caplog, events, ttl):
    double = Counted(timed, ttl=lambda result: ttl)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert len(reasons(events, NotStored)) == 2
    (message,) = caplog.messages
    assert "ttl" in message


@pytest.mark.parametrize("ttl", [0, 0.0, "0s", datetime.timedelta(0), lambda result: 0], ids=named)
def test_78_a_ttl_of_0_stores_nothing(timed, ttl):
    double = Counted(timed, ttl=ttl)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert list(timed.store.keys()) == []


@pytest.mark.parametrize("ttl", [*HUGE, lambda result: 10**300], ids=named)
def test_78_a_huge_ttl_is_as_long_as_there_is(timed, clock, ttl):
    double = Counted(timed, ttl=ttl)
    double(3)
    clock.now += 200_000 * 365  # days in seconds
    assert (double(3), timed.prune()) == (6, 0)
    assert double.calls == [3]


# -- 79: forged file times ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forged", [0, 1, NOW, 2**33], ids=["1970", "1 s later", "2027", "2242"])
def test_79_the_time_of_a_file_has_no_effect(cache, forged):
    double, brief = Counted(cache, ttl="1h"), Counted(cache, lambda number: -number, ttl="1ms")
    double(3), brief(3)
    for path in (double.path(3), brief.path(3)):
        os.utime(path, (forged, forged))
        os.utime(os.path.dirname(path), (forged, forged))
    later = Cache(cache.store, secret=SECRET, clock=lambda: time.time() + 60)
    again, brief_again = Counted(later, ttl="1h"), Counted(later, lambda number: -number, ttl="1ms")
    assert (again(3), again.calls) == (6, [])
    assert (brief_again(3), brief_again.calls) == (-3, [3])
    assert (cache.clear(expired=True, older_than="1d"), double(3), double.calls) == (0, 6, [3])


def test_79_a_rewritten_file_is_no_younger(cache):
    double = Counted(cache, ttl="1h")
    double(3)
    double.plant(3, double.data(3))
    later = Counted(Cache(cache.store, secret=SECRET, clock=lambda: time.time() + 3601), ttl="1h")
    assert (later(3), later.calls) == (6, [3])


# -- 80: time zones ----------------------------------------------------------------------------------------------------


def test_80_processes_in_other_time_zones_agree(tmp_path):
    zones = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "nonsense"]
    found = [json.loads(run(PROGRAM, tmp_path / "cache", "10m", TZ=zone)) for zone in zones]
    assert found == [[[6, 6], 0, hits, 2 - hits] for hits in [1, 2, 2, 2, 2]]


SWITCHING = """
import os, sys, time
from memopickle import Cache, DirectoryStore
cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32, ttl="90m")

@cache.cached
def double(number):
    return number * 2

for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
    os.environ["TZ"] = zone
    time.tzset()
    assert double(3) == 6
print(double.cache_info().misses, cache.prune())
"""


def test_80_a_time_zone_that_changes_while_running_has_no_effect(tmp_path):
    assert run(SWITCHING, tmp_path / "cache") == "1 0\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [("2026-03-29 00:30:00", "2026-03-29 01:10:00"), ("2026-10-25 00:30:00", "2026-10-25 01:10:00")],
    ids=["an hour is skipped", "an hour comes twice"],
)
def test_80_daylight_saving_has_no_effect(tmp_path, before, after):
    misses = []
    for when in (before, after):  # of UTC; in Berlin the clocks change at 1:00 UTC
        epoch = datetime.datetime.fromisoformat(f"{when}+00:00").timestamp()
        program = PROGRAM.replace("secret=", f"clock=lambda: {epoch}, secret=")
        misses.append(json.loads(run(program, tmp_path / "cache", "50m", TZ="Europe/Berlin"))[3])
    assert misses == [1, 0]
