"""FAULTS 73-76: event loops, everything at once, an end on the way, a clear while it is computed."""

import asyncio
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.functions import reasons
from helpers.programs import run

from memopickle import ShelveStore
from memopickle.events import NotStored
from tests.faults import storm
from tests.faults.workers import SHARED, assert_nothing_is_locked
from tests.flight.crew import PATIENCE
from tests.flight.slow import Slow, call_like, decorated, start_and_join

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


# -- 73: event loops ---------------------------------------------------------------------------------------------------


def test_73_event_loops_in_several_threads_compute_once(any_cache):
    slow = Slow()
    work = decorated(any_cache, slow)

    async def call(number):
        return work(number)

    def loop(number):
        return asyncio.run(call(number))

    with ThreadPoolExecutor(8) as pool:
        leader, joined = start_and_join(pool, any_cache, slow, call_like(loop, work), 7)
        slow.gate.set()
        assert [future.result(PATIENCE) for future in [leader, *joined]] == [[1]] * 8
    assert slow.calls == [1]


def test_73_tasks_of_one_loop_that_call_in_threads_compute_once(any_cache):
    slow = Slow()
    work = decorated(any_cache, slow)
    slow.gate.set()

    async def ask_together():
        return await asyncio.gather(*(asyncio.to_thread(work, 1) for _ in range(8)))

    assert asyncio.run(ask_together()) == [[1]] * 8
    assert slow.calls == [1]


# -- 74: everything at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_74_readers_writers_delete_clear_and_prune_at_once(url):
    seed = random.randrange(10**6)
    steps = 400 if url.startswith("dir") else 100
    processes = [
        subprocess.Popen([sys.executable, storm.__file__, "churn", url, f"{seed + number}", f"{steps}"])
        for number in range(4)
    ]
    assert [process.wait(5 * PATIENCE) for process in processes] == [0] * 4, f"seed {seed}"


def test_74_threads_that_read_write_delete_clear_and_prune_at_once(any_cache):
    seed = random.randrange(10**6)
    steps = 60 if isinstance(any_cache.store, ShelveStore) else 250
    work = storm.decorated(any_cache)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(storm.churn, any_cache, work, seed + number, steps) for number in range(4)]
        assert [future.result(PATIENCE) for future in runs] == [steps] * 4, f"seed {seed}"


# -- 75: the interpreter ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", SHARED, indirect=True)
@pytest.mark.parametrize("how", ["_exit", "exit", "exec"])
def test_75_an_interpreter_that_ends_while_it_computes_leaves_the_key_free(start, url, how):
    team = start(2)
    team.let()
    ending, other = team.workers
    ending.tell(f"exiting {how}")
    if how == "exit":
        assert ending.hear() == "SystemExit"
    else:
        assert ending.process.wait(PATIENCE) == 0
    other.tell("exiting exit")
    assert other.hear() == "SystemExit"
    assert team.computed() == ["exiting", "exiting"]
    assert_nothing_is_locked(url)


DAEMON = """
import os, sys, threading
from memopickle import Cache, open_store
cache = Cache(open_store(sys.argv[1]), secret="w" * 32)
computing = threading.Event()

@cache.cached
def double(number):
    if number:
        computing.set()
        threading.Event().wait()
    return number * 2

threading.Thread(target=double, args=(int(sys.argv[2]),), daemon=True).start()
assert computing.wait(60)
"""


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_75_an_interpreter_that_ends_while_a_daemon_thread_computes_leaves_the_key_free(url):
    for _ in range(2):
        run(DAEMON, url, 3)  # the second computes as well, so it was not held up


# -- 76: clear while it is computed ------------------------------------------------------------------------------------

FORGETS = ["cache.clear", "object", "name", "wildcard", "cache_clear", "invalidate"]


@pytest.mark.parametrize("url", SHARED, indirect=True)
@pytest.mark.parametrize("how", FORGETS)
def test_76_what_is_computed_while_another_process_clears_is_not_left_in_the_store(start, how):
    team = start(3)
    holder, other, third = team.workers
    team.let(third)
    third.ask("double 4")  # so that the store knows the function's name
    third.gate.shut()
    team.start_holder("double 3")
    other.ask(f"forget {how} 3")
    assert other.ask("is_stored 3") == "False"
    third.tell("double 3")
    team.until_computing(3)  # it does not wait for what was begun before the clear
    team.let(holder)
    assert holder.hear() == "6"
    assert other.ask("is_stored 3") == "False"
    team.let()
    assert third.hear() == "6"
    assert other.ask("is_stored 3") == "True"
    assert_nothing_is_locked(team.url)


def forget(how, cache, work):
    """Remove the results of ``work``, of which ``work(1)`` is being computed."""
    ways = {
        "cache.clear": cache.clear,
        "object": lambda: cache.clear(function=work),
        "name": lambda: cache.clear(function=f"{work.__module__}.{work.__qualname__}"),
        "wildcard": lambda: cache.clear(function="*.work"),
        "cache_clear": work.cache_clear,
        "invalidate": lambda: work.cache_invalidate(1),
    }
    ways[how]()


@pytest.fixture
def computing(any_cache):
    """A cached function with a result, and a call of it that another thread is computing."""
    slow = Slow()
    work = decorated(any_cache, slow)
    work.cache_set([2], 2)
    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(work, 1)
        assert slow.began.acquire(timeout=PATIENCE)
        yield slow, work, late, pool
        slow.gate.set()


@pytest.mark.parametrize("how", FORGETS)
def test_76_what_is_computed_while_another_thread_clears_is_not_left_in_the_store(any_cache, computing, how, events):
    slow, work, late, _ = computing
    forget(how, any_cache, work)
    slow.gate.set()
    assert late.result(PATIENCE) == [1]
    assert not work.cache_contains(1)
    assert len(reasons(events, NotStored)) == 1


@pytest.mark.parametrize("how", FORGETS)
def test_76_who_calls_after_a_clear_does_not_join_what_was_begun_before(any_cache, computing, how):
    slow, work, late, pool = computing
    forget(how, any_cache, work)
    after = pool.submit(work, 1)
    assert slow.began.acquire(timeout=PATIENCE)
    slow.gate.set()
    assert [late.result(PATIENCE), after.result(PATIENCE)] == [[1], [1]]
    assert slow.calls == [1, 1]
    assert work.cache_contains(1)
