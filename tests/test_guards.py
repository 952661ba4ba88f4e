"""Guards that no other test would miss: tests/mutants.py removes them one by one."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from helpers.functions import Counted, count, reasons

from memopickle import Cache, DirectoryStore, ShelveStore, keys, secret
from memopickle.events import NotStored
from memopickle.locks import FileKeyLock
from memopickle.testing import store_key
from tests.flight.crew import PATIENCE, until

SECRET = "g" * 32


@pytest.fixture
def sibling(tmp_path):
    """Makes caches on one directory that know nothing of each other, as those of two processes do."""

    def make(events=None, store=DirectoryStore):
        return Cache(store(tmp_path / "cache"), secret=SECRET, on_event=None if events is None else events.append)

    return make


def call(x, compute):
    """Cached below; what is passed as ``compute`` does the work and is no part of the key."""
    return compute(x)


def decorated(cache, **options):
    return cache.cached(call, ignore="compute", **options)


class Gated:
    """A function that computes when it is let."""

    def __init__(self, result):
        self.began, self.gate, self.result = threading.Event(), threading.Event(), result

    def __call__(self, x):
        self.began.set()
        assert self.gate.wait(PATIENCE)
        return self.result


class Watched(DirectoryStore):
    """Remembers the locks that it gave."""

    def __init__(self, path):
        super().__init__(path)
        self.locks = []

    def lock(self, key):
        self.locks.append(super().lock(key))
        return self.locks[-1]


class Beside(DirectoryStore):
    """Writes beside the file of its lock, as stores do whose lock is elsewhere."""

    def writer(self, key):
        writer = super().writer(key)
        writer.use_lock = lambda lock: False
        return writer


class Invalidating:
    """A result whose key is invalidated while it is being pickled."""

    def __init__(self, invalidate):
        self.invalidate = invalidate

    def __reduce__(self):
        self.invalidate(1, None)
        return str, ("late",)


# -- single flight ---------------------------------------------------------------------------------------------------


def test_a_value_stored_while_the_lock_was_waited_for_is_a_hit(sibling):
    slow, events = Gated("first"), []
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(decorated(sibling()), 1, slow)
        assert slow.began.wait(PATIENCE)
        second = pool.submit(decorated(sibling(events)), 1, lambda x: "second")
        until(lambda: count(events)["Miss"])  # its first look has found nothing
        slow.gate.set()
        assert (first.result(PATIENCE), second.result(PATIENCE)) == ("first", "first")


def test_waiters_compute_side_by_side_when_the_holder_stored_nothing(sibling):
    both = threading.Barrier(2)

    def meet(x):
        both.wait(5)  # broken unless the other computes at the same time
        return x

    waits = failed_holder(sibling, meet, meet)
    assert [waiter.result(PATIENCE) for waiter in waits] == [1, 1]


#: Takes a lock and holds it until it is killed, or told to let go.
HOLDER = """
import sys
from memopickle.locks import FileKeyLock
lock = FileKeyLock(sys.argv[1])
assert lock.acquire(None)
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_a_lock_is_handed_over_by_a_holder_that_ended_and_not_by_one_that_was_killed(tmp_path, killed):
    path = str(tmp_path / "lock")
    command = [sys.executable, "-c", HOLDER, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        lock = FileKeyLock(path)
        with ThreadPoolExecutor(1) as pool:
            wait = pool.submit(lock.acquire, PATIENCE)
            until(lambda: lock.waited)
            holder.kill() if killed else holder.stdin.close()
            assert wait.result(PATIENCE)
    assert lock.handed_over is not killed
    lock.release()


@pytest.mark.parametrize("store", [DirectoryStore, Beside])
def test_a_late_value_does_not_replace_the_one_stored_after_an_invalidation(sibling, store):
    slow, other = Gated("late"), decorated(sibling())
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(decorated(sibling(store=store)), 1, slow)
        assert slow.began.wait(PATIENCE)
        other.cache_invalidate(1, None)
        assert other(1, lambda x: "new") == "new"
        slow.gate.set()
        assert late.result(PATIENCE) == "late"
    assert other.cache_peek(1, None).value == "new"


def test_a_late_value_leaves_alone_the_lock_file_of_who_computes_after_an_invalidation(sibling):
    early, late, other = Gated("early"), Gated("late"), decorated(sibling())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(decorated(sibling()), 1, early)
        assert early.began.wait(PATIENCE)
        other.cache_invalidate(1, None)
        second = pool.submit(decorated(sibling()), 1, late)
        assert late.began.wait(PATIENCE)
        early.gate.set()
        assert first.result(PATIENCE) == "early"
        late.gate.set()
        assert second.result(PATIENCE) == "late"
    assert other.cache_peek(1, None).value == "late"


@pytest.mark.parametrize("store", [DirectoryStore, Beside])
def test_a_value_invalidated_while_it_was_being_written_is_taken_back(sibling, store):
    other = decorated(sibling())
    decorated(sibling(store=store))(1, lambda x: Invalidating(other.cache_invalidate))
    assert not other.cache_contains(1, None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # 3.12 warns of fork with threads; pytest-xdist has some
def test_a_forked_child_neither_holds_nor_releases_its_parents_lock(tmp_path):
    lock = FileKeyLock(str(tmp_path / "lock"))
    assert lock.acquire(None)
    child = os.fork()
    if child == 0:
        held = lock.held()
        lock.release()
        os._exit(held)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lock.held()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(FileKeyLock(str(tmp_path / "lock")).acquire, 0).result(PATIENCE) is False
    lock.release()


def test_a_value_handed_over_after_an_invalidation_is_kept_out_by_the_next_one(sibling):
    first, second, other = Gated("first"), Gated("second"), decorated(sibling())
    waiting = sibling(store=Watched)
    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(decorated(sibling()), 1, first)
        assert first.began.wait(PATIENCE)
        waiter = pool.submit(decorated(waiting), 1, second)
        until(lambda: any(lock.waited for lock in waiting.store.locks))
        other.cache_invalidate(1, None)
        assert second.began.wait(PATIENCE)
        other.cache_invalidate(1, None)
        second.gate.set()
        assert waiter.result(PATIENCE) == "second"
        stored = other.cache_contains(1, None)
        first.gate.set()
        assert holder.result(PATIENCE) == "first"
    assert not stored
    assert not other.cache_contains(1, None)


def failed_holder(sibling, *computes, then=lambda: None, last=None):
    """Have a holder fail while others wait, who then compute, each as told; return the futures of these.

    ``then`` is called when all of them have begun; ``last`` is the number of the one that ends after all others.
    """
    begun = [threading.Event() for _ in computes]
    ready, alone = threading.Event(), threading.Event()

    def telling(number):
        def compute(x):
            begun[number].set()
            assert (alone if number == last else ready).wait(PATIENCE)
            return computes[number](x)

        return compute

    began, gate = threading.Event(), threading.Event()

    def fail(x):
        began.set()
        assert gate.wait(PATIENCE)
        raise ValueError(x)

    caches = [sibling(store=Watched) for _ in computes]
    with ThreadPoolExecutor(len(computes) + 2) as pool:
        holder = pool.submit(decorated(sibling()), 1, fail)
        assert began.wait(PATIENCE)
        waits = [pool.submit(decorated(cache), 1, telling(number)) for number, cache in enumerate(caches)]
        until(lambda: all(any(lock.waited for lock in cache.store.locks) for cache in caches))
        gate.set()
        assert isinstance(holder.exception(PATIENCE), ValueError)
        try:
            assert all(event.wait(5) for event in begun)  # side by side
            then()
            ready.set()
            wait([future for number, future in enumerate(waits) if number != last], PATIENCE)
        finally:
            ready.set()
            alone.set()
    return waits


def lock_files(cache):
    return [name for _, _, names in os.walk(cache.store.path) for name in names if name.endswith(".lock")]


@pytest.mark.parametrize("waiters", [1, 3])
def test_what_waiters_compute_after_a_holder_failed_is_stored_and_leaves_no_lock(sibling, waiters):
    waits = failed_holder(sibling, *[lambda x: x] * waiters)
    assert [waiter.result(PATIENCE) for waiter in waits] == [1] * waiters
    assert decorated(sibling()).cache_contains(1, None)
    assert lock_files(sibling()) == []


def test_of_waiters_who_fail_as_the_holder_did_no_lock_is_left(sibling):
    waits = failed_holder(sibling, *[lambda x: 1 // 0] * 3)
    assert {type(waiter.exception(PATIENCE)) for waiter in waits} == {ZeroDivisionError}
    assert lock_files(sibling()) == []


@pytest.mark.parametrize("which", range(3))
def test_what_one_of_those_who_share_a_lock_computes_is_stored_though_the_others_fail(sibling, which):
    computes = [lambda x: 1 // 0] * 3
    computes[which] = lambda x: "stored"
    waits = failed_holder(sibling, *computes, last=which)
    assert waits[which].result(PATIENCE) == "stored"
    assert decorated(sibling()).cache_peek(1, None).value == "stored"
    assert lock_files(sibling()) == []


def test_a_prune_leaves_a_shared_lock_alone(sibling):
    (waiter,) = failed_holder(sibling, lambda x: x, then=lambda: sibling().prune())
    assert waiter.result(PATIENCE) == 1
    assert decorated(sibling()).cache_contains(1, None)


def test_an_invalidation_keeps_out_what_those_who_share_a_lock_compute(sibling):
    invalidate = decorated(sibling()).cache_invalidate
    waits = failed_holder(sibling, *[lambda x: x] * 2, then=lambda: invalidate(1, None))
    assert [waiter.result(PATIENCE) for waiter in waits] == [1, 1]
    assert not decorated(sibling()).cache_contains(1, None)
    assert lock_files(sibling()) == []


def sharing(path, count):
    """Return locks that share a file, as those who waited for one that is gone now."""
    holder, *waiting = (FileKeyLock(path) for _ in range(count + 1))
    assert holder.acquire(0)
    assert not any(lock.acquire(0) for lock in waiting)
    holder.release()
    assert all(lock.acquire(0) and lock.handed_over and lock.share() for lock in waiting)
    return waiting


def test_the_last_of_those_who_share_a_lock_removes_it_whoever_made_it(tmp_path):
    maker, other = sharing(str(tmp_path / "lock"), 2)
    maker.release()
    assert other.held()
    other.release()
    assert os.listdir(tmp_path) == []


def test_who_comes_later_waits_for_those_who_share_a_lock(tmp_path):
    (sharer,) = sharing(str(tmp_path / "lock"), 1)
    late = FileKeyLock(str(tmp_path / "lock"))
    assert not late.acquire(0)
    assert not late.acquire(0)  # not on a second try either, as that of a task
    sharer.release()
    assert late.acquire(0)
    assert late.handed_over
    late.release()


def test_a_lock_that_was_lost_while_it_became_a_shared_one_is_not_removed(tmp_path, monkeypatch):
    lock = FileKeyLock(str(tmp_path / "lock"))
    assert lock.acquire(0)
    monkeypatch.setattr(lock._file, "share", lambda: False)
    assert not lock.share()
    lock.release()
    assert os.listdir(tmp_path) == ["lock"]


# -- stores ----------------------------------------------------------------------------------------------------------


def test_an_entry_is_replaced_by_another_file_and_never_written_over(store):
    store.set(store_key(), [b"old"], None)
    with open(store.place(store_key()), "rb") as reader:
        store.set(store_key(), [b"new"], None)
        assert reader.read() == b"old"
    assert store.get(store_key()) == b"new"


def test_a_clear_takes_a_late_value_along_even_where_foreign_files_keep_the_folder(sibling, tmp_path):
    # Without single flight there is no lock whose loss would keep the value out.
    def compute(number):
        folder = os.path.dirname(double.path(number))
        with open(os.path.join(folder, "foreign"), "w", encoding="utf-8"):
            pass
        sibling().clear()
        assert os.path.exists(os.path.join(folder, "foreign"))
        return number * 2

    double = Counted(sibling(), compute, single_flight=False)
    assert double(3) == 6
    assert list(double.cache.store.keys()) == []


def test_a_shelf_keeps_out_a_value_computed_during_a_clear(sibling):
    events = []

    def compute(number):
        sibling(store=ShelveStore).clear()
        return number * 2

    double = Counted(sibling(events, ShelveStore), compute)
    assert double(3) == 6
    assert list(double.cache.store.keys()) == []
    assert len(reasons(events, NotStored)) == 1


# -- keys and secrets ------------------------------------------------------------------------------------------------


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), (0.0, -0.0), ("1", b"1")], ids=repr)
def test_equal_values_of_other_types_or_signs_are_other_arguments(cache, one, other):
    double = cache.cached(lambda number: number)
    assert double.cache_key(one) != double.cache_key(other)


@pytest.mark.parametrize("around", [lambda x: (x,), lambda x: [x, [x]], lambda x: {"a": x}, lambda x: x])
def test_a_value_of_a_subclass_is_another_argument(around):
    assert keys.digest(around(Text("x"))) != keys.digest(around("x"))


def test_a_secret_that_another_process_made_meanwhile_is_kept(tmp_path):
    path = str(tmp_path / "secret")
    secret._make_user_file(path)
    with open(path, "rb") as file:
        first = file.read()
    secret._make_user_file(path)
    with open(path, "rb") as file:
        assert file.read() == first
    assert os.listdir(tmp_path) == ["secret"]
