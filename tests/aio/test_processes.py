"""Single flight between event loops in several processes: real ones, real signals."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.flight.crew import Crew
from tests.flight.test_processes import (  # noqa: F401  the same must hold here
    test_a_waiter_computes_within_a_second_after_the_holder_was_killed,
    test_a_waiter_with_a_lock_timeout_computes_for_itself_while_the_holder_is_stopped,
    test_after_a_killed_holder_one_waiter_computes_for_all,
    test_an_expired_value_is_served_without_waiting_and_computed_anew_once_for_four_processes,
    test_waiters_compute_at_once_and_not_one_behind_the_other_when_the_holder_raised,
)

PROGRAM = Path(__file__).with_name("worker.py")


@pytest.fixture
def crew(tmp_path, request):
    with Crew(tmp_path, getattr(request, "param", 2), PROGRAM) as crew:
        yield crew


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_a_thousand_tasks_on_100_keys_in_each_of_four_processes_compute_each_once(crew):
    total = 10 * sum(number * number for number in range(100))
    assert crew.ask_all("many 1000 100") == [f"{total}"] * 4
    assert Counter(crew.computed()) == {str(number): 1 for number in range(100)}


def test_nothing_is_left_locked(crew):
    crew.ask_all("many 20 10")
    assert crew.locks() == []


def test_a_cancelled_holder_frees_its_key_for_other_processes(crew):
    leaving, other = crew.workers
    assert leaving.ask("leave 3") == "True"
    crew.open_gate()
    assert other.ask("square 3") == "[9]"
    assert crew.computed() == ["3", "3"]
    assert crew.locks() == []


def test_a_cancelled_waiter_leaves_the_holder_alone(crew):
    holder, (waiter,) = crew.make_wait("square 3")
    os.kill(waiter.process.pid, signal.SIGINT)
    waiter.process.wait()
    crew.open_gate()
    assert holder.hear() == "[9]"
    assert holder.ask("square 3") == "[9]"
    assert crew.computed() == ["3"]
