"""Single flight between tasks: of one event loop, and of loops in several threads."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from memopickle import Cache, DirectoryStore, flight
from memopickle.events import LockWait, NotStored
from tests.aio.conftest import SECRET
from tests.aio.tasks import PATIENCE, Slow, decorated, joined, lead_and_join, run, until


def test_a_thousand_tasks_on_one_cold_key_compute_once(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow)
        tasks = [asyncio.create_task(work(1)) for _ in range(1000)]
        await until(lambda: joined(cache, work.cache_key(1)) == 999)
        slow.gate.set()
        assert await asyncio.gather(*tasks) == [[1]] * 1000
        assert slow.calls == [1]
        assert work.cache_info()[:2] == (999, 1)

    run(main)


def test_everyone_who_waited_gets_a_copy_of_its_own(disk):
    async def main():
        slow = Slow()
        work = decorated(disk, slow)
        leader, followers = await lead_and_join(disk, slow, work, 3)
        slow.gate.set()
        results = await asyncio.gather(leader, *followers)
        assert len({id(result) for result in results}) == 4

    run(main)


def test_loops_in_several_threads_compute_once(cache):
    calls, gate = [], threading.Event()

    @cache.cached(track_code="off", ignore="everyone")
    async def work(x, everyone=None):
        calls.append(x)
        await until(gate.is_set)
        return [x]

    with ThreadPoolExecutor(4) as pool:
        loops = [pool.submit(run, lambda: work(1)) for _ in range(4)]
        while joined(cache, work.cache_key(1)) < 3:
            pass
        gate.set()
        assert [loop.result(PATIENCE) for loop in loops] == [[1]] * 4
    assert calls == [1]


def test_keys_are_computed_side_by_side(cache):
    async def main():
        both = asyncio.Barrier(2)

        @cache.cached
        async def meet(x):
            await both.wait()  # never ends unless the other computes at the same time
            return x

        assert await asyncio.gather(meet(1), meet(2)) == [1, 2]

    run(main)


def test_without_single_flight_everybody_computes(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow, single_flight=False)
        tasks = [asyncio.create_task(work(1)) for _ in range(3)]
        await slow.until_computing(3)
        slow.gate.set()
        assert await asyncio.gather(*tasks) == [[1]] * 3

    run(main)


# -- cancellation ----------------------------------------------------------------------------------------------------


def test_a_cancelled_leader_hands_over_to_one_of_those_who_wait(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow)
        leader, followers = await lead_and_join(cache, slow, work, 5)
        leader.cancel()
        await slow.until_computing(2)
        await until(lambda: joined(cache, work.cache_key(1)) == 4)  # the others wait for the one that goes on
        slow.gate.set()
        assert await asyncio.gather(*followers) == [[1]] * 5
        assert leader.cancelled()
        assert slow.calls == [1, 1]

    run(main)


def test_leaders_cancelled_one_after_the_other_leave_the_key_to_the_last(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow)
        leader, followers = await lead_and_join(cache, slow, work, 4)
        for begun in range(2, 6):
            slow.leaders[-1].cancel()
            await slow.until_computing(begun)
        slow.gate.set()
        results = await asyncio.gather(leader, *followers, return_exceptions=True)
        assert results.count([1]) == 1
        assert slow.calls == [1] * 5

    run(main)


def test_a_cancelled_waiter_harms_nobody(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow)
        leader, (cancelled, *others) = await lead_and_join(cache, slow, work, 3)
        cancelled.cancel()
        await until(cancelled.done)
        slow.gate.set()
        assert await asyncio.gather(leader, *others) == [[1]] * 3
        assert slow.calls == [1]

    run(main)


def test_a_cancelled_leader_without_waiters_frees_its_key(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow)
        leader, _ = await lead_and_join(cache, slow, work, 0)
        leader.cancel()
        await until(lambda: not cache.flights.flying)
        slow.gate.set()
        assert await work(1) == [1]
        assert slow.calls == [1, 1]

    run(main)


def test_a_timeout_around_a_call_is_its_callers_alone(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow)
        leader, followers = await lead_and_join(cache, slow, work, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await work(1)
        slow.gate.set()
        assert await asyncio.gather(leader, *followers) == [[1], [1]]

    run(main)


def test_a_value_that_was_computed_is_stored_although_its_caller_is_cancelled_meanwhile(disk):
    class Held:
        """Pickled when it is let."""

        def __reduce__(self):
            writing.set()
            assert gate.wait(PATIENCE)
            return str, ("stored",)

    async def main():
        @disk.cached(track_code="off", depends_on=())
        async def work():
            return Held()

        caller = asyncio.create_task(work())
        await until(writing.is_set)
        caller.cancel()
        await until(caller.done)
        gate.set()
        await until(lambda: not disk.flights.flying)
        assert await work() == "stored"

    writing, gate = threading.Event(), threading.Event()
    run(main)


def test_a_task_cancelled_while_it_takes_the_lock_does_not_keep_it(disk, monkeypatch):
    taking, gate = threading.Event(), threading.Event()
    take = DirectoryStore.lock

    def slowly(store, key):
        taking.set()
        assert gate.wait(PATIENCE)
        return take(store, key)

    async def main():
        slow = Slow()
        work = decorated(disk, slow)
        monkeypatch.setattr(DirectoryStore, "lock", slowly)
        caller = asyncio.create_task(work(1))
        await until(taking.is_set)
        caller.cancel()
        await until(caller.done)
        gate.set()
        await until(lambda: not disk.flights.flying)
        sibling = decorated(Cache(DirectoryStore(disk.store.path), secret=SECRET), slow)
        slow.gate.set()
        assert await sibling(1) == [1]

    run(main)


# -- exceptions ------------------------------------------------------------------------------------------------------


def test_an_exception_is_shared_and_everyone_gets_an_instance_of_its_own(cache):
    def fail(x):
        raise ValueError(x)

    async def main():
        slow = Slow(fail)
        work = decorated(cache, slow)
        leader, followers = await lead_and_join(cache, slow, work, 3)
        slow.gate.set()
        errors = await asyncio.gather(leader, *followers, return_exceptions=True)
        assert {(type(error), error.args) for error in errors} == {(ValueError, (1,))}
        assert len(set(map(id, errors))) == 4
        assert slow.calls == [1]

    run(main)


def test_a_call_after_one_that_raised_computes_anew(cache):
    def fail_first(x):
        if len(slow.calls) == 1:
            raise ValueError(x)
        return x

    async def main():
        nonlocal slow
        slow = Slow(fail_first)
        slow.gate.set()
        work = decorated(cache, slow)
        with pytest.raises(ValueError, match="1"):
            await work(1)
        assert await work(1) == 1

    slow = None
    run(main)


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit])
def test_what_is_no_exception_is_the_leaders_alone(cache, kind):
    def end_first(x):
        if len(slow.calls) == 1:
            raise kind
        return x

    async def main():
        nonlocal slow
        slow = Slow(end_first)
        work = decorated(cache, slow)
        leader, followers = await lead_and_join(cache, slow, work, 3)
        slow.gate.set()
        assert await asyncio.gather(*followers) == [1] * 3
        assert slow.calls == [1, 1]
        with pytest.raises(kind):
            await leader

    slow = None
    run(main)


def test_those_who_waited_compute_at_once_when_the_result_could_not_be_stored(disk):
    async def main():
        both = asyncio.Barrier(2)

        async def unpicklable(x):
            calls.append(x)
            if len(calls) > 1:
                await both.wait()  # never ends unless both compute at the same time
            else:
                await gate.wait()
            return lambda: x

        calls, gate = [], asyncio.Event()
        work = decorated(disk, unpicklable, on_error="warn")
        leader = asyncio.create_task(work(1))
        await until(lambda: calls)
        followers = [asyncio.create_task(work(1)) for _ in range(2)]
        await until(lambda: joined(disk, work.cache_key(1)) == 2)
        gate.set()
        assert [result() for result in await asyncio.gather(leader, *followers)] == [1] * 3
        assert len(calls) == 3

    run(main)


def test_arguments_are_not_kept_alive_by_an_exception(disk):
    class Argument:
        def __reduce__(self):
            return str, ("argument",)

    async def main():
        @disk.cached
        async def fail(argument):
            raise ValueError

        argument = Argument()
        gone = weakref.ref(argument)
        with pytest.raises(ValueError, match=r"^$"):
            await fail(argument)
        del argument
        await until(lambda: gone() is None)  # the thread of the last step may be just about to let go of it

    gc.disable()
    try:
        run(main)
    finally:
        gc.enable()


# -- recursion and crossed waits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["await", "gather", "task", "thread"])
def test_a_task_that_asks_for_the_key_it_computes_computes_it(cache, how):
    async def main():
        @cache.cached(ignore="depth")
        async def work(x, depth=0):
            if depth == 2:
                return [x]
            again = {
                "await": lambda: work(x, depth + 1),
                "gather": lambda: asyncio.gather(work(x, depth + 1)),
                "task": lambda: asyncio.create_task(work(x, depth + 1)),
                "thread": lambda: asyncio.to_thread(asyncio.run, work(x, depth + 1)),
            }
            return await again[how]()

        result = await work(1)
        assert result in ([1], [[1]], [[[1]]])

    run(main)


def test_a_task_that_asks_for_the_key_it_computes_through_another_cache_does_not_wait(disk):
    async def main():
        sibling = Cache(DirectoryStore(disk.store.path), secret=SECRET)

        async def work(x, inner=True):
            return await again(x, inner=False) if inner else x

        again = sibling.cached(work, ignore="inner", version=1)
        assert await disk.cached(work, ignore="inner", version=1)(1) == 1

    run(main)


def test_endless_recursion_is_a_recursion_error(cache):
    async def main():
        @cache.cached
        async def endless(x):
            return await endless(x)

        with pytest.raises(RecursionError):
            await endless(1)
        assert not cache.flights.flying

    run(main)


def test_crossed_waits_of_two_tasks_end(cache, monkeypatch):
    monkeypatch.setattr(flight, "CROSSED", 0.05)

    async def main():
        both = asyncio.Barrier(2)

        @cache.cached(ignore="outer")
        async def left(x, outer=True):
            if outer:
                await both.wait()
                await right(x, outer=False)
            return x - 1

        @cache.cached(ignore="outer")
        async def right(x, outer=True):
            if outer:
                await both.wait()
                await left(x, outer=False)
            return x + 1

        assert await asyncio.gather(left(1), right(1)) == [0, 2]

    run(main)


def test_a_waiter_with_a_lock_timeout_computes_for_itself_while_the_leader_hangs(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow, lock_timeout=0.01)
        leader = asyncio.create_task(work(1))
        await slow.until_computing()
        waiter = asyncio.create_task(work(1))
        await slow.until_computing(2)
        slow.gate.set()
        assert await asyncio.gather(leader, waiter) == [[1], [1]]

    run(main)


def test_a_leader_in_a_loop_that_was_stopped_is_not_waited_for(disk):
    calls, stopped = [], asyncio.new_event_loop()

    @disk.cached(track_code="off")
    async def work(x):
        calls.append(x)
        if len(calls) == 1:
            stopped.stop()
            await asyncio.Event().wait()
        return x

    stuck = stopped.create_task(work(1))
    stopped.run_forever()
    try:
        assert run(lambda: work(1)) == 1
        assert calls == [1, 1]
    finally:
        stuck.cancel()
        stopped.run_until_complete(asyncio.gather(stuck, return_exceptions=True))
        stopped.close()


def test_a_pending_task_that_is_thrown_away_with_its_loop_frees_its_key(disk):
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    calls = []

    @disk.cached(track_code="off")
    async def work(x):
        calls.append(x)
        if len(calls) == 1:
            loop.stop()
            await asyncio.Event().wait()
        return x

    task = loop.create_task(work(1))
    loop.run_forever()
    loop.close()
    task._log_destroy_pending = False
    del task
    gc.collect()
    assert run(lambda: work(1)) == 1


# -- forgetting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forget", ["cache_clear", "cache_invalidate"])
def test_a_value_computed_while_its_key_is_forgotten_is_not_left_and_not_joined(cache, events, forget):
    async def main():
        slow = Slow()
        work = decorated(cache, slow)
        leader, followers = await lead_and_join(cache, slow, work, 1)
        getattr(work, forget)(*([1] if forget == "cache_invalidate" else []))
        after = asyncio.create_task(work(1))
        await slow.until_computing(2)
        slow.gate.set()
        assert await asyncio.gather(leader, *followers, after) == [[1]] * 3
        assert [event for event in events if isinstance(event, NotStored)]

    run(main)


def test_a_wait_is_told(cache, events):
    async def main():
        slow = Slow()
        work = decorated(cache, slow)
        leader, followers = await lead_and_join(cache, slow, work, 1)
        slow.gate.set()
        await asyncio.gather(leader, *followers)
        (wait,) = [event for event in events if isinstance(event, LockWait)]
        assert wait.key == work.cache_key(1)

    run(main)
