"""What is particular to TieredStore: filling upwards, a ttl for each tier, and going on without a tier that fails."""

import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.clock import Clock
from helpers.functions import Counted, reasons
from helpers.programs import run

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore, ReadOnlyStore, StoreError, TieredStore
from memopickle.events import Miss, NotStored
from memopickle.stores.claims import Claims
from memopickle.testing import store_key

NOW = 1_800_000_000.0


class Remote(DirectoryStore):
    """A directory that fails while it is told to, as a server does that went away; and counts what it is asked."""

    def __init__(self, path, ttl=None):
        super().__init__(path, ttl)
        self.down = False
        self.reads = 0

    def _reached(self):
        if self.down:
            raise StoreError("the server is gone")

    def get(self, key):
        self.reads += 1
        self._reached()
        return super().get(key)

    def delete(self, key):
        self._reached()
        return super().delete(key)

    def clear(self, prefix=""):
        self._reached()
        return super().clear(prefix)

    def writer(self, key):
        self._reached()
        return super().writer(key)

    def lock(self, key):
        self._reached()
        return super().lock(key)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def far(tmp_path):
    """The tier that machines share."""
    return Remote(tmp_path / "far")


@pytest.fixture
def near(tmp_path):
    return Remote(tmp_path / "near")


@pytest.fixture
def machine(secret, events, clock):
    """Make the cached function of one machine, on tiers of its own above those given."""

    def make(*tiers, compute=lambda number: number * 2, **options):
        store = TieredStore(*tiers) if len(tiers) > 1 else tiers[0]
        return Counted(Cache(store, secret=secret, on_event=events.append, clock=clock), compute, **options)

    return make


def held(store):
    return list(store.keys())


# -- filling ---------------------------------------------------------------------------------------------------------


def test_a_computed_value_is_put_into_all_tiers(machine, near, far):
    memory = MemoryStore()
    double = machine(memory, near, far)
    assert double(3) == 6
    assert held(memory) == held(near) == held(far) == [double.key(3)]
    assert near.get(double.key(3)) == far.get(double.key(3))


def test_a_hit_fills_the_tiers_above(machine, near, far):
    machine(far)(3)
    memory = MemoryStore()
    double = machine(memory, near, far)
    assert double(3) == 6
    assert double.calls == []
    assert held(memory) == [double.key(3)]
    assert near.get(double.key(3)) == far.get(double.key(3))


def test_what_is_in_a_tier_above_is_not_looked_up_below(machine, near, far):
    double = machine(MemoryStore(), near, far)
    double(3)
    near.reads = far.reads = 0
    assert [double(3), double(3)] == [6, 6]
    assert (near.reads, far.reads) == (0, 0)
    again = machine(MemoryStore(), near, far)
    assert [again(3), again(3)] == [6, 6]
    assert (near.reads, far.reads) == (1, 0)


def test_what_memory_evicts_comes_back_from_below(machine, near):
    double = machine(MemoryStore(maxsize=1), near)
    assert [double(3), double(4), double(3)] == [6, 8, 6]
    assert double.calls == [3, 4]


def test_each_caller_has_a_copy_of_his_own(machine, near):
    lists = machine(MemoryStore(), near, compute=lambda number: [number])
    for _ in range(3):
        found = lists(3)
        assert found == [3]
        found.append("changed")
    again = machine(MemoryStore(), near, compute=lambda number: [number])
    for _ in range(3):
        found = again(3)
        assert found == [3]
        found.append("changed")
    assert (lists.calls, again.calls) == ([3], [])


def test_without_copy_every_caller_gets_the_object_that_memory_keeps(machine, near):
    machine(near, compute=lambda number: [number])(3)
    lists = machine(MemoryStore(copy=False), near, compute=lambda number: [number])
    assert lists(3) is lists(3)
    assert lists.calls == []


def test_a_bad_entry_above_is_replaced_by_the_good_one_below_and_told_once(machine, near, far, caplog):
    double = machine(near, far)
    double(3)
    good = bytes(far.get(double.key(3)))
    with open(near.place(double.key(3)), "wb") as file:
        file.write(good[:-1] + bytes([good[-1] ^ 1]))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert bytes(near.get(double.key(3))) == good
    (message,) = caplog.messages
    assert near.place(double.key(3)) in message


def test_a_bad_entry_with_none_below_is_a_miss_told_with_its_place(machine, near, far, events, caplog):
    double = machine(near, far)
    double(3)
    far.delete(double.key(3))
    with open(near.place(double.key(3)), "ab") as file:
        file.write(b"more")
    assert double(3) == 6
    assert double.calls == [3, 3]
    assert reasons(events, Miss)[-1] == "bad entry"
    assert near.place(double.key(3)) in caplog.messages[0]
    assert double(3) == 6
    assert double.calls == [3, 3]


