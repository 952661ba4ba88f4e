"""The circuit breaker, against a clock of the tests' own."""

import threading

import pytest
from helpers.clock import Clock

from memopickle.stores.breaker import FIRST, JITTER, LONGEST, Breaker
from memopickle.stores.renewer import Renewer
from memopickle.stores.server import Server


@pytest.fixture
def time():
    return Clock()


@pytest.fixture
def breaker(time):
    return Breaker(time)


def fail(breaker):
    breaker.failed(breaker.enter())


def pass_pause(breaker, time):
    time.now += breaker.remaining() + 0.001


def test_a_closed_breaker_lets_everybody_in(breaker):
    assert [breaker.enter() is None for _ in range(3)] == [False] * 3


def test_after_a_failure_nobody_may_enter_for_the_pause(breaker, time):
    fail(breaker)
    assert breaker.enter() is None
    time.now += FIRST * (1 - JITTER) - 0.001
    assert breaker.enter() is None
    time.now += 2 * FIRST * JITTER + 0.002
    assert breaker.enter() is not None


def test_after_the_pause_one_may_try_while_others_are_refused(breaker, time):
    fail(breaker)
    pass_pause(breaker, time)
    assert breaker.enter() is not None
    assert breaker.enter() is None


def test_a_success_closes_it(breaker, time):
    fail(breaker)
    pass_pause(breaker, time)
    breaker.succeeded(breaker.enter())
    assert [breaker.enter() is None for _ in range(3)] == [False] * 3
    assert breaker.remaining() == 0


def test_the_pause_grows_to_the_longest_and_begins_anew_after_a_success(breaker, time):
    pauses = []
    for _ in range(12):
        fail(breaker)
        pauses.append(breaker.remaining())
        pass_pause(breaker, time)
    for number, pause in enumerate(pauses):
        wanted = min(LONGEST, FIRST * 2**number)
        assert wanted * (1 - JITTER) <= pause <= wanted * (1 + JITTER)
    breaker.succeeded(breaker.enter())
    fail(breaker)
    assert breaker.remaining() <= FIRST * (1 + JITTER)


def test_of_many_that_were_under_way_one_failure_counts(breaker):
    attempts = [breaker.enter() for _ in range(25)]
    for attempt in attempts:
        breaker.failed(attempt)
    assert breaker.remaining() <= FIRST * (1 + JITTER)


def test_a_late_answer_from_before_the_failure_does_not_close_it(breaker):
    early = breaker.enter()
    fail(breaker)
    breaker.succeeded(early)
    assert breaker.enter() is None


def test_a_probe_that_never_comes_back_is_followed_by_another(breaker, time):
    fail(breaker)
    pass_pause(breaker, time)
    assert breaker.enter() is not None
    pass_pause(breaker, time)
    assert breaker.enter() is not None


def test_of_many_threads_one_may_try(breaker, time):
    fail(breaker)
    pass_pause(breaker, time)
    allowed, start = [], threading.Barrier(8)

    def run():
        start.wait()
        allowed.append(breaker.enter())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(attempt is not None for attempt in allowed) == 1


def test_two_breakers_draw_different_pauses(time):
    breakers = [Breaker(time) for _ in range(5)]
    for breaker in breakers:
        fail(breaker)
    assert len({breaker.remaining() for breaker in breakers}) > 1


def test_who_insists_may_ask_now_and_then_and_makes_no_pause_longer(breaker, time):
    fail(breaker)
    left = breaker.remaining()
    attempt = breaker.enter(insists=True)
    assert attempt is not None
    breaker.failed(attempt)
    assert breaker.remaining() == left
    assert breaker.enter(insists=True) is None
    assert breaker.enter() is None


def test_an_attempt_is_outdated_once_another_failed(breaker):
    attempt = breaker.enter()
    assert not breaker.is_outdated(attempt)
    fail(breaker)
    assert breaker.is_outdated(attempt)


def test_a_success_of_who_insists_closes_it(breaker):
    fail(breaker)
    breaker.succeeded(breaker.enter(insists=True))
    assert breaker.enter() is not None


@pytest.mark.parametrize(
    "guard",
    [Breaker()._guard, Server("redis://localhost", 1.0)._guard, Renewer()._changed],
    ids=["breaker", "server", "renewer"],
)
def test_a_signal_handler_that_comes_while_a_guard_is_held_need_not_wait_for_itself(guard):
    with guard:
        assert guard.acquire(blocking=False)
        guard.release()
