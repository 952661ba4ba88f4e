"""Under trio, and under anyio on either, it works as under asyncio; so it does under uvloop."""

import asyncio
import threading

import pytest
from helpers.needed import need

from memopickle.aio import turns
from memopickle.locks import real_clock
from tests.aio.tasks import PATIENCE, waiting

trio = need("trio")
anyio = need("anyio")


class Slow:
    def __init__(self):
        self.calls = []
        self.gate = threading.Event()

    async def __call__(self, x):
        self.calls.append(x)
        while not self.gate.is_set():
            await trio.lowlevel.checkpoint()
        return [x]


def decorated(cache, slow, **options):
    @cache.cached(track_code="off", **options)
    async def work(x):
        return await slow(x)

    return work


async def until(condition):
    deadline = real_clock() + PATIENCE
    while not condition():
        assert real_clock() < deadline, "it did not happen"
        await trio.lowlevel.checkpoint()


def test_many_tasks_compute_once(cache):
    async def main():
        slow, results = Slow(), []
        work = decorated(cache, slow)

        async def call():
            results.append(await work(1))

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(call)
            await until(lambda: waiting(cache) == 99)
            slow.gate.set()
        assert results == [[1]] * 100
        assert slow.calls == [1]

    trio.run(main)


def test_a_cancelled_leader_hands_over_to_one_of_those_who_wait(cache):
    async def main():
        slow, results, leading = Slow(), [], trio.CancelScope()
        work = decorated(cache, slow)

        async def call():
            results.append(await work(1))

        async def lead():
            with leading:
                await work(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lead)
            await until(lambda: slow.calls)
            for _ in range(3):
                nursery.start_soon(call)
            await until(lambda: waiting(cache) == 3)
            leading.cancel()
            await until(lambda: len(slow.calls) == 2)
            slow.gate.set()
        assert results == [[1]] * 3
        assert slow.calls == [1, 1]

    trio.run(main)


def test_an_expired_value_is_computed_anew_in_the_background(cache):
    async def main():
        slow = Slow()
        slow.gate.set()
        work = decorated(cache, slow, ttl=1e-6, stale_while_revalidate=1000)
        await work(1)
        assert await work(1) == [1]
        await until(lambda: len(slow.calls) == 2)
        await until(lambda: not cache.background._busy)

    trio.run(main)


def test_a_lock_timeout_ends_a_wait(cache):
    async def main():
        slow = Slow()
        work = decorated(cache, slow, lock_timeout=0.01)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, 1)
            nursery.start_soon(work, 1)
            await until(lambda: len(slow.calls) == 2)
            slow.gate.set()

    trio.run(main)


def test_hits_one_after_the_other_let_others_have_their_turn(cache, monkeypatch):
    monkeypatch.setattr(turns, "STRETCH", 0.0)

    async def main():
        slow = Slow()
        slow.gate.set()
        work = decorated(cache, slow)
        await work(1)
        turn = 0

        async def others():
            nonlocal turn
            while True:
                turn += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            for _ in range(100):
                await work(1)
            nursery.cancel_scope.cancel()
        assert turn >= 50

    trio.run(main)


def test_a_loop_of_each_kind_wait_for_one_computation(disk):
    computing, gate, calls = threading.Event(), threading.Event(), []

    @disk.cached(track_code="off")
    async def work(x):
        calls.append(x)
        computing.set()
        while not gate.is_set():
            await asyncio.sleep(0)
        return [x]

    results = []
    leader = threading.Thread(target=lambda: results.append(asyncio.run(work(1))))
    leader.start()
    assert computing.wait(PATIENCE)
    follower = threading.Thread(target=lambda: results.append(trio.run(work, 1)))
    follower.start()
    while not waiting(disk):
        pass
    gate.set()
    leader.join(PATIENCE), follower.join(PATIENCE)
    assert results == [[1], [1]]
    assert calls == [1]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_runs_it_on_either(cache, backend):
    calls = []

    @cache.cached(track_code="off")
    async def work(x):
        calls.append(x)
        await anyio.lowlevel.checkpoint()
        return [x]

    async def main():
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(work, 1)
        assert calls == [1]

    anyio.run(main, backend=backend)


def test_uvloop_runs_it(cache):
    uvloop = need("uvloop")
    calls = []

    @cache.cached(track_code="off")
    async def work(x):
        calls.append(x)
        await asyncio.sleep(0)
        return [x]

    async def main():
        assert await asyncio.gather(*(work(1) for _ in range(20))) == [[1]] * 20

    uvloop.run(main())
    assert calls == [1]