def test_an_entry_of_another_secret_is_never_copied_upwards(secret, near, far):
    Counted(Cache(far, secret="another secret of more than 32 bytes"))(3)
    double = Counted(Cache(TieredStore(near, far), secret=secret))
    key = double.key(3)
    assert double.function.cache_peek(3) is None
    assert near.get(key) is None


# -- a ttl for each tier ---------------------------------------------------------------------------------------------


def test_memory_is_as_late_as_its_ttl_at_most(machine, near, clock):
    double = machine(MemoryStore(ttl=30), near)
    double(3)
    machine(near).function.cache_clear()  # another process, of which memory here knows nothing
    clock.now = NOW + 29.999
    assert double(3) == 6
    assert double.calls == [3]
    clock.now = NOW + 30
    assert double(3) == 6
    assert double.calls == [3, 3]


def test_the_quick_way_of_a_function_that_is_hit_often_is_as_late_at_most(near, clock, secret):
    computed = []
    cache = Cache(TieredStore(MemoryStore(ttl=30), near), secret=secret, clock=clock)

    @cache.cached
    def double(number):
        computed.append(number)
        return number * 2

    assert [double(3) for _ in range(10)] == [6] * 10
    DirectoryStore(near.path).clear()
    near.reads = 0
    clock.now = NOW + 29.999
    assert (double(3), near.reads, computed) == (6, 0, [3])
    clock.now = NOW + 30
    assert (double(3), computed) == (6, [3, 3])
    assert double.cache_info()[:2] == (10, 2)


def test_the_quick_way_sees_what_is_replaced_and_cleared(near, secret):
    ages = [1]
    cache = Cache(TieredStore(MemoryStore(), near), secret=secret)
    age = cache.cached(lambda number: ages[-1], version=1)
    assert [age(3) for _ in range(10)] == [1] * 10
    age.cache_set(2, 3)
    assert [age(3) for _ in range(10)] == [2] * 10
    ages.append(3)
    age.cache_clear()
    assert [age(3) for _ in range(10)] == [3] * 10
    cache.store.set(age.cache_key(3), [b"not an entry"], None)
    ages.append(4)
    assert age(3) == 4


def test_memory_without_a_ttl_uses_an_entry_while_it_is_fresh(machine, near, clock):
    double = machine(MemoryStore(), near, ttl=100)
    double(3)
    machine(near, ttl=100).function.cache_clear()
    clock.now = NOW + 99
    double(3)
    clock.now = NOW + 100
    double(3)
    assert double.calls == [3, 3]


def test_a_tiers_ttl_counts_from_when_it_was_filled_not_from_when_the_entry_was_made(machine, near, far, clock):
    machine(far)(3)
    clock.now = NOW + 1000
    near.ttl = 30 * 10**6
    double = machine(MemoryStore(ttl=10), near, far)
    double(3)
    near.reads = far.reads = 0
    clock.now = NOW + 1009.9
    double(3)
    assert (near.reads, far.reads) == (0, 0)
    clock.now = NOW + 1010
    double(3)
    assert (near.reads, far.reads) == (1, 0)
    clock.now = NOW + 1030
    double(3)
    assert (near.reads, far.reads) == (2, 1)
    assert double.calls == []


def test_a_disk_tier_is_as_late_as_its_ttl_at_most(machine, far, clock, tmp_path):
    double = machine(DirectoryStore(tmp_path / "disk", ttl=30), far)
    double(3)
    far.clear()
    clock.now = NOW + 29
    assert (double(3), double.calls) == (6, [3])
    clock.now = NOW + 30
    assert (double(3), double.calls) == (6, [3, 3])


def test_the_last_tiers_ttl_is_that_of_functions_without_one(machine, clock, tmp_path):
    store = DirectoryStore(tmp_path / "cache", ttl=100)
    double = machine(MemoryStore(), store)
    double(3)
    clock.now = NOW + 100
    double(3)
    assert double.calls == [3, 3]


def test_an_expired_copy_gives_way_to_a_newer_entry_below(machine, near, far, clock):
    double = machine(MemoryStore(), near, far, ttl=100)
    double(3)
    clock.now = NOW + 101
    machine(far, ttl=100)(3)  # another machine was first
    assert double(3) == 6
    assert double.calls == [3]


# -- clearing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forget",
    [
        lambda double: double.function.cache_invalidate(3),
        lambda double: double.function.cache_clear(),
        lambda double: double.cache.clear(),
        lambda double: double.cache.clear(double.function),
    ],
    ids=["invalidate", "cache_clear", "clear", "clear one"],
)
def test_removing_reaches_all_tiers(machine, near, far, forget):
    memory = MemoryStore()
    double = machine(memory, near, far)
    double(3)
    forget(double)
    assert held(memory) == held(near) == held(far) == []
    assert double(3) == 6
    assert double.calls == [3, 3]


