"""Single flight between the threads of one process."""

import gc
import inspect
import os
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from helpers.stores import local_store

from memopickle import Cache, DirectoryStore, MemoryStore, config
from memopickle.code import source
from memopickle.events import LockWait, NotStored
from memopickle.flight import Flight
from tests.flight.crew import PATIENCE
from tests.flight.slow import Slow, decorated, start_and_join

SECRET = "t" * 32


@pytest.fixture(params=["directory", "shelve", "memory"])
def cache(request, tmp_path):
    events = []
    cache = Cache(local_store(request.param, tmp_path), secret=SECRET, on_event=events.append)
    cache.seen = events
    return cache


@pytest.fixture
def disk(tmp_path):
    return Cache(DirectoryStore(tmp_path / "cache"), secret=SECRET)


def test_everyone_who_waited_gets_a_copy_of_his_own(cache):
    slow = Slow()
    work = decorated(cache, slow)
    with ThreadPoolExecutor(4) as pool:
        leader, joined = start_and_join(pool, cache, slow, work, 3)
        slow.gate.set()
        results = [future.result(PATIENCE) for future in [leader, *joined]]
    assert len({id(result) for result in results}) == 4


def test_without_copies_everyone_gets_the_same_object():
    cache = Cache(MemoryStore(copy=False))
    slow = Slow()
    work = decorated(cache, slow)
    with ThreadPoolExecutor(3) as pool:
        leader, joined = start_and_join(pool, cache, slow, work, 2)
        slow.gate.set()
        results = [future.result(PATIENCE) for future in [leader, *joined]]
    assert len({id(result) for result in results}) == 1


class CannotBeCopied(Exception):
    def __init__(self, first, second):
        super().__init__(first)


def test_an_exception_that_cannot_be_copied_makes_those_who_waited_compute(cache):
    def fail(x):
        raise CannotBeCopied(x, x)

    slow = Slow(fail)
    work = decorated(cache, slow)
    with ThreadPoolExecutor(3) as pool:
        leader, joined = start_and_join(pool, cache, slow, work, 2)
        slow.gate.set()
        assert {type(future.exception(PATIENCE)) for future in [leader, *joined]} == {CannotBeCopied}
    assert slow.calls == [1, 1, 1]


def test_arguments_are_not_kept_alive_by_an_exception(cache):
    class Argument:
        def __reduce__(self):
            return str, ("argument",)

    @cache.cached
    def fail(argument):
        raise ValueError

    argument = Argument()
    gone = weakref.ref(argument)
    gc.disable()
    try:
        with pytest.raises(ValueError, match=r"^$"):
            fail(argument)
        del argument
        assert gone() is None
    finally:
        gc.enable()


def test_those_who_waited_compute_at_once_when_the_result_could_not_be_stored(cache):
    computing = threading.Barrier(3)

    def unpicklable(x):
        if len(slow.calls) > 1:
            computing.wait(PATIENCE)  # broken unless all three compute at the same time
        return lambda: x

    slow = Slow(unpicklable)
    work = decorated(cache, slow)
    with ThreadPoolExecutor(4) as pool:
        leader, joined = start_and_join(pool, cache, slow, work, 3)
        slow.gate.set()
        assert [future.result(PATIENCE)() for future in [leader, *joined]] == [1] * 4


def test_a_wait_longer_than_lock_timeout_ends_in_a_computation_of_its_own(cache):
    slow = Slow()
    work = decorated(cache, slow, lock_timeout=0.01)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(work, 1)
        assert slow.began.acquire(timeout=PATIENCE)
        second = pool.submit(work, 1)
        assert slow.began.acquire(timeout=PATIENCE)
        slow.gate.set()
        assert first.result(PATIENCE) == second.result(PATIENCE) == [1]
    assert [event.ended for event in cache.seen if isinstance(event, LockWait)] == [False]


def test_without_single_flight_all_compute(cache):
    slow = Slow()
    work = decorated(cache, slow, single_flight=False)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work, 1) for _ in range(2)]
        for _ in futures:
            assert slow.began.acquire(timeout=PATIENCE)
        slow.gate.set()
        assert [future.result(PATIENCE) for future in futures] == [[1], [1]]


