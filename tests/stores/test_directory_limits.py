"""DirectoryStore within limits: what is evicted, when, and what it costs others."""

import logging
import os
import pickle
import struct
import subprocess
import sys
import threading
import time

import pytest
from freezegun import freeze_time
from helpers.functions import Counted, reasons
from helpers.needed import tool
from helpers.programs import run

from memopickle import Cache, DirectoryStore, StoreError, default_cache
from memopickle.events import Evicted, NotStored
from memopickle.files import file_time
from memopickle.stores import account, candidates, eviction, look, usage
from memopickle.stores.layout import USAGE
from memopickle.testing import store_key

HOUR = 3600


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Let each call evict all that it has to, however slow the machine is."""
    monkeypatch.setattr(eviction, "_PATIENCE", HOUR)


@pytest.fixture
def no_chance(monkeypatch):
    """Let no store look by chance, which corrects the account."""
    monkeypatch.setattr(eviction, "_SELDOM", 1 << 60)


def key(number, function="f"):
    return store_key(str(number), function)


def held(store):
    return len(list(store.keys()))


def bytes_held(store):
    return sum(map(store.size, store.keys()))


def age(store, number, seconds, function="f"):
    """Make an entry look as if it was last used so long ago."""
    os.utime(store.place(key(number, function)), (time.time() - seconds,) * 2)


def fill(store, numbers, size=100, function="f"):
    for number in numbers:
        store.set(key(number, function), [b"x" * size], None)


def beginner(path, max_entries):
    """Return a store that has not looked yet: what others saw may have been used again within the same clock tick."""
    return DirectoryStore(path, max_entries=max_entries)


def numbers_held(store, numbers):
    return [number for number in numbers if os.path.exists(store.place(key(number)))]


# -- how exactly ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 10, 100])
def test_one_process_holds_max_entries_exactly_after_every_store(tmp_path, limit):
    store = DirectoryStore(tmp_path, max_entries=limit)
    for number in range(limit + 20):
        fill(store, [number])
        assert held(store) == min(number + 1, limit)


def test_one_process_holds_max_bytes_after_every_store(tmp_path):
    store = DirectoryStore(tmp_path, max_bytes=1000)
    for number in range(50):
        fill(store, [number], size=10 + 7 * number)
        assert bytes_held(store) <= 1000
    assert bytes_held(store) > 500


def test_the_newest_entry_stays(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=1)
    for number in range(5):
        age(store, number - 1, 10) if number else None
        fill(store, [number])
        assert numbers_held(store, range(5)) == [number]


@pytest.mark.parametrize("limit", [{"max_entries": 0}, {"max_bytes": 0}], ids=str)
def test_of_a_limit_of_0_nothing_is_kept(tmp_path, secret, limit):
    double = Counted(Cache(DirectoryStore(tmp_path, **limit), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert held(double.cache.store) == 0


def test_limits_hold_over_all_functions_together(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=10)
    for number in range(10):
        for function in "abc":
            fill(store, [number], function=function)
    assert held(store) == 10


def test_one_process_never_exceeds_a_large_limit_and_stays_within_a_256th_below(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=1024)
    fill(store, range(1024), size=1)
    left = []
    for number in range(1024, 1074):
        fill(store, [number], size=1)
        left.append(held(store))
    assert (min(left), max(left)) == (1020, 1024)


@pytest.mark.parametrize("limit", [{"max_entries": 1024}, {"max_bytes": 1024}], ids=str)
def test_it_goes_few_entries_below_a_limit(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(eviction, "_FEW", 2)
    store = DirectoryStore(tmp_path, **limit)
    fill(store, range(1024), size=1)
    assert {held(store) for number in range(1024, 1036) if not fill(store, [number], size=1)} == {1022, 1023, 1024}


def test_it_goes_a_256th_below_max_bytes(tmp_path):
    store = DirectoryStore(tmp_path, max_bytes=25_600)
    fill(store, range(512), size=50)
    left = {bytes_held(store) for number in range(512, 524) if not fill(store, [number], size=50)}
    assert left == {25_500, 25_550, 25_600}


def test_a_large_entry_is_not_evicted_ahead(tmp_path):
    store = DirectoryStore(tmp_path, max_bytes=25_600)
    fill(store, range(10), size=2560)
    for number in range(10):  # what is stored within one tick of the file system's clock is of one age
        age(store, number, (10 - number) * HOUR)
    fill(store, range(10, 15), size=2560)
    assert numbers_held(store, range(15)) == list(range(5, 15))


def evicted_of_many(store, numbers, size):
    """Store one entry more and count those of the numbers, the oldest first, that go for it."""
    for number in numbers:
        age(store, number, (2000 - number) * HOUR)
    fill(store, [2000], size)
    return len(numbers) - len(numbers_held(store, numbers))


def test_of_two_limits_max_bytes_bounds_what_is_evicted_ahead_for_max_entries(tmp_path, monkeypatch):
    monkeypatch.setattr(look, "_WHOLE", 4096)
    store = DirectoryStore(tmp_path, max_entries=1024, max_bytes=256_000)
    fill(store, range(20), size=990)
    fill(store, range(20, 1024), size=1)
    assert evicted_of_many(store, range(1024), size=1) == 1 + 2


def test_of_two_limits_max_entries_bounds_what_is_evicted_ahead_for_max_bytes(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=255, max_bytes=25_600)
    fill(store, range(60), size=10)
    fill(store, range(60, 250), size=131)
    assert evicted_of_many(store, range(250), size=131) == 3


def test_one_call_evicts_256_entries_at_most_those_ahead_included(tmp_path):
    counting = DirectoryStore(tmp_path, max_entries=1000)
    fill(counting, range(900), size=1)
    counting.prune(0)
    store = DirectoryStore(tmp_path, max_entries=901 - 256)
    store.account._read()
    fill(store, [900], size=1)
    assert held(store) == 901 - 256


def test_overwriting_counts_once(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=2, max_bytes=100)
    fill(store, [1, 2] * 10, size=50)
    assert numbers_held(store, range(3)) == [1, 2]


@pytest.mark.parametrize("how", ["delete", "clear", "prune", "retract"])
def test_what_is_removed_makes_room(tmp_path, how):
    store = DirectoryStore(tmp_path, max_entries=4)
    fill(store, range(3))
    if how == "retract":
        with store.writer(key(3)) as writer:
            writer.publish([b"x"], None)
            writer.retract()
    elif how == "clear":
        fill(store, [1], function="g")
        store.clear(key(1, "g")[:40])
    else:
        fill(store, [3])
        store.delete(key(3)) if how == "delete" else store._evict(key(3))
    age(store, 0, 10)
    fill(store, [4])
    assert numbers_held(store, range(5)) == [0, 1, 2, 4]


def test_what_was_just_stored_is_counted_when_it_is_cleared(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=10_000)
    store.account.settle()
    fill(store, range(5))
    assert store.account._pending
    store.clear()
    store.account._read()
    assert store.account._usage.total == (0, 0)


def test_a_clear_is_counted_with_the_sizes_of_what_it_clears(tmp_path):
    store = DirectoryStore(tmp_path, max_bytes=50_000)
    for number in range(40):
        fill(store, [number], size=1000, function="large")
        fill(store, [number], size=1, function="small")
    store.clear(key(0, "small")[:40])
    store.account._read()
    assert store.account._usage.total == (40, 40_000)


# -- which ------------------------------------------------------------------------------------------------------------


def test_the_least_recently_used_entry_goes(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=5)
    fill(store, range(5))
    for number, hours in enumerate([3, 5, 2, 4, 1]):
        age(store, number, hours * HOUR)
    left = []
    for number in range(5, 9):
        fill(store, [number])
        left.append(numbers_held(store, range(5)))
    assert left == [[0, 2, 3, 4], [0, 2, 4], [2, 4], [4]]


def test_a_hit_saves_an_old_entry(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=3)
    fill(store, range(3))
    for number, hours in enumerate([4, 3, 2]):
        age(store, number, hours * HOUR)
    store.get(key(0))
    fill(beginner(tmp_path, 3), [3])
    assert numbers_held(store, range(4)) == [0, 2, 3]


def test_a_hit_after_the_entry_was_looked_at_saves_it_too(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=4)
    fill(store, range(4))
    for number, hours in enumerate([5, 4, 3, 2]):
        age(store, number, hours * HOUR)
    fill(store, [4, 5])  # looks at all, evicts 0 and 1, and remembers 2 as the next
    store.get(key(2))
    fill(store, [6])
    assert numbers_held(store, range(7)) == [2, 4, 5, 6]


def test_an_entry_replaced_at_the_time_of_the_one_that_was_looked_at_is_passed_by(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=4)
    fill(store, range(4))
    for number, hours in enumerate([5, 4, 3, 2]):
        age(store, number, hours * HOUR)
    fill(store, [4])  # looks at all, evicts 0, and remembers 1 as the next
    before = os.stat(store.place(key(1)))
    fill(store, [1], size=50)
    os.utime(store.place(key(1)), ns=(before.st_atime_ns, before.st_mtime_ns))
    fill(store, [5])
    assert numbers_held(store, range(6)) == [1, 3, 4, 5]


def test_the_entries_of_a_function_that_nobody_calls_go_first(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=20)
    fill(store, range(10), function="dead")
    for number in range(10):
        age(store, number, 100 * HOUR, "dead")
    fill(store, range(20))
    assert numbers_held(store, range(20)) == list(range(20))


def test_times_from_the_future_make_nothing_immortal_and_change_no_answer(tmp_path, secret):
    cache = Cache(DirectoryStore(tmp_path, max_entries=3), secret=secret)
    double = Counted(cache)
    for number in range(3):
        double(number)
    for number in range(3):  # after all are stored: a store may look, by chance, and remember what it saw
        os.utime(double.path(number), (time.time() + (1e9 if number == 1 else -100),) * 2)
    double(3)
    assert not os.path.exists(double.path(1))
    assert [double(number) for number in (0, 2, 3)] == [0, 4, 6]
    assert double.calls == [0, 1, 2, 3]


def test_an_entry_from_the_future_that_is_hit_is_of_today(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=3)
    fill(store, [1])
    os.utime(store.place(key(1)), (time.time() + 1e9, time.time()))
    store.get(key(1))
    assert abs(os.stat(store.place(key(1))).st_atime - time.time()) < HOUR


def test_a_frozen_clock_does_not_change_what_goes(tmp_path):
    with freeze_time("2001-01-01"):
        store = DirectoryStore(tmp_path, max_entries=3)
        fill(store, range(3))
        for number, hours in enumerate([4, 3, 2]):
            real = file_time() / 1e9 - hours * HOUR
            os.utime(store.place(key(number)), (real, real))
        store.get(key(0))
        fill(beginner(tmp_path, 3), [3])
    assert numbers_held(store, range(4)) == [0, 2, 3]


def test_listing_does_not_make_entries_look_used(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=3)
    fill(store, [1])
    age(store, 1, 100 * HOUR)
    before = os.stat(store.place(key(1)))
    store.head(key(1)), list(store.keys()), store.size(key(1))
    assert os.stat(store.place(key(1))).st_atime_ns == before.st_atime_ns


@pytest.mark.parametrize("hours", [0.5, 2])
def test_a_hit_is_recorded_once_an_hour(tmp_path, hours):
    store = DirectoryStore(tmp_path, max_entries=3)
    fill(store, [1])
    age(store, 1, hours * HOUR)
    before = os.stat(store.place(key(1)))
    store.head(key(1))
    os.close(store.open_entry(key(1)))
    after = os.stat(store.place(key(1)))
    assert after.st_mtime_ns == before.st_mtime_ns
    assert (after.st_atime_ns > before.st_atime_ns) == (hours > 1)


# -- in steps ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_steps(monkeypatch):
    """Make a directory of a few thousand entries as large, for its steps, as one of a million."""
    monkeypatch.setattr(look, "_WHOLE", 8)
    monkeypatch.setattr(look, "_STEP", 8)
    monkeypatch.setattr(look, "_PART", 2)
    monkeypatch.setattr(candidates, "_REMEMBERED", 16)


def slices_held(store):
    """Count what is in each slice, without looking at the account."""
    found = {}
    for name, size in [(name, store.size(name)) for name in list(store.keys())]:
        entries, total = found.get(name[41:43], (0, 0))
        found[name[41:43]] = entries + 1, total + size
    return [found.get(f"{number:02x}", (0, 0)) for number in range(usage.SLICES)]


def slices_counted(store):
    store.account._read()
    return [store.account._usage.cell(number) for number in range(usage.SLICES)]


def test_a_large_directory_is_held_to_its_limit_after_every_store(tmp_path, small_steps):
    store = DirectoryStore(tmp_path, max_entries=2000)
    fill(store, range(2000), size=1)
    for number in range(2000, 2300):
        fill(store, [number], size=1)
        assert 2000 - 7 <= store.account._entries <= 2000
    assert held(store) == store.account._entries


def test_what_changes_while_a_slice_is_looked_at_is_counted(tmp_path, small_steps):
    store = DirectoryStore(tmp_path, max_entries=1000)
    for number in range(2000):
        fill(store, [number], size=number % 5)
        if number % 7 == 6:
            fill(store, [number - 5], size=(number - 5) % 5)
    assert slices_counted(store) == slices_held(store)


def test_another_process_that_stores_while_a_slice_is_looked_at_is_counted(tmp_path, small_steps):
    store, other = (DirectoryStore(tmp_path, max_entries=1000) for _ in range(2))
    fill(store, range(1000), size=1)
    for number in range(1000, 1500):
        fill(other if number % 3 else store, [number], size=1)
    wrong = sum(ours != true for ours, true in zip(slices_counted(store), slices_held(store), strict=True))
    assert wrong < 10
    assert abs(store.account._usage.total[0] - held(store)) < 10


def test_in_a_large_directory_what_goes_is_of_the_oldest_half_of_what_was_looked_at(tmp_path, small_steps):
    store = DirectoryStore(tmp_path, max_entries=2000)
    fill(store, range(2000), size=1)
    for number in range(2000):
        age(store, number, (2000 - number) * HOUR)
    fill(store, range(2000, 2200), size=1)
    left = numbers_held(store, range(2000))
    gone = set(range(2000)) - set(left)
    # In steps of eight entries some that are not old go too, a fifth here; without any order it would be half.
    assert len(gone) > 190
    assert len(gone - set(range(1000))) < len(gone) * 0.4


def test_one_call_looks_at_few_entries_of_a_large_slice(tmp_path, small_steps, monkeypatch):
    store = DirectoryStore(tmp_path, max_entries=2000)
    fill(store, range(2000), size=1)
    fill(store, range(2000, 2010), size=1)
    looked = []
    step = look.Lookout.step
    monkeypatch.setattr(look.Lookout, "step", lambda *a: looked.append(step(*a)) or looked[-1])
    fill(store, range(2010, 2100), size=1)
    assert len(looked) > 30
    assert max(len(sight.entries) for sight in looked) <= 8


def test_after_a_round_the_oldest_go_without_another_look(tmp_path, monkeypatch):
    monkeypatch.setattr(look, "_WHOLE", 50)
    monkeypatch.setattr(look, "_STEP", 50)
    fill(DirectoryStore(tmp_path), range(200), size=1)
    store = DirectoryStore(tmp_path, max_entries=200)
    for number in range(200):
        age(store, number, (1000 - number) * HOUR)
    while store.account._candidates._slices < usage.SLICES:
        store.account._look()
    monkeypatch.delattr(look.Lookout, "step")
    fill(store, range(200, 250), size=1)
    assert numbers_held(store, range(250)) == list(range(50, 250))


def test_a_step_that_fails_is_told_and_the_next_goes_on_elsewhere(tmp_path, small_steps, monkeypatch, caplog):
    store = DirectoryStore(tmp_path, max_entries=2000)
    fill(store, range(2000), size=1)
    real = look.open_directory
    failures = [PermissionError(13, "Permission denied", "x")] * 3
    monkeypatch.setattr(look, "open_directory", lambda path: raise_next(failures) or real(path))
    fill(store, range(2000, 2200), size=1)
    assert failures == []
    assert 2000 - 7 <= held(store) <= 2000
    assert len(caplog.messages) == 1


def test_what_comes_to_a_slice_that_is_being_looked_at_is_found_when_nothing_else_is_there(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=0)
    store.account.settle()
    lookout, slice_ = store.account._lookout, int(key(1)[41:43], 16)
    lookout._begun = look._Slice(slice_, iter([]), (0, 0))  # all its folders were listed
    lookout._next = (lookout._order.index(slice_) + 1) % usage.SLICES
    fill(store, [1])
    assert held(store) == 0


def raise_next(failures):
    if failures:
        raise failures.pop()


# -- what is too large ------------------------------------------------------------------------------------------------


def test_an_entry_larger_than_max_bytes_is_returned_told_once_and_not_stored(tmp_path, secret, events, caplog):
    cache = Cache(DirectoryStore(tmp_path, max_bytes="2kB"), secret=secret, on_event=events.append)
    text = Counted(cache, lambda number: "x" * number)
    text(10)
    assert [len(text(size)) for size in (5000, 5000, 6000)] == [5000, 5000, 6000]
    assert all("max_bytes=2000" in reason for reason in reasons(events, NotStored))
    assert len(caplog.messages) == 1
    assert text(10) == "x" * 10
    assert text.calls == [10, 5000, 5000, 6000]


def test_what_is_too_large_is_not_written_to_its_end(tmp_path):
    store = DirectoryStore(tmp_path, max_bytes=100)
    given = iter([b"x" * 60, b"x" * 60, b"x" * 60])
    with pytest.raises(StoreError, match="max_bytes=100"):
        store.set(key(1), given, None)
    assert len(list(given)) == 1
    assert held(store) == 0


# -- what happens meanwhile -------------------------------------------------------------------------------------------

CREW = """
import sys
from memopickle import DirectoryStore
from memopickle.testing import store_key

