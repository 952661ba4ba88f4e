"""What is done in the event loop's own thread, and what is not."""

import asyncio
import threading

import pytest
from freezegun import freeze_time

from memopickle import Cache, DirectoryStore, MemoryStore, ReadOnlyStore, ShelveStore, TieredStore
from memopickle.aio import loops, reads, turns, workers
from tests.aio.conftest import SECRET
from tests.aio.tasks import Slow, decorated, run, until

where = {}


def note(name):
    where[name] = threading.current_thread()


class Result:
    """Notes the threads that pickle and load it."""

    def __init__(self, size):
        self.payload = b"x" * size

    def __reduce__(self):
        note("pickled")
        return load, (self.payload,)


def load(payload):
    note("loaded")
    return len(payload)


class Noting(DirectoryStore):
    """A store on which a third party builds."""

    def writer(self, key):
        note("opened")
        return super().writer(key)

    def lock(self, key):
        note("locked")
        return super().lock(key)


@pytest.fixture(autouse=True)
def _nothing():
    where.clear()


def in_loop(name):
    return where[name] is threading.main_thread()


def remembered(store, size, **options):
    @Cache(store, secret=SECRET, **options).cached(track_code="off")
    async def work():
        note("computed")
        return Result(size)

    return work


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_locks_writers_and_encoding_are_for_threads_and_the_function_is_not(tmp_path, size):
    run(remembered(Noting(tmp_path), size))
    assert in_loop("computed")
    assert not any(map(in_loop, ("locked", "opened", "pickled")))


@pytest.mark.parametrize("size", [10, 1_000_000])
@pytest.mark.parametrize("store", [DirectoryStore, lambda path: MemoryStore()], ids=["directory", "memory"])
def test_small_entries_are_loaded_in_the_loop_and_large_ones_in_a_thread(tmp_path, store, size):
    async def main():
        work = remembered(store(tmp_path), size)
        await work()
        assert await work() == size

    run(main)
    assert in_loop("loaded") is (size == 10)


def test_a_compressed_entry_that_is_small_but_has_much_in_it_is_loaded_in_a_thread(tmp_path):
    async def main():
        work = remembered(DirectoryStore(tmp_path), 10_000_000, compress="zlib")
        await work()
        await work()

    run(main)
    assert not in_loop("loaded")


def test_a_store_that_may_take_its_time_is_read_in_a_thread(tmp_path):
    assert not reads.small_reads(ShelveStore(tmp_path / "shelf"), False)("key")


def test_a_wrapper_reads_as_what_it_wraps(tmp_path):
    disk, memory = DirectoryStore(tmp_path), MemoryStore()
    key = f"{'0' * 40}/{'0' * 64}.{'0' * 16}"
    assert reads.small_reads(ReadOnlyStore(disk), False)(key)
    tiered = reads.small_reads(TieredStore(memory, disk), False)
    assert not tiered(key)
    memory.set(key, [b"small"], None)
    assert tiered(key)


def test_opening_the_cache_is_for_threads(tmp_path):
    class Opened(DirectoryStore):
        def open(self):
            note("opened")
            super().open()

    run(remembered(Opened(tmp_path), 1))
    assert not in_loop("opened")


def test_hits_one_after_the_other_let_others_have_their_turn(cache, monkeypatch):
    monkeypatch.setattr(turns, "STRETCH", 0.0)

    async def main():
        slow = Slow()
        slow.gate.set()
        work = decorated(cache, slow)
        await work(1)
        turn, done = 0, False

        async def others():
            nonlocal turn
            while not done:
                turn += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        for _ in range(100):
            await work(1)
        done = True
        await other
        assert turn >= 50

    run(main)


def test_a_stretch_of_a_loop_that_has_ended_is_over(cache, monkeypatch):
    monkeypatch.setattr(turns.turns, "_began", float("-inf"))

    async def main():
        slow = Slow()
        slow.gate.set()
        assert await decorated(cache, slow)(1) == [1]

    run(main)


def test_waiting_uses_a_real_clock_while_time_is_frozen():
    with freeze_time("2026-01-01"):
        assert asyncio.run(_waited()) is False


async def _waited():
    return await loops.waiter().wait(0.01)


def test_a_wait_can_go_on_after_its_limit():
    async def main():
        waiter = loops.waiter()
        assert not await waiter.wait(0)
        waiter.wake()
        assert await waiter.wait(None)

    run(main)


def test_waking_a_task_whose_loop_is_gone_does_nothing():
    async def main():
        return loops.waiter()

    asyncio.run(main()).wake()


def test_a_step_that_nobody_waits_for_any_more_is_done():
    async def main():
        done, gate = threading.Event(), threading.Event()

        def step():
            gate.wait()
            done.set()

        waiting = asyncio.create_task(workers.in_thread(step))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        gate.set()
        await until(done.is_set)

    run(main)
