"""Single flight between event loops in several processes: real ones, real signals."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.flight.crew import Crew, check_that_stale_values_are_served_and_computed_anew_once, until

PROGRAM = Path(__file__).with_name("worker.py")


@pytest.fixture
def crew(tmp_path, request):
    with Crew(tmp_path, getattr(request, "param", 2), PROGRAM) as crew:
        yield crew


@pytest.fixture
def holder_and_waiter(crew):
    """A process that computes, and one that waits for it."""

    def start(command):
        holder, waiter = crew.workers
        holder.tell(command)
        crew.until_computing(1)
        waiter.tell(command)
        until(waiter.polls)
        return holder, waiter

    return start


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_a_thousand_tasks_on_100_keys_in_each_of_four_processes_compute_each_once(crew):
    total = 10 * sum(number * number for number in range(100))
    assert crew.ask_all("many 1000 100") == [f"{total}"] * 4
    assert Counter(crew.computed()) == {str(number): 1 for number in range(100)}


def test_nothing_is_left_locked(crew):
    crew.ask_all("many 20 10")
    assert crew.locks() == []


def test_a_waiter_computes_within_a_second_after_the_holder_was_killed(crew, holder_and_waiter):
    holder, waiter = holder_and_waiter("square 3")
    assert crew.computes_after(signal.SIGKILL, holder, [waiter]) < 1
    crew.open_gate()
    assert waiter.hear() == "9"


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_after_a_killed_holder_one_waiter_computes_for_all(crew):
    holder, *waiters = crew.workers
    holder.tell("square 3")
    crew.until_computing(1)
    for waiter in waiters:
        waiter.tell("square 3")
    until(lambda: all(waiter.polls() for waiter in waiters))
    os.kill(holder.process.pid, signal.SIGKILL)
    crew.until_computing(2)
    crew.open_gate()
    assert [waiter.hear() for waiter in waiters] == ["9"] * 3
    assert crew.computed() == ["3", "3"]


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_waiters_compute_at_once_when_the_holder_raised(crew):
    holder, *waiters = crew.workers
    holder.tell("failing 3")
    crew.until_computing(1)
    for waiter in waiters:
        waiter.tell("failing 3")
    until(lambda: all(waiter.polls() for waiter in waiters))
    crew.open_gate()
    assert crew.hear_all() == ["ValueError(3)"] * 4
    assert crew.computed() == ["3"] * 4


def test_a_cancelled_holder_frees_its_key_for_other_processes(crew):
    leaving, other = crew.workers
    assert leaving.ask("leave 3") == "True"
    crew.open_gate()
    assert other.ask("square 3") == "9"
    assert crew.computed() == ["3", "3"]
    assert crew.locks() == []


def test_a_cancelled_waiter_leaves_the_holder_alone(crew):
    holder, waiter = crew.workers
    holder.tell("square 3")
    crew.until_computing(1)
    waiter.tell("square 3")
    until(waiter.polls)
    os.kill(waiter.process.pid, signal.SIGINT)
    waiter.process.wait()
    crew.open_gate()
    assert holder.hear() == "9"
    assert holder.ask("square 3") == "9"
    assert crew.computed() == ["3"]


def test_a_waiter_with_a_lock_timeout_computes_for_itself_while_the_holder_is_stopped(crew):
    holder, waiter = crew.workers
    holder.tell("impatient 3")
    crew.until_computing(1)
    os.kill(holder.process.pid, signal.SIGSTOP)
    waiter.tell("impatient 3")
    crew.until_computing(2)
    crew.open_gate()
    assert waiter.hear() == "9"
    os.kill(holder.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_an_expired_value_is_served_without_waiting_and_computed_anew_once_for_four_processes(crew):
    check_that_stale_values_are_served_and_computed_anew_once(crew)