def test_a_clear_counts_what_the_fullest_tier_had(machine, near, far):
    double = machine(MemoryStore(maxsize=1), near, far)
    double(3), double(4)
    assert double.cache.clear() == 2


def test_a_clear_that_does_not_reach_a_tier_says_so_and_clears_the_others(machine, near, far):
    memory = MemoryStore()
    double = machine(memory, near, far)
    double(3)
    far.down = True
    with pytest.raises(StoreError, match="gone"):
        double.cache.clear()
    assert held(memory) == held(near) == []


@pytest.mark.parametrize("tier", ["near", "far"])
def test_a_value_computed_while_another_process_clears_one_tier_is_left_in_none(machine, near, far, tier):
    memory = MemoryStore()
    other = DirectoryStore(near.path if tier == "near" else far.path)
    double = machine(memory, near, far, compute=lambda number: other.clear() or number)
    double(3)
    assert held(memory) == held(near) == held(far) == []


def test_what_was_read_below_before_a_clear_is_not_put_into_memory_after(machine, near, tmp_path):
    machine(near)(3)
    reading, cleared = threading.Event(), threading.Event()

    class Slow(Remote):
        def get(self, key):
            blob = super().get(key)
            reading.set()
            cleared.wait(60)
            return blob

    memory = MemoryStore()
    double = machine(memory, Slow(near.path))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(double, 3)
        reading.wait(60)
        double.cache.store.clear()
        cleared.set()
        assert first.result(60) == 6
    assert held(memory) == []


def test_what_was_read_below_before_a_clear_is_not_put_onto_disk_after(machine, near, far):
    machine(far)(3)
    double = machine(near, far)
    read = far.get

    def cleared_meanwhile(key):
        blob = read(key)
        double.cache.store.clear()
        return blob

    far.get = cleared_meanwhile
    assert double(3) == 6
    assert held(near) == []


def test_a_value_set_by_hand_replaces_it_in_all_tiers(machine, near, far):
    double = machine(MemoryStore(), near, far)
    double(3)
    double.function.cache_set(7, 3)
    assert double(3) == 7
    assert machine(MemoryStore(), near, far)(3) == machine(far)(3) == 7


def test_bytes_set_behind_the_memory_tier_replace_what_it_had(machine, near):
    memory = MemoryStore()
    double = machine(memory, near)
    double(3)
    blob = bytes(near.get(double.key(3)))
    double.cache.store.set(double.key(3), [blob], None)
    assert held(memory) == []
    assert double(3) == 6


# -- a tier that fails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("down", ["near", "far"])
def test_a_tier_that_fails_is_skipped_and_told_once(machine, near, far, down, caplog):
    tiers = {"near": near, "far": far}
    tiers[down].down = True
    double = machine(near, far)
    assert [double(3), double(3), double(4)] == [6, 6, 8]
    assert double.calls == [3, 4]
    (message,) = caplog.messages
    assert "is skipped" in message
    assert "the server is gone" in message


def test_a_tier_that_works_again_is_used_again(machine, near, far):
    far.down = True
    double = machine(near, far)
    double(3)
    far.down = False
    double(4)
    assert held(far) == [double.key(4)]


def test_memory_goes_on_by_itself_while_all_others_fail_and_that_is_told(machine, far, caplog):
    far.down = True
    double = machine(MemoryStore(), far)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert any("could not store" in message for message in caplog.messages)


def test_an_old_value_does_not_outlive_a_failed_write(machine, near, far):
    double = machine(near, far)
    double(3)

    class Full(Remote):
        def writer(self, key):
            writer = super().writer(key)
            writer._fill = lambda fd, chunks: (_ for _ in ()).throw(OSError(28, "disk full"))
            return writer

    double = machine(Full(near.path), far)
    double.function.cache_set(7, 3)
    assert double(3) == 7


def test_the_store_by_itself_fails_only_when_all_tiers_do(near, far):
    store = TieredStore(near, far)
    store.set(store_key(), [b"value"], None)
    near.down = True
    assert store.get(store_key()) == b"value"
    far.down = True
    with pytest.raises(StoreError, match="gone"):
        store.get(store_key())


# -- single flight ---------------------------------------------------------------------------------------------------


def test_the_lock_is_that_of_the_last_tier(near, far):
    store = TieredStore(MemoryStore(), near, far)
    lock = store.lock(store_key())
    assert lock.acquire(0)
    other = far.lock(store_key())
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(other.acquire, 0).result(60)
    assert lock.held()
    lock.release()


