"""Sessions: load, change, save, one after the other; and saving from a loop now and then."""

import os
import subprocess
import sys
import threading

import pytest
from helpers.needed import need

from memopickle import BadSignatureError, ConfigurationError, LockTimeoutError, MemoryStore, StoreError
from memopickle.snapshots import Snapshots
from tests.faults.tools import require
from tests.stores.redis.servers import RedisServer

# -- sessions ----------------------------------------------------------------------------------------------------------


def test_what_the_body_changed_is_saved(snapshots, make):
    with snapshots.session("jobs", default={}) as jobs:
        jobs["a"] = 1
    with make().session("jobs") as jobs:
        jobs["b"] = 2
    assert make().load("jobs") == {"a": 1, "b": 2}


def test_another_object_may_be_put_in_its_place(snapshots):
    for _ in range(3):
        with (session := snapshots.session("count", default=0)):
            session.state += 1
    assert snapshots.load("count") == 3


def test_without_a_state_and_default_it_is_an_error_and_the_lock_is_free(snapshots):
    with pytest.raises(StoreError, match="no snapshot"), snapshots.session("jobs"):
        pass
    snapshots.save("jobs", 1)


def test_a_damaged_state_is_an_error_and_not_begun_anew(snapshots, damage):
    damage(snapshots, snapshots.save("jobs", {"a": 1}))
    with pytest.raises(BadSignatureError), snapshots.session("jobs", default={}) as jobs:
        jobs["b"] = 2
    assert len(snapshots.history("jobs")) == 1


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize(("asked", "left"), [(False, ["before"]), (True, ["before", "half"])])
def test_after_an_exception_it_is_saved_only_if_asked(snapshots, kind, asked, left):
    snapshots.save("jobs", ["before"])
    with pytest.raises(kind), snapshots.session("jobs", save_on_error=asked) as jobs:
        jobs.append("half")
        raise kind
    assert snapshots.load("jobs") == left


def test_the_bodys_exception_is_told_also_if_saving_fails(snapshots):
    session = snapshots.session("jobs", default=[], save_on_error=True)
    with pytest.raises(ValueError, match="the body's") as caught, session as jobs:
        jobs.append(lambda: 1)
        raise ValueError("the body's")
    assert caught.value.__notes__[0].startswith("the session's state was not saved (")
    snapshots.save("jobs", 1)


def test_a_state_that_cannot_be_saved_raises_and_the_lock_is_free(snapshots):
    with pytest.raises((TypeError, AttributeError)), snapshots.session("jobs", default=[]) as jobs:
        jobs.append(threading.Lock())
    snapshots.save("jobs", 1)


def test_within_a_session_saving_the_same_name_is_refused_at_once(snapshots, make):
    with snapshots.session("jobs", default=[]) as jobs:
        for other in (snapshots, make()):
            with pytest.raises(LockTimeoutError, match="this thread's own session"):
                other.save("jobs", 1)
        snapshots.save("other", 1)
        jobs.append(1)
    assert snapshots.load("jobs") == [1]


def test_who_waits_too_long_is_told(make, path):
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with make().session("jobs", default=[]):
            entered.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    for waiting in (make(lock_timeout=0), make(lock_timeout="50ms")):
        with pytest.raises(LockTimeoutError, match="another held the lock"):
            waiting.save("jobs", 1)
        assert waiting.load("jobs", "none yet") == "none yet"
    leave.set()
    holder.join()


def test_a_session_whose_lock_was_lost_does_not_save(snapshots, path):
    snapshots.save("jobs", [1])
    with pytest.raises(StoreError, match="lock was lost"), snapshots.session("jobs") as jobs:
        jobs.append(2)
        (lock,) = path.rglob("*.lock")
        lock.unlink()
    assert snapshots.load("jobs") == [1]


def test_a_session_beside_which_another_saved_does_not_save(snapshots, make, path):
    snapshots.save("jobs", [1])
    with pytest.raises(StoreError, match="another may have saved"), snapshots.session("jobs") as jobs:
        jobs.append(2)
        (lock,) = path.rglob("*.lock")
        kept = lock.rename(path / "kept")
        make().save("jobs", ["other's"])
        kept.rename(lock)
    assert snapshots.load("jobs") == ["other's"]


def test_threads_lose_no_update(snapshots):
    assert counted_by_threads(snapshots) == 100


def test_threads_lose_no_update_in_memory(secret):
    assert counted_by_threads(Snapshots(MemoryStore(), secret=secret)) == 100


def counted_by_threads(snapshots):
    def count():
        for _ in range(25):
            with (session := snapshots.session("count", default=0)):
                session.state += 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return snapshots.load("count")


