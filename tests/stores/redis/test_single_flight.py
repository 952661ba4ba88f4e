"""One computation per key among processes that share a server; real ones, killed and stopped."""

import os
import select
import signal
from pathlib import Path

import pytest

from tests.flight.crew import Crew, until
from tests.flight.test_processes import (  # noqa: F401  the same must hold here
    test_a_call_after_another_process_forgot_the_key_does_not_wait_for_the_computation_before,
    test_a_value_computed_while_another_process_forgets_it_is_not_left_in_the_store,
    test_an_entry_stored_by_one_process_is_a_hit_in_the_next,
    test_eight_processes_over_200_overlapping_keys_compute_each_once,
    test_waiters_compute_at_once_and_not_one_behind_the_other_when_the_holder_raised,
)

PROGRAM = Path(__file__).with_name("worker.py")
#: Seconds of the leases where they are to end; else they last longer than any process is kept from renewing them.
SHORT = 3.0


@pytest.fixture
def lease():
    return 60.0


@pytest.fixture
def url(server, tmp_path, lease):
    return f"{server.url}?lease={lease}&timeout=60&prefix={abs(hash(str(tmp_path))):x}:"


@pytest.fixture
def crew(url, tmp_path, request):
    with Crew(tmp_path, getattr(request, "param", 2), PROGRAM, url) as crew:
        yield crew


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_100_threads_of_four_processes_compute_a_cold_key_once(crew):
    for worker in crew.workers:
        worker.tell("threads 25 3")
    crew.until_computing(1)
    until(lambda: sum(worker.polls() for worker in crew.workers) >= 3)
    crew.open_gate()
    assert [worker.hear() for worker in crew.workers] == ["{9}"] * 4
    assert crew.computed() == ["3"]


@pytest.mark.parametrize("crew", [4], indirect=True)
def test_four_processes_at_once_compute_once_in_each_of_50_rounds(crew):
    for number in range(50):
        for worker in crew.workers:
            worker.tell(f"quick {number}")
        assert [worker.hear() for worker in crew.workers] == [f"[{number * number}]"] * 4
    assert crew.computed() == [str(number) for number in range(50)]


@pytest.mark.parametrize("lease", [SHORT])
@pytest.mark.parametrize("crew", [4], indirect=True)
def test_after_a_killed_leader_one_computes_for_all_within_the_lease_and_a_second(crew):
    leader, waiters = crew.make_wait("square 3")
    assert crew.computes_after(signal.SIGKILL, leader, waiters) < SHORT + 1
    crew.open_gate()
    assert [waiter.hear() for waiter in waiters] == ["[9]"] * 3
    assert crew.computed() == ["3", "3"]


@pytest.mark.parametrize("lease", [SHORT])
def test_a_lease_is_renewed_while_the_computation_lasts(crew):
    leader, (waiter,) = crew.start_holder("square 3")
    waiter.tell("square 3")
    assert select.select([waiter.process.stdout], [], [], 1.5 * SHORT)[0] == []
    assert crew.computed() == ["3"]
    crew.open_gate()
    assert [leader.hear(), waiter.hear()] == ["[9]", "[9]"]
    assert crew.computed() == ["3"]


@pytest.mark.parametrize("lease", [SHORT])
def test_a_leader_stopped_beyond_its_lease_costs_a_second_computation_and_no_value(crew):
    leader, (waiter,) = crew.start_holder("square 3")
    os.kill(leader.process.pid, signal.SIGSTOP)
    waiter.tell("square 3")
    crew.until_computing(2)
    crew.open_gate()
    assert waiter.hear() == "[9]"
    os.kill(leader.process.pid, signal.SIGCONT)
    assert leader.hear() == "[9]"
    assert waiter.ask("square 3") == "[9]"
    assert crew.computed() == ["3", "3"]


def test_an_invalidation_of_one_key_keeps_the_computation_of_another(crew):
    holder, (other,) = crew.start_holder("square 3")
    assert other.ask("invalidate square 4") == "False"
    crew.open_gate()
    assert holder.hear() == "[9]"
    assert other.ask("square 3") == "[9]"
    assert crew.computed() == ["3"]