store = DirectoryStore(sys.argv[1], max_entries=50, max_bytes=20_000)
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    store.set(store_key(f"{sys.argv[2]} {number}"), [b"x" * 300], None)
"""


def test_eight_processes_hold_the_limits_together(tmp_path):
    command = [sys.executable, "-W", "error", "-c", CREW, str(tmp_path)]
    crew = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(8)
    ]
    assert [process.stdout.readline() for process in crew] == ["ready\n"] * 8
    for process in crew:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[1] or process.returncode for process in crew] == [0] * 8
    store = DirectoryStore(tmp_path, max_entries=50)
    # Each may have added one that it did not know the others were adding too, or evicted one that others evicted too.
    assert 50 - 8 <= held(store) <= 50 + 8
    fill(store, range(60))
    assert held(store) == 50


def test_processes_that_store_one_entry_each_hold_the_limit(tmp_path):
    for number in range(30):
        fill(DirectoryStore(tmp_path, max_entries=10), [number])
    assert held(DirectoryStore(tmp_path)) == 10


@pytest.mark.parametrize("limit", [{"max_entries": 520}, {"max_bytes": 520}], ids=str)
def test_processes_that_store_one_entry_each_hold_a_large_limit_too(tmp_path, limit):
    fill(DirectoryStore(tmp_path, **limit), range(500), size=1)
    for number in range(500, 700):
        fill(DirectoryStore(tmp_path, **limit), [number], size=1)
    # One in three reads the account, and evicts what the others stored.
    assert 510 <= held(DirectoryStore(tmp_path)) <= 560


def test_little_of_what_a_process_stores_is_unknown_to_others_when_it_ends(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=10_000)
    store.account.settle()
    known = []
    for number in range(10):
        fill(store, [number])
        other = DirectoryStore(tmp_path, max_entries=10_000)
        other.account._read()
        known.append(other.account._entries)
    assert all(stored - known < 4 for stored, known in enumerate(known, 1))
    assert known[0] == 1


ENDS = """
import sys
from memopickle import DirectoryStore
from memopickle.testing import store_key

