"""FAULTS 62-76: threads, event loops and processes that ask, die, stop, fork and clear at the same time."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.functions import Counted, reasons
from helpers.programs import WITHOUT_PRIVILEGES, run

from memopickle import Cache, DirectoryStore, MemoryStore, ShelveStore
from memopickle.events import NotStored
from tests.faults import storm
from tests.faults.tools import SECRET, faketime, leftovers, outcome
from tests.faults.workers import Team
from tests.flight.crew import PATIENCE
from tests.flight.test_threads import Slow, decorated, start_and_join

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

SHARED = ["dir", "shelve"]


@pytest.fixture
def url(tmp_path, request):
    """A store that processes share."""
    return f"{getattr(request, 'param', 'dir')}:{tmp_path / 'place'}"


@pytest.fixture
def start(tmp_path, url):
    """Start some workers on the store; they end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda size, *before, **environment: stack.enter_context(Team(tmp_path, size, url, before, **environment))


@pytest.fixture(params=["directory", "shelve", "memory"])
def any_cache(request, tmp_path, events):
    stores = {
        "directory": lambda: DirectoryStore(tmp_path / "cache"),
        "shelve": lambda: ShelveStore(tmp_path / "shelf"),
        "memory": MemoryStore,
    }
    return Cache(stores[request.param](), secret=SECRET, on_event=events.append)


def assert_nothing_is_locked(url):
    """Whatever happened before, no lock, no temporary file and no folder set aside is left."""
    assert leftovers(url.partition(":")[2]) == []
    assert list(Path(os.environ["XDG_RUNTIME_DIR"]).rglob("*.lock")) == []


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
    killed = time.monotonic()
    holder.process.send_signal(death)
    team.until_computing(2)
    began = float(team.log()[1].split()[1])
    team.let(*waiters)
    assert [waiter.hear() for waiter in waiters] == ["6"] * 3
    assert began - killed < 1
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
        raise KeyError(number)

    slow = Slow(fail)
    work = decorated(any_cache, slow)
    with ThreadPoolExecutor(4) as pool:
        leader, joined = start_and_join(pool, any_cache, slow, work, 3)
        slow.gate.set()
        errors = [future.exception(PATIENCE) for future in [leader, *joined]]
    assert [(type(error), error.args) for error in errors] == [(KeyError, (1,))] * 4
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


def call_like(call, work):
    """What calls a function in its own way, but has its keys."""
    call.cache_key = work.cache_key
    return call


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


# -- 70, 71: lock files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_70_a_lock_file_deleted_while_held_costs_a_second_computation_at_most(start, tmp_path, url):
    team = start(2)
    holder, (other,) = team.start_holder("double 3")
    places = [tmp_path / "place", Path(os.environ["XDG_RUNTIME_DIR"])]
    locks = [path for place in places for path in place.rglob("*.lock")]
    assert len(locks) == 1
    locks[0].unlink()
    other.tell("double 3")
    team.until_computing(2)
    team.let()
    assert [holder.hear(), other.hear()] == ["6", "6"]
    assert [worker.ask("double 3") for worker in team.workers] == ["6", "6"]
    assert team.computed() == ["double", "double"]
    assert_nothing_is_locked(url)


LOCK_PATHS = {
    "directory": os.mkdir,
    "fifo": os.mkfifo,
    "dangling link": lambda path: os.symlink("/nowhere/at/all", path),
    "link to itself": lambda path: os.symlink(path, path),
}


@pytest.mark.parametrize("kind", LOCK_PATHS)
def test_71_a_lock_path_that_is_something_else_costs_no_result(cache, events, kind):
    double = Counted(cache)
    double(4)
    os.makedirs(os.path.dirname(double.path(3)), exist_ok=True)
    LOCK_PATHS[kind](double.path(3) + ".lock")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [4, 3]
    assert reasons(events, NotStored) == []


def test_71_a_lock_path_that_cannot_be_locked_is_told_once(cache, caplog):
    double = Counted(cache)
    for number in (3, 4):
        os.makedirs(double.path(number) + ".lock")
    assert [double(3), double(4)] == [6, 8]
    (message,) = caplog.messages
    assert "could not lock" in message


def test_71_a_lock_path_that_links_elsewhere_harms_nothing_there(cache, tmp_path):
    double = Counted(cache)
    os.makedirs(os.path.dirname(double.path(3)))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    os.symlink(victim, double.path(3) + ".lock")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("precious", 0o644)


def test_71_a_lock_file_without_permission_costs_a_warning(tmp_path):
    found = outcome(
        "lock = path('a') + '.lock'\n"
        "os.makedirs(os.path.dirname(lock))\n"
        "os.close(os.open(lock, os.O_CREAT, 0))\n"
        "report(repeated('a'), repeated('a'))",
        tmp_path / "cache",
        first=WITHOUT_PRIVILEGES,
    )
    assert found["values"] == ["aaa", "aaa"]
    assert found["calls"] == ["a"]
    assert [message for message in found["told"] if "could not lock" in message] == found["told"]
    assert len(found["told"]) == 1


def test_71_a_shelf_without_a_place_for_locks_costs_a_warning(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    double = Counted(Cache(ShelveStore(tmp_path / "shelf"), secret=SECRET))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    (message,) = caplog.messages
    assert "could not lock" in message


# -- 72: fork ----------------------------------------------------------------------------------------------------------

#: A thread computes and holds the lock; another forks a child, which asks for the same key.
FORKED = """
import os, sys, threading
from memopickle import Cache, open_store
cache = Cache(open_store(sys.argv[1]), secret="w" * 32, lock_timeout=float(sys.argv[2]) or None)
computing, gate = threading.Event(), threading.Event()

@cache.cached
def double(number):
    if os.getpid() == parent:
        computing.set()
        assert gate.wait(60)
    return number * 2

parent = os.getpid()
thread = threading.Thread(target=double, args=(3,))
thread.start()
assert computing.wait(60)
child = os.fork()
if not child:
    os._exit(double(3) != 6 or double(4) != 8)
if not float(sys.argv[2]):
    gate.set()
assert os.waitpid(child, 0)[1] == 0
gate.set()
thread.join()
assert double(3) == 6
"""


@pytest.mark.parametrize("url", SHARED, indirect=True)
@pytest.mark.parametrize("timeout", [0, 0.05], ids=["parent ends", "parent does not end"])
def test_72_a_child_forked_while_another_thread_computes_is_not_stuck(url, timeout):
    run(f"import warnings; warnings.simplefilter('ignore')\n{FORKED}", url, timeout)
    assert_nothing_is_locked(url)


FORKED_INSIDE = """
import os, sys
from memopickle import Cache, open_store
cache = Cache(open_store(sys.argv[1]), secret="w" * 32)
parent = os.getpid()

@cache.cached
def double(number):
    if os.getpid() != parent:
        return number * 2
    child = os.fork()
    if not child:
        os._exit(double(number) != 6 or double(4) != 8)
    assert os.waitpid(child, 0)[1] == 0
    return number * 2

assert double(3) == 6
assert double.cache_contains(3)
"""


@pytest.mark.parametrize("url", [*SHARED, "memory"], indirect=True)
def test_72_a_child_forked_by_the_computation_may_ask_for_the_same_key(url):
    run(FORKED_INSIDE, url if not url.startswith("memory") else "memory:")


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
    assert [process.wait(PATIENCE) for process in processes] == [0] * 4, f"seed {seed}"


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
    third.gate.unlink()
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
