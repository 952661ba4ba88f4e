"""FAULTS 67-69: computations that ask for themselves, for others, or for each other."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.tools import faketime
from tests.faults.workers import SHARED, assert_nothing_is_locked
from tests.flight.crew import PATIENCE

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


# -- 67-69: recursion, crossed waits -----------------------------------------------------------------------------------


def test_67_endless_recursion_on_one_key_is_a_recursion_error(any_cache):
    calls = []

    @any_cache.cached
    def endless(number):
        calls.append(number)
        return endless(number) if len(calls) < 10**6 else number

    for _ in range(2):
        with pytest.raises(RecursionError):
            endless(1)
    calls.extend([0] * 10**6)
    with ThreadPoolExecutor(1) as pool:  # the key is free for others
        assert pool.submit(endless, 1).result(PATIENCE) == 1


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_67_endless_recursion_leaves_nothing_locked(start):
    team = start(2)
    team.let()
    assert [worker.ask("endless 3") for worker in team.workers] == ["RecursionError"] * 2
    assert_nothing_is_locked(team.url)


def test_68_recursion_over_other_keys_works(any_cache):
    @any_cache.cached
    def fibonacci(number):
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    assert fibonacci(15) == 610
    assert fibonacci.cache_info().misses == 16
    assert fibonacci(15) == 610


def test_68_functions_that_call_each_other_work(any_cache):
    @any_cache.cached
    def is_even(number):
        return number == 0 or is_odd(number - 1)

    @any_cache.cached
    def is_odd(number):
        return number != 0 and is_even(number - 1)

    assert [is_even(10), is_odd(10), is_even(7), is_odd(7)] == [True, False, False, True]
    assert is_even.cache_info().misses + is_odd.cache_info().misses == 22


def cross(team):
    """Have two processes hold a key each and want the other's."""
    one, other = team.workers
    one.tell("left 3")
    other.tell("right 3")
    team.until_computing(2)
    team.let()
    assert [one.hear(), other.hear()] == ["2", "4"]
    assert len(team.computed()) in (3, 4)  # who gave up first may have stored what the other waits for
    assert [one.ask("right 3"), other.ask("left 3")] == ["4", "2"]
    for worker in team.workers:  # in peace: killed, faketime leaves things behind
        worker.process.stdin.close()
        assert worker.process.wait(PATIENCE) == 0
    assert_nothing_is_locked(team.url)


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_69_crossed_waits_of_two_processes_end_with_the_lock_timeout(start):
    cross(start(2, LOCK_TIMEOUT="50ms"))


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_69_crossed_waits_of_two_processes_end_after_sixty_seconds_by_themselves(start):
    cross(start(2, *faketime("+0 x100")))  # a clock that runs a hundred times as fast


def test_69_crossed_waits_of_two_threads_end(any_cache):
    both = threading.Barrier(2)

    def make(name, other):
        @any_cache.cached(
            ignore="outer", lock_timeout="50ms", track_code="off", key=lambda number, outer: (name, number)
        )
        def work(number, outer):
            if outer:
                both.wait(PATIENCE)
                works[other](number, False)
            return [name, number]

        return work

    works = {"left": make("left", "right"), "right": make("right", "left")}
    with ThreadPoolExecutor(2) as pool:
        futures = {name: pool.submit(work, 1, True) for name, work in works.items()}
        assert {name: future.result(PATIENCE) for name, future in futures.items()} == {
            "left": ["left", 1],
            "right": ["right", 1],
        }