store = DirectoryStore(sys.argv[1], max_entries=10_000)
store.account._read()  # or else it might do so after any of these, by chance
for number in range(5):
    store.set(store_key(str(number)), [b"x"], None)
assert store.account._pending
"""


@pytest.mark.parametrize("how", ["process", "store"])
def test_what_a_process_or_a_store_did_not_append_yet_is_appended_at_its_end(tmp_path, how):
    other = DirectoryStore(tmp_path, max_entries=10_000)
    other.account.settle()
    if how == "process":
        run(ENDS + "sys.modules['kept for ever'] = store", tmp_path)
    else:
        fill(DirectoryStore(tmp_path, max_entries=10_000), range(5))
    other.account._read()
    assert other.account._usage.total[0] == 5


def test_one_that_has_no_limit_tells_those_who_have_one(tmp_path):
    fill(DirectoryStore(tmp_path, max_entries=10), range(5))
    fill(DirectoryStore(tmp_path), range(5, 30))
    store = DirectoryStore(tmp_path, max_entries=10)
    fill(store, [30])
    assert held(store) == 10


def test_a_store_without_a_limit_tells_one_that_has_just_begun_to_keep_account(tmp_path, monkeypatch):
    monkeypatch.setattr(account, "MOMENT", HOUR * 10**9)  # so that it is not the time that tells
    free, limited = DirectoryStore(tmp_path), DirectoryStore(tmp_path, max_entries=10)
    fill(free, [0])
    fill(limited, [1])
    fill(free, range(2, 30))
    fill(limited, [30])
    assert held(limited) == 10


def test_without_a_limit_no_account_is_kept(tmp_path):
    store = DirectoryStore(tmp_path)
    fill(store, range(3))
    store.delete(key(1)), store.clear(), store.prune(0)
    assert not os.path.exists(tmp_path / USAGE)


def test_a_limit_set_on_a_full_directory_is_worked_off_by_the_calls_that_follow(tmp_path):
    fill(DirectoryStore(tmp_path), range(1500), size=1)
    store = DirectoryStore(tmp_path, max_entries=100)
    left = []
    for number in range(1500, 1510):
        fill(store, [number], size=1)
        left.append(held(store))
    assert all(before - after < 300 for before, after in zip([1500, *left], left, strict=False))
    assert left[-1] == 100


def test_where_removing_takes_long_each_call_evicts_two_at_most(tmp_path, monkeypatch):
    monkeypatch.setattr(eviction, "_PATIENCE", -1)
    fill(DirectoryStore(tmp_path), range(20))
    store = DirectoryStore(tmp_path, max_entries=10)
    left = []
    for number in range(20, 34):
        fill(store, [number])
        left.append(held(store))
    assert left == [*range(19, 10, -1), 10, 10, 10, 10, 10]


def test_prune_works_off_all_at_once(tmp_path):
    fill(DirectoryStore(tmp_path), range(1500), size=1)
    store = DirectoryStore(tmp_path, max_entries=100)
    assert store.prune(0) == 1400
    assert held(store) == 100


def test_entries_deleted_behind_its_back_cost_no_others_their_place_for_long(tmp_path, no_chance):
    store = DirectoryStore(tmp_path, max_entries=10)
    fill(store, range(10))
    for number in range(6):
        os.unlink(store.place(key(number)))
    fill(store, range(10, 16))
    assert numbers_held(store, range(16)) == [6, 7, 8, 9, *range(10, 16)]


def test_entries_added_behind_its_back_are_seen_by_prune(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=10)
    fill(store, range(10))
    for number in range(10, 20):
        os.link(store.place(key(0)), store.place(key(0))[:-1] + f"{number - 10:x}") if number > 10 else None
    assert store.prune(0) == held(DirectoryStore(tmp_path)) - 1
    assert held(store) == 10


@pytest.mark.parametrize(
    "damage",
    [b"", b"x", b"x" * 15, b"x" * 4096, bytes(4096), b"mpkuse1\0" + b"\xff" * 4088, b"mpkuse1\0" + bytes(11)],
    ids=["empty", "short", "cut", "garbage", "zeros", "forged", "askew"],
)
def test_a_damaged_account_is_mended(tmp_path, damage):
    store = DirectoryStore(tmp_path, max_entries=10)
    fill(store, range(10))
    (tmp_path / USAGE).write_bytes(damage)
    fill(store, range(10, 20))
    fill(DirectoryStore(tmp_path, max_entries=10), range(20, 40))
    assert held(store) == 10


@pytest.mark.parametrize("what", ["fifo", "directory", "symlink"])
def test_an_account_that_is_no_file_costs_a_warning_and_the_limit(tmp_path, what, caplog):
    os.mkdir(tmp_path / "cache")
    path = tmp_path / "cache" / USAGE
    {"fifo": os.mkfifo, "directory": os.mkdir, "symlink": lambda path: os.symlink("/dev/null", path)}[what](path)
    store = DirectoryStore(tmp_path / "cache", max_entries=2)
    fill(store, range(5))
    assert held(store) == 5
    assert len(caplog.messages) == 1
    assert "limits" in caplog.messages[0]


def test_a_deleted_account_is_made_again(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=5)
    fill(store, range(5))
    os.unlink(tmp_path / USAGE)
    fill(store, range(5, 10))
    assert held(store) == 5


def test_a_deleted_cache_directory_is_begun_anew(tmp_path, caplog):
    store = DirectoryStore(tmp_path / "cache", max_entries=5)
    fill(store, range(5))
    os.rename(tmp_path / "cache", tmp_path / "gone")
    fill(store, range(3))
    assert held(store) == 3
    fill(store, range(3, 9))
    assert held(store) == 5
    assert caplog.messages == []


def test_a_long_account_is_written_anew(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=3)
    fill(store, range(3), size=1)
    record = (tmp_path / USAGE).read_bytes()[-16:]
    with open(tmp_path / USAGE, "ab") as file:
        file.write((record[:4] + bytes(12)) * 5000)
    fill(store, [3], size=1)
    assert os.path.getsize(tmp_path / USAGE) < 10_000
    assert held(store) == 3
    assert sorted(os.listdir(tmp_path)) == sorted([USAGE, key(0)[:40]])


def record_many(path, count, slice_=0):
    """Append what a process without a limit may have appended: records of one entry and one byte."""
    with open(path, "ab") as file:
        file.write(struct.pack("<BBxxiq", slice_, 0, 1, 1) * count)


def test_a_very_long_account_is_read_a_part_at_a_time_and_loses_nothing(tmp_path, monkeypatch, no_chance):
    monkeypatch.setattr(usage, "_MOST", 1024)
    store = DirectoryStore(tmp_path, max_entries=10_000)
    fill(store, range(20))
    store.account.settle()
    record_many(tmp_path / USAGE, 1000)
    parts = 0
    while True:
        fill(store, [20])
        parts += 1
        if not store.account._usage.behind and parts > 40:
            break
    assert parts < 100
    assert store.account._usage.total[0] == 1021


def test_an_account_that_is_too_long_is_begun_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(usage, "_TOO_LONG", 4096)
    store = DirectoryStore(tmp_path, max_entries=10)
    fill(store, range(10))
    record_many(tmp_path / USAGE, 1000)
    fill(store, range(10, 12))
    assert held(store) == 10
    assert store.prune(0) == 0
    assert store.account._usage.total == (10, 1000)


def test_who_has_no_limit_does_not_let_the_account_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(usage, "_TOO_LONG", 8192)
    fill(DirectoryStore(tmp_path, max_entries=1000), range(3), size=1)
    store = DirectoryStore(tmp_path)
    fill(store, range(3, 600), size=1)
    assert not os.path.exists(tmp_path / USAGE)
    fill(DirectoryStore(tmp_path, max_entries=10), range(600, 700), size=1)
    assert held(store) == 10


def test_foreign_files_are_neither_counted_nor_evicted(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=2)
    fill(store, [0])
    place = store.place(key(0))
    for name in (f"{place}.txt", os.path.join(os.path.dirname(place), "notes")):
        with open(name, "w") as file:
            file.write("x" * 1000)
        os.utime(name, (0, 0))
    os.mkdir(place[:-1] + "g")
    fill(store, range(1, 5))
    assert held(store) == 2
    assert os.path.exists(f"{place}.txt")


def test_a_directory_with_the_name_of_an_entry_is_not_counted(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=10)
    fill(store, range(5))
    place = store.place(key(0))
    os.mkdir(f"{place[:-1]}{'1' if place[-1] == '0' else '0'}")
    store.account.settle()
    assert store.account._usage.total == (5, 500)


def test_what_lies_behind_links_is_not_evicted(tmp_path):
    other = DirectoryStore(tmp_path / "other")
    fill(other, range(5), function="g")
    for number in range(5):
        age(other, number, 100 * HOUR, "g")
    store = DirectoryStore(tmp_path / "cache", max_entries=2)
    fill(store, [0])
    folder = os.path.dirname(os.path.dirname(other.place(key(0, "g"))))
    os.symlink(folder, os.path.join(store.path, os.path.basename(folder)))
    fill(store, range(1, 5))
    assert held(other) == 5
    assert held(store) == 2


def test_many_functions_are_held_to_the_limit_too(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=20)
    for number in range(100):
        fill(store, [number], function=f"function {number}")
    assert held(store) == 20


def test_a_store_with_limits_can_be_pickled(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=3, max_bytes=1000, mmap=True)
    fill(store, range(3))
    copy = pickle.loads(pickle.dumps(store))
    assert (copy.max_entries, copy.max_bytes, copy.mmap) == (3, 1000, True)
    fill(copy, range(3, 8))
    assert held(store) == 3


FORKED = """
import os, sys
from memopickle import DirectoryStore
from memopickle.testing import store_key

