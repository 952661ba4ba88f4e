"""FAULTS 62-66: who asks for what another computes, which then ends, raises, dies or stops."""

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.programs import run

from tests.faults.workers import SHARED, assert_nothing_is_locked
from tests.flight.crew import PATIENCE
from tests.flight.slow import Slow, call_like, decorated, start_and_join

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


# -- 62: one computation ----------------------------------------------------------------------------------------------

FLEET = """
import filelock, os, sys
from memopickle import Cache, open_store

size, log = 50, os.open(sys.argv[2], os.O_RDWR | os.O_APPEND | os.O_CREAT)
cache = Cache(open_store(sys.argv[1]), secret="f" * 32)

@cache.cached
def double(number):
    while os.fstat(log).st_size < size:
        os.sched_yield()  # until every process is about to call
    os.write(log, b"!")
    return number * 2

def call():
    os.write(log, b".")
    os._exit(double(21) != 42)

children = [os.fork() or call() for _ in range(size)]
assert [os.waitpid(child, 0)[1] for child in children] == [0] * size
"""


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_62_fifty_processes_compute_one_key_once(url, tmp_path):
    run(FLEET, url, tmp_path / "log")
    assert (tmp_path / "log").read_text().strip(".") == "!"
    assert_nothing_is_locked(url)


def test_62_fifty_threads_compute_one_key_once(any_cache):
    slow = Slow()
    work = decorated(any_cache, slow)
    with ThreadPoolExecutor(50) as pool:
        leader, joined = start_and_join(pool, any_cache, slow, work, 49)
        slow.gate.set()
        assert [future.result(PATIENCE) for future in [leader, *joined]] == [[1]] * 50
    assert slow.calls == [1]


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_62_threads_of_several_processes_compute_once(url, tmp_path):
    program = FLEET.replace("size, log = 50,", "size, log = 10,").replace(
        "os._exit(double(21) != 42)",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "    with ThreadPoolExecutor(4) as pool: found = list(pool.map(double, [21] * 4))\n"
        "    os._exit(found != [42] * 4)",
    )
    run(program, url, tmp_path / "log")
    assert (tmp_path / "log").read_text().strip(".") == "!"


# -- 63, 64: the holder dies, or stops ---------------------------------------------------------------------------------


@pytest.mark.parametrize("url", SHARED, indirect=True)
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_63_the_next_goes_on_within_a_second_after_the_holder_was_killed(start, death):
    team = start(4)
    holder, waiters = team.make_wait("double 3")
    assert team.computes_after(death, holder, waiters) < 1
    team.let(*waiters)
    assert [waiter.hear() for waiter in waiters] == ["6"] * 3
    assert team.computed() == ["double"] * 2  # one of those who waited, for all
    assert_nothing_is_locked(team.url)


FORKING = """
import os, signal, sys
from memopickle import Cache, open_store
cache = Cache(open_store(sys.argv[1]), secret="w" * 32)
ready, told = os.pipe()

@cache.cached
def double(number):
    if not os.fork():
        os.write(told, b"%d" % os.getpid())
        signal.pause()  # a process of a pool, say, that outlives the one which computes
    print(os.read(ready, 20).decode(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

double(3)
"""


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_63_a_killed_holder_frees_its_key_although_a_child_that_it_forked_lives(start, url):
    team = start(1)
    holder = subprocess.Popen([sys.executable, "-c", FORKING, url], stdout=subprocess.PIPE, text=True)
    child = int(holder.stdout.readline())
    assert holder.wait(PATIENCE) == -signal.SIGKILL
    try:
        team.let()
        assert team.workers[0].ask("double 3") == "6"
    finally:
        os.kill(child, signal.SIGKILL)
        holder.stdout.close()


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_64_waiters_with_a_lock_timeout_compute_while_the_holder_is_stopped(start):
    team = start(3, LOCK_TIMEOUT="50ms")
    holder, waiters = team.start_holder("double 3")
    holder.process.send_signal(signal.SIGSTOP)
    for waiter in waiters:
        waiter.tell("double 3")
    team.until_computing(3)  # both, while the holder holds the lock
    team.let()
    assert [waiter.hear() for waiter in waiters] == ["6", "6"]
    holder.process.send_signal(signal.SIGCONT)
    assert holder.hear() == "6"
    assert [worker.ask("double 3") for worker in team.workers] == ["6"] * 3
    assert team.computed() == ["double"] * 3
    assert_nothing_is_locked(team.url)