def test_a_function_that_calls_itself_with_the_same_arguments_does_not_wait_for_itself(cache):
    depth = []

    @cache.cached
    def again(x):
        depth.append(x)
        return x if len(depth) == 3 else again(x)

    assert again(1) == 1


def test_threads_that_wait_crosswise_end(cache, monkeypatch):
    monkeypatch.setattr("memopickle.flight.CROSSED", 0.05)
    both = threading.Barrier(2)

    @cache.cached
    def left(x):
        with suppress(threading.BrokenBarrierError):
            both.wait(1)
        return ["left", right(x)] if x else "left"

    @cache.cached
    def right(x):
        with suppress(threading.BrokenBarrierError):
            both.wait(1)
        return ["right", left(0)]

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(left, 1), pool.submit(right, 1)]
        assert futures[0].result(PATIENCE) == ["left", ["right", "left"]]
        assert futures[1].result(PATIENCE) == ["right", "left"]


@pytest.mark.parametrize("single_flight", [True, False])
@pytest.mark.parametrize("forget", ["clear", "invalidate", "cache.clear"])
def test_a_value_computed_while_its_key_is_forgotten_is_not_left_in_the_store(cache, forget, single_flight):
    slow = Slow()
    work = decorated(cache, slow, single_flight=single_flight)
    forgets = {"clear": work.cache_clear, "invalidate": lambda: work.cache_invalidate(1), "cache.clear": cache.clear}
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(work, 1)
        assert slow.began.acquire(timeout=PATIENCE)
        forgets[forget]()
        slow.gate.set()
        assert late.result(PATIENCE) == [1]
    assert not work.cache_contains(1)
    assert [type(event) for event in cache.seen if isinstance(event, NotStored)] == [NotStored]


def test_a_call_after_a_clear_does_not_join_the_computation_begun_before(cache):
    slow = Slow()
    work = decorated(cache, slow)
    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(work, 1)
        assert slow.began.acquire(timeout=PATIENCE)
        work.cache_clear()
        after = pool.submit(work, 1)
        assert slow.began.acquire(timeout=PATIENCE)
        slow.gate.set()
        assert before.result(PATIENCE) == after.result(PATIENCE) == [1]
    assert work.cache_contains(1)


def test_nothing_is_left_in_the_table_of_flights(cache):
    work = decorated(cache, lambda x: 1 / x)
    work(1)
    with pytest.raises(ZeroDivisionError):
        work(0)
    assert cache.flights._table == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # 3.12 warns of fork with threads, which is the point
def test_a_child_forked_while_a_thread_computes_is_not_stuck(disk):
    slow = Slow()
    work = decorated(disk, slow)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(work, 1)
        assert slow.began.acquire(timeout=PATIENCE)
        child = os.fork()
        if child == 0:
            # The parent's thread does not exist here, so nobody will ever end its flight.
            mine = Flight(work.cache_key(1), disk.flights)
            os._exit(0 if disk.flights.launch(mine, joinable=True) is mine else 1)
        slow.gate.set()
        assert leader.result(PATIENCE) == [1]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_forked_by_the_computation_itself_may_ask_for_the_same_key(disk):
    @disk.cached
    def work(x):
        child = os.fork()
        if child == 0:
            os._exit(work.__wrapped__ is None)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert work(1) == 0
    assert work.cache_contains(1)


def test_a_lock_file_deleted_while_held_costs_a_second_computation_at_most(disk, tmp_path):
    slow = Slow()
    work = decorated(disk, slow)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(work, 1)
        assert slow.began.acquire(timeout=PATIENCE)
        for lock in (tmp_path / "cache").rglob("*.lock"):
            lock.unlink()
        slow.gate.set()
        assert leader.result(PATIENCE) == [1]
    assert work(1) == [1]
    assert len(slow.calls) <= 2