store = DirectoryStore(sys.argv[1], max_entries=5)
for number in range(5):
    store.set(store_key(str(number)), [b"x"], None)
store.account._guard.__enter__()
child = os.fork()
if not child:
    for number in range(5, 10):
        store.set(store_key(str(number)), [b"x"], None)
    os._exit(0)
store.account._guard.__exit__(None, None, None)
assert os.waitpid(child, 0)[1] == 0
store.set(store_key("10"), [b"x"], None)
print(len(list(store.keys())))
"""


def test_a_forked_child_is_not_stuck_and_counts_on(tmp_path):
    assert run(FORKED, tmp_path) == "5\n"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_count_what_its_parent_stored_once_more(tmp_path):
    store = DirectoryStore(tmp_path, max_entries=10_000)
    store.account.settle()
    fill(store, range(5))
    assert store.account._pending
    child = os.fork()
    if not child:
        try:
            store.account._read()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    store.account._read()
    assert store.account._usage.total == (5, 500)


def test_the_default_cache_is_limited_to_a_gibibyte():
    assert default_cache().store.max_bytes == 1 << 30


# -- killed -----------------------------------------------------------------------------------------------------------

VICTIM = """
import sys
from memopickle import DirectoryStore
from memopickle.testing import store_key

store = DirectoryStore(sys.argv[1], max_entries=3)
for number in range(6):
    store.set(store_key(str(number)), [b"%d" % number * 100], None)