def test_without_the_last_tier_the_lock_is_the_next_ones(near, far):
    far.down = True
    lock = TieredStore(near, far).lock(store_key())
    assert lock.acquire(0)
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(near.lock(store_key()).acquire, 0).result(60)
    lock.release()


BEGUN, GO = threading.Event(), threading.Event()  # globals: what a closure captured would be part of its key


def held_up(number):
    BEGUN.set()
    GO.wait(60)
    return number * 2


def test_two_machines_that_share_the_last_tier_compute_once(machine, far, tmp_path):
    BEGUN.clear(), GO.clear()
    one, two = (machine(MemoryStore(), DirectoryStore(tmp_path / name), far, compute=held_up) for name in "ab")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one, 3)
        BEGUN.wait(60)
        second = pool.submit(two, 3)
        GO.set()
        assert [first.result(60), second.result(60)] == [6, 6]
    assert [*one.calls, *two.calls] == [3]


def test_a_read_only_last_tier_leaves_the_lock_to_the_others(near, far):
    lock = TieredStore(near, ReadOnlyStore(far)).lock(store_key())
    assert lock.acquire(0)
    assert lock.held()
    assert os.path.exists(f"{near.place(store_key())}.lock")
    lock.release()


# -- read-only tiers -------------------------------------------------------------------------------------------------


def test_memory_over_a_read_only_tier_keeps_what_is_missing_there(machine, near, events, caplog):
    machine(near)(3)
    before = held(near)
    double = machine(MemoryStore(), ReadOnlyStore(near))
    assert [double(3), double(4), double(4)] == [6, 8, 8]
    assert double.calls == [4]
    assert held(near) == before
    assert reasons(events, NotStored) == []
    assert caplog.messages == []


def test_clearing_with_a_read_only_tier_says_that_it_stays(machine, near):
    machine(near)(3)
    memory = MemoryStore()
    double = machine(memory, ReadOnlyStore(near))
    double(3)
    with pytest.raises(StoreError, match="read-only"):
        double.function.cache_clear()
    assert held(memory) == []


# -- making one ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: TieredStore(), "two different stores"),
        (lambda: TieredStore(MemoryStore()), "two different stores"),
        (lambda: TieredStore("/tmp/a", MemoryStore()), "needs stores"),
        (lambda: TieredStore(DirectoryStore("/tmp/a"), MemoryStore()), "make it the first"),
        (lambda: TieredStore(TieredStore(MemoryStore(), DirectoryStore("/a")), DirectoryStore("/b")), "name its tiers"),
        (lambda: TieredStore(*[DirectoryStore("/a")] * 2), "two different stores"),
    ],
)
def test_tiers_that_make_no_sense_are_an_error(make, told):
    with pytest.raises(ConfigurationError, match=told):
        make()


def test_a_pickled_one_has_an_empty_memory_of_the_same_limits(near):
    store = TieredStore(MemoryStore(maxsize=7, ttl="5s", copy=False), near)
    store.set(store_key(), [b"value"], None)
    copy = pickle.loads(pickle.dumps(store))
    assert (copy.memory.maxsize, copy.memory.ttl, copy.memory.copy, len(copy.memory)) == (7, 5 * 10**6, False, 0)
    assert copy.get(store_key()) == b"value"


def test_other_processes_share_the_lower_tiers(tmp_path):
    program = """
        import sys
        from memopickle import Cache, DirectoryStore, MemoryStore, TieredStore
        cache = Cache(TieredStore(MemoryStore(), DirectoryStore(sys.argv[1])), secret="s" * 32)
        @cache.cached
        def double(number):
            print("computes")
            return number * 2
        print(double(3), double(3))
    """
    assert run(program, tmp_path / "cache").split() == ["computes", "6", "6"]
    assert run(program, tmp_path / "cache").split() == ["6", "6"]


def test_statistics_and_verification_see_the_tiers(machine, near, far):
    double = machine(MemoryStore(), near, far)
    double(3), double(4)
    cache = double.cache
    assert len(list(cache.entries())) == 2
    assert cache.stats()[0].entries == 2
    assert (cache.verify().good, cache.verify().bad) == (2, [])
    assert cache.prune() == 0
    assert cache.store.summary().entries == 2


class Interrupted(str):
    """A key at which a signal handler claims another one."""

    def startswith(self, *args):
        self.claims.make("other")
        return super().startswith(*args)


def test_a_claim_made_by_a_signal_handler_while_others_are_voided_costs_nothing():
    claims = Claims(MemoryStore())
    key = Interrupted("key")
    key.claims = claims
    claim = claims.make(key)
    claims.delete("key")
    assert not claim.valid