def test_a_lock_that_cannot_be_taken_costs_a_warning_and_not_the_result(disk, tmp_path, caplog):
    work = decorated(disk, lambda x: [x])
    work(1)
    work.cache_invalidate(1)
    key = work.cache_key(1)
    os.mkdir(disk.store.place(key) + ".lock")
    assert work(1) == [1]
    assert "could not lock" in caplog.text


def test_a_leader_that_cannot_wake_anybody_holds_nobody_up(cache):
    flight = Flight("key", cache.flights)
    cache.flights.launch(flight, joinable=True)
    joined = cache.flights.launch(Flight("key", cache.flights), joinable=True)
    assert joined is flight
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(joined.wait, None)
        cache.flights.forget(flight)
        assert wait.result(PATIENCE) is True


@pytest.mark.parametrize("room", range(1, 91, 3))
def test_a_computation_that_ran_out_of_stack_holds_nobody_up(cache, room):
    work = decorated(cache, lambda x: [x])

    def dive(depth):
        return dive(depth - 1) if depth else work(1)

    with suppress(RecursionError):
        dive(sys.getrecursionlimit() - stack_depth() - room)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work, 1).result(PATIENCE) == [1]
    assert cache.flights._table == {}


def stack_depth():
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def test_a_thread_that_holds_a_lock_through_another_object_does_not_wait_for_itself(disk):
    key = disk.cached(lambda x: x).cache_key(1)
    first, second = disk.store.lock(key), disk.store.lock(key)
    assert first.acquire(None)
    assert second.acquire(None) is False
    first.release()
    assert second.acquire(None)
    second.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # 3.12 warns of fork with threads, which is the point
@pytest.mark.parametrize("held", ["source", "config", "memory"])
def test_a_lock_that_another_thread_held_at_the_fork_is_free_in_the_child(held):
    store = MemoryStore()
    guards = {
        "source": source.LOCK,
        "config": config._guard,
        "memory": store._guard,
    }
    taken, done = threading.Event(), threading.Event()

    def hold():
        with guards[held]:
            taken.set()
            assert done.wait(PATIENCE)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert taken.wait(PATIENCE)
        child = os.fork()
        if child == 0:
            guard = store._guard if held == "memory" else guards[held]
            with guard:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        done.set()
        holding.result(PATIENCE)


@pytest.mark.parametrize("guarded", ["flights", "background"])
def test_a_signal_handler_that_comes_while_a_guard_is_held_may_call_a_cached_function(disk, guarded):
    double = disk.cached(lambda number: number * 2, stale_while_revalidate="1h", ttl="1h")
    owner = getattr(disk, guarded)
    got = []

    def call():
        with getattr(owner, "guard", None) or owner._guard:
            got.append(double(1))
            disk.background.submit("key", lambda: None)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(PATIENCE / 4)
    assert got == [2] and not thread.is_alive()


def test_an_interrupt_on_the_way_into_a_computation_leaves_nothing_to_wait_for(cache):
    """The interpreter looks for signals where a function begins: at each of these one may come."""
    work = decorated(cache, lambda x: [x])
    work(1)
    work.cache_clear()
    calls = interrupted_at(None, work)
    assert calls > 20
    for call in range(calls):
        work.cache_clear()
        interrupted_at(call, work)
        assert (cache.flights._table, cache.flights.flying) == ({}, {}), call
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(work, 1).result(PATIENCE) == [1]


def interrupted_at(wanted, work):
    """Interrupt a call of ``work`` where the wanted function of memopickle begins; return how many begin."""
    begun = 0

    def tracer(frame, event, argument):
        nonlocal begun
        leaving = frame.f_code.co_name in ("end", "_let_go", "let_go", "__del__", "forget", "release", "close")
        leaving = leaving or bool(frame.f_code.co_flags & inspect.CO_GENERATOR)  # begins again to be closed
        if event == "call" and frame.f_globals.get("__name__", "").startswith("memopickle") and not leaving:
            begun += 1
            if begun - 1 == wanted:
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        with suppress(KeyboardInterrupt):
            work(1)
    finally:
        sys.settrace(before)
    return begun