"""


@pytest.mark.parametrize("call", ["write", "unlink,unlinkat", "rename,renameat,renameat2"])
def test_killed_at_any_call_of_an_eviction_entries_are_whole_and_the_account_is_mended(tmp_path, call):
    strace = tool("strace")
    for number in range(1, 100):
        root = str(tmp_path / str(number))
        faults = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
        command = [strace, "-f", "-qq", "-o", "/dev/null", *faults, sys.executable, "-c", VICTIM, root]
        killed = subprocess.run(command, check=False).returncode != 0
        store = DirectoryStore(root, max_entries=3)
        for entry in map(store.get, store.keys()):
            assert (len(set(entry)), len(entry)) == (1, 100)
        fill(store, range(6, 12))
        assert held(store) == 3
        if not killed:
            break
    assert 3 < number < 99


def test_what_is_evicted_is_told_with_its_function(tmp_path, events):
    cache = Cache(DirectoryStore(tmp_path, max_entries=1), on_event=events.append)
    f = cache.cached(lambda x: x)
    for x in range(5):
        f(x)
    told = [event for event in events if isinstance(event, Evicted)]
    assert {event.function for event in told} == {f._memo.name}
    gone = {f.cache_key(x) for x in range(5) if not f.cache_contains(x)}
    assert {event.key for event in told} == gone
    assert gone


def test_a_log_handler_may_wait_for_another_thread_that_changes_the_store(tmp_path, caplog):
    store = DirectoryStore(tmp_path, max_entries=3)
    waited = []

    class Handler(logging.Handler):
        def emit(self, record):
            if not waited:
                thread = threading.Thread(target=store.delete, args=(key(3),), daemon=True)
                waited.append(thread)
                thread.start()
                thread.join(10)
                waited.append(thread.is_alive())

    handler = Handler()
    logger = logging.getLogger("memopickle")
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.DEBUG, "memopickle"):
            fill(store, range(4))
    finally:
        logger.removeHandler(handler)
    assert waited[1:] == [False]