COUNTING = """
import sys
from memopickle.snapshots import Snapshots

snapshots = Snapshots(sys.argv[1], secret=sys.argv[2])
for _ in range(int(sys.argv[3])):
    with (session := snapshots.session("count", default=0)):
        session.state += 1
"""


def count_in_processes(place, secret, processes, times):
    command = [sys.executable, "-c", COUNTING, str(place), secret, str(times)]
    running = [subprocess.Popen(command) for _ in range(processes)]
    assert [process.wait(timeout=300) for process in running] == [0] * processes


def test_a_counter_raised_by_8_processes_200_times_each_is_1600(path, secret, snapshots):
    count_in_processes(path, secret, 8, 200)
    assert snapshots.load("count") == 1600
    assert [info.good for info in snapshots.history("count")] == [True] * 5
    assert sum(len(files) for _, _, files in os.walk(path)) == 5


def test_processes_lose_no_update_on_a_server_whose_leases_let_several_pass(secret):
    need("redis")
    require("redis-server")
    with RedisServer() as server:
        count_in_processes(server.url, secret, 3, 30)
        snapshots = Snapshots(server.url, secret=secret)
        assert snapshots.load("count") == 90
        snapshots.store.close()


def test_a_forked_child_does_not_wait_for_its_parents_session(snapshots):
    with snapshots.session("jobs", default=[]) as jobs:
        jobs.append(1)
        child = os.fork()
        if not child:
            code = 1
            try:
                snapshots.save("other", "child's")
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (snapshots.load("other"), snapshots.load("jobs")) == ("child's", [1])


# -- now and then ------------------------------------------------------------------------------------------------------


def steps(snapshots):
    return [info.metadata.get("step") for info in reversed(snapshots.history("run"))]


def test_it_saves_at_most_that_often(make, clock):
    snapshots = make(keep=None)
    checkpoint = snapshots.every("run", seconds=60)
    saved = []
    for step in range(300):
        clock.now += 1
        saved.append(checkpoint({"step": step}, step=step) is not None)
    assert [step for step, was in enumerate(saved) if was] == [59, 119, 179, 239, 299]
    assert steps(snapshots) == [59, 119, 179, 239, 299]


@pytest.mark.parametrize("seconds", ["1m", 60, 60.0])
def test_the_interval_may_be_text(snapshots, clock, seconds):
    checkpoint = snapshots.every("run", seconds=seconds)
    clock.now += 59
    assert checkpoint(1) is None
    clock.now += 1
    assert checkpoint(2) is not None


def test_0_saves_each_time(snapshots):
    checkpoint = snapshots.every("run", seconds=0)
    assert all(checkpoint(step) for step in range(3))


def test_what_is_loaded_is_where_it_was(snapshots, make, clock):
    checkpoint = snapshots.every("run", seconds=60)
    assert checkpoint.load({"step": 0}) == {"step": 0}
    clock.now += 60
    checkpoint({"step": 5})
    assert make().every("run").load({"step": 0}) == {"step": 5}


def test_without_a_state_and_default_loading_is_an_error(snapshots):
    with pytest.raises(StoreError):
        snapshots.every("run").load()


def test_the_end_of_the_block_saves_what_is_not_saved(snapshots):
    with snapshots.every("run", seconds=60) as checkpoint:
        for step in range(3):
            checkpoint(step, step=step)
    assert steps(snapshots) == [2]


def test_what_is_saved_already_is_not_saved_again(snapshots, clock):
    with snapshots.every("run", seconds=60) as checkpoint:
        clock.now += 60
        checkpoint(1)
        assert checkpoint.flush() is None
    assert len(snapshots.history("run")) == 1


@pytest.mark.parametrize(("asked", "left"), [(False, []), (True, [0])])
def test_after_an_exception_the_block_saves_only_if_asked(snapshots, asked, left):
    with pytest.raises(ValueError, match="half"), snapshots.every("run", save_on_error=asked) as checkpoint:
        checkpoint(0, step=0)
        raise ValueError("half")
    assert steps(snapshots) == left


def test_a_clock_that_was_set_back_does_not_stop_the_saving(snapshots, clock):
    checkpoint = snapshots.every("run", seconds=60)
    clock.now -= 86400
    assert checkpoint(1) is not None


@pytest.mark.parametrize("seconds", [-1, float("nan"), "soon", True])
def test_wrong_intervals(snapshots, seconds):
    with pytest.raises(ConfigurationError, match="seconds="):
        snapshots.every("run", seconds=seconds)
