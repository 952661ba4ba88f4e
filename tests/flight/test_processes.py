"""Single flight between processes: real ones, real signals."""

import os
import signal
from collections import Counter

import pytest

from tests.flight.crew import Crew


@pytest.fixture
def crew(tmp_path, request):
    with Crew(tmp_path, getattr(request, "param", 2)) as crew:
        yield crew


@pytest.mark.parametrize("crew", [8], indirect=True)
def test_eight_processes_that_call_one_cold_function_at_once_compute_once_in_each_of_100_rounds(crew):
    for number in range(100):
        crew.tell_all(f"quick {number}")
        assert crew.hear_all() == [f"[{number * number}]"] * 8
    assert crew.computed() == [str(number) for number in range(100)]


@pytest.mark.parametrize("crew", [8], indirect=True)
def test_eight_processes_over_200_overlapping_keys_compute_each_once(crew):
    for index, worker in enumerate(crew.workers):
        numbers = [str((index * 25 + step) % 200) for step in range(200)]
        worker.tell("quick " + " ".join(numbers))
    crew.hear_all()
    assert Counter(crew.computed()) == {str(number): 1 for number in range(200)}


def test_a_waiter_computes_within_a_second_after_the_holder_was_killed(crew):
    holder, (waiter,) = crew.make_wait("square 3")
    assert crew.computes_after(signal.SIGKILL, holder, [waiter]) < 1
    crew.open_gate()
    assert waiter.hear() == "[9]"


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_after_a_killed_holder_one_waiter_computes_for_all(crew):
    holder, waiters = crew.make_wait("square 3")
    os.kill(holder.process.pid, signal.SIGKILL)
    crew.until_computing(2)
    crew.open_gate()
    assert [waiter.hear() for waiter in waiters] == ["[9]"] * 3
    assert crew.computed() == ["3", "3"]


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_waiters_compute_at_once_and_not_one_behind_the_other_when_the_holder_raised(crew):
    holder, waiters = crew.make_wait("failing 3")
    crew.open_gate()
    assert holder.hear() == "ValueError(3)"
    assert [waiter.hear() for waiter in waiters] == ["ValueError(3)"] * 3
    assert crew.computed() == ["3"] * 4


def test_nothing_is_left_locked_after_a_computation(crew):
    crew.open_gate()
    crew.workers[0].ask("square 3")
    assert crew.locks() == []


def test_a_lock_left_by_a_killed_process_is_removed_by_the_next_one(crew):
    holder, other = crew.workers
    holder.tell("suicidal 3")
    holder.process.wait()
    assert len(crew.locks()) == 1
    crew.open_gate()
    other.ask("square 3")
    other.tell("suicidal 3")
    other.process.wait()
    assert len(crew.locks()) == 1


def test_a_waiter_with_a_lock_timeout_computes_for_itself_while_the_holder_is_stopped(crew):
    holder, (waiter,) = crew.start_holder("impatient 3")
    os.kill(holder.process.pid, signal.SIGSTOP)
    waiter.tell("impatient 3")
    crew.until_computing(2)
    crew.open_gate()
    assert waiter.hear() == "[9]"
    os.kill(holder.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("forget", ["clear square", "invalidate square 3"])
def test_a_value_computed_while_another_process_forgets_it_is_not_left_in_the_store(crew, forget):
    holder, (other,) = crew.start_holder("square 3")
    other.ask(forget)
    crew.open_gate()
    assert holder.hear() == "[9]"
    assert other.ask("square 3") == "[9]"
    assert crew.computed() == ["3", "3"]


@pytest.mark.parametrize("forget", ["clear square", "invalidate square 3"])
def test_a_call_after_another_process_forgot_the_key_does_not_wait_for_the_computation_before(crew, forget):
    holder, (other,) = crew.start_holder("square 3")
    other.ask(forget)
    other.tell("square 3")
    crew.until_computing(2)
    crew.open_gate()
    assert [holder.hear(), other.hear()] == ["[9]", "[9]"]


def test_an_entry_stored_by_one_process_is_a_hit_in_the_next(crew):
    first, second = crew.workers
    first.ask("quick 7")
    assert second.ask("quick 7") == "[49]"
    assert crew.computed() == ["7"]


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_an_expired_value_is_served_without_waiting_and_computed_anew_once_for_four_processes(crew):
    crew.open_gate()
    assert crew.ask_all("stale 3") == ["1"] * len(crew.workers)
    for expiry in range(1, 6):
        crew.gate.shut()
        crew.ask_all("clock 10")
        for _ in range(3):
            # None of them waits: the gate is shut.
            assert crew.ask_all("stale 3") == [f"{expiry}"] * len(crew.workers)
        crew.until_computing(expiry + 1)
        crew.open_gate()
        crew.ask_all("idle")
        assert crew.computed() == ["3"] * (expiry + 1)
