"""FAULTS 62, 66 and 73 for the tasks of event loops: one computation, whatever happens to whoever computes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.aio.tasks import PATIENCE, Slow, decorated, joined, lead_and_join, run, until
from tests.flight.crew import Crew

PROGRAM = Path(__file__).parent.parent / "aio" / "worker.py"


@pytest.fixture
def crew(tmp_path):
    with Crew(tmp_path, 4, PROGRAM) as crew:
        yield crew


# -- 62: at once -------------------------------------------------------------------------------------------------------


def test_62_a_thousand_tasks_compute_one_key_once(any_cache):
    async def main():
        slow = Slow()
        work = decorated(any_cache, slow)
        tasks = [asyncio.create_task(work(1)) for _ in range(1000)]
        await until(lambda: joined(any_cache, work.cache_key(1)) == 999)
        slow.gate.set()
        assert await asyncio.gather(*tasks) == [[1]] * 1000
        assert slow.calls == [1]

    run(main)


def test_62_a_thousand_tasks_in_each_of_four_processes_compute_100_keys_once(crew):
    assert len(set(crew.ask_all("many 1000 100"))) == 1
    assert sorted(crew.computed(), key=int) == [str(number) for number in range(100)]


# -- 66: the computation is interrupted --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit])
def test_66_a_task_that_is_interrupted_hands_its_key_to_one_that_waits(any_cache, kind):
    async def main():
        def interrupted_once(x):
            if len(slow.calls) == 1:
                raise kind
            return [x]

        slow = Slow(interrupted_once)
        work = decorated(any_cache, slow)
        leader, followers = await lead_and_join(any_cache, slow, work, 5)
        slow.gate.set()
        assert await asyncio.gather(*followers) == [[1]] * 5
        with pytest.raises(kind):
            await leader
        assert slow.calls == [1, 1]

    run(main)


def test_66_a_cancelled_task_hands_its_key_to_one_that_waits(any_cache):
    async def main():
        slow = Slow()
        work = decorated(any_cache, slow)
        leader, followers = await lead_and_join(any_cache, slow, work, 5)
        leader.cancel()
        await slow.until_computing(2)
        slow.gate.set()
        assert await asyncio.gather(*followers) == [[1]] * 5
        assert slow.calls == [1, 1]
        assert not any_cache.flights.flying

    run(main)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_66_an_interruption_that_ends_the_loop_frees_the_key(any_cache, interruption):
    async def interrupted_once(x):
        calls.append(x)
        if len(calls) == 1:
            raise interruption
        return [x]

    calls = []
    work = decorated(any_cache, interrupted_once)
    with pytest.raises(interruption):
        asyncio.run(work(1))
    assert run(lambda: work(1)) == [1]


def test_66_a_cancelled_task_frees_its_key_for_other_processes(crew):
    leaving, other, *_ = crew.workers
    assert leaving.ask("leave 3") == "True"
    crew.open_gate()
    assert other.ask("square 3") == "[9]"
    assert crew.locks() == []


# -- 73: tasks of one event loop, loops in several threads -------------------------------------------------------------


def test_73_loops_in_several_threads_with_many_tasks_each_compute_once(any_cache):
    calls = []

    @any_cache.cached(track_code="off")
    async def work(x):
        calls.append(x)
        await until(lambda: joined(any_cache, work.cache_key(x)) == 99)
        return [x]

    async def ask_together():
        return await asyncio.gather(*(work(1) for _ in range(25)))

    with ThreadPoolExecutor(4) as pool:
        loops = [pool.submit(run, ask_together) for _ in range(4)]
        assert [loop.result(PATIENCE) for loop in loops] == [[[1]] * 25] * 4
    assert calls == [1]