# -- 65, 66: it raises, or is interrupted ------------------------------------------------------------------------------


def check_an_end_by(start, name):
    """The holder's computation ends by an exception: nobody waits for anybody, nothing is stored, nothing locked."""
    team = start(4)
    holder, waiters = team.make_wait(f"ending {name}")
    team.let(holder)
    assert holder.hear() == name
    team.until_computing(4)  # all at the same time: none of them has ended, so none was behind another
    team.let()
    assert [waiter.hear() for waiter in waiters] == [name] * 3
    assert holder.ask(f"ending {name}") == name
    assert team.computed() == [name] * 5  # nothing had been stored
    assert_nothing_is_locked(team.url)


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_65_waiters_are_not_queued_behind_a_holder_that_raises(start):
    check_an_end_by(start, "ValueError")


def test_65_threads_that_joined_a_holder_that_raises_are_told_at_once(any_cache):
    def fail(number):
        error = KeyError(number)
        error.add_note("a note")
        raise error

    slow = Slow(fail)
    work = decorated(any_cache, slow)
    with ThreadPoolExecutor(4) as pool:
        leader, joined = start_and_join(pool, any_cache, slow, work, 3)
        slow.gate.set()
        errors = [future.exception(PATIENCE) for future in [leader, *joined]]
    assert [(type(error), error.args, error.__notes__) for error in errors] == [(KeyError, (1,), ["a note"])] * 4
    assert len({id(error) for error in errors}) == 4
    assert slow.calls == [1]
    assert not work.cache_contains(1)


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "SystemExit", "GeneratorExit", "CancelledError"])
def test_66_waiters_are_not_queued_behind_a_holder_that_is_interrupted(start, name):
    check_an_end_by(start, name)


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_66_a_holder_interrupted_by_ctrl_c_frees_its_key(start):
    team = start(3)
    holder, waiters = team.make_wait("double 3")
    holder.process.send_signal(signal.SIGINT)
    assert holder.hear() == "KeyboardInterrupt"
    team.until_computing(3)  # both waiters at once
    team.let()
    assert [waiter.hear() for waiter in waiters] == ["6", "6"]
    assert holder.ask("double 3") == "6"
    assert team.computed() == ["double"] * 3
    assert_nothing_is_locked(team.url)


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_66_a_waiter_interrupted_by_ctrl_c_leaves_the_others_waiting(start):
    team = start(3)
    holder, (interrupted, waiter) = team.make_wait("double 3")
    interrupted.process.send_signal(signal.SIGINT)
    assert interrupted.hear() == "KeyboardInterrupt"
    team.let()
    assert [holder.hear(), waiter.hear(), interrupted.ask("double 3")] == ["6", "6", "6"]
    assert team.computed() == ["double"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_66_an_interruption_is_not_shared_with_the_threads_that_joined(any_cache, interruption):
    def interrupted_once(number):
        if len(slow.calls) == 1:
            raise interruption
        return [number]

    slow = Slow(interrupted_once)
    work = decorated(any_cache, slow)

    def call(number):
        try:
            return work(number)
        except BaseException as error:
            return type(error)

    with ThreadPoolExecutor(3) as pool:
        leader, joined = start_and_join(pool, any_cache, slow, call_like(call, work), 2)
        slow.gate.set()
        assert [future.result(PATIENCE) for future in [leader, *joined]] == [interruption, [1], [1]]
