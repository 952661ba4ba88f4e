"""What a function's calls came to, counted by threads that run at once or one after the other."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

import pytest

from memopickle import Cache, MemoryStore
from memopickle.counts import Counts, _CountsByThread, _Parts, new_counts
from memopickle.gil import HAS_GIL

THREADS = 8
CALLS = 20_000


@pytest.fixture(params=["of this build", "by thread"])
def counts(request):
    return new_counts() if request.param == "of this build" else _CountsByThread(_Parts())


@pytest.fixture
def by_thread(monkeypatch):
    """Count as a free-threaded build does, whichever this is."""
    monkeypatch.setattr("memopickle.memo.new_counts", lambda: _CountsByThread(_Parts()))


def at_once(work):
    """Run it in several threads that begin together."""
    barrier = Barrier(THREADS)

    def begin():
        barrier.wait()
        work()

    threads = [Thread(target=begin) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def raise_hits(counts):
    for _ in range(CALLS):
        counts.hits += 1


def test_of_what_threads_count_at_once_nothing_is_lost(counts):
    at_once(lambda: raise_hits(counts))
    assert counts.total("hits") == THREADS * CALLS


def test_what_ended_threads_counted_stays(counts):
    for _ in range(20):
        thread = Thread(target=raise_hits, args=[counts])
        thread.start()
        thread.join()
    counts.misses += 1
    assert (counts.total("hits"), counts.total("misses")) == (20 * CALLS, 1)


def test_a_reset_in_one_thread_is_one_for_all(counts):
    at_once(lambda: raise_hits(counts))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(counts.reset).result()
    counts.hits += 2
    assert counts.since_reset() == (2, 0)


def test_without_the_gil_each_thread_counts_by_itself():
    assert (type(new_counts()) is Counts) == HAS_GIL


@pytest.mark.usefixtures("by_thread")
@pytest.mark.parametrize("limit", [None, 10])
def test_hits_and_misses_of_threads_are_all_told(limit):
    cache = Cache(MemoryStore(limit), secret="s" * 32)
    double = cache.cached(lambda number: number * 2)

    def call():
        for number in range(200):
            double(number % 5)

    at_once(call)
    info = double.cache_info()
    assert info.hits + info.misses == THREADS * 200
    assert info.misses == 5


@pytest.mark.usefixtures("by_thread")
def test_statistics_take_what_all_threads_counted_and_that_once():
    cache = Cache(MemoryStore(), secret="s" * 32)
    double = cache.cached(lambda number: number * 2)
    at_once(lambda: double(1))
    assert [cache.stats()[0].hits, cache.stats()[0].hits] == [THREADS - 1] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_goes_on_counting(counts):
    at_once(lambda: raise_hits(counts))
    child = os.fork()
    if not child:
        counts.hits += 1
        os._exit(counts.total("hits") != THREADS * CALLS + 1)
    assert os.waitpid(child, 0)[1] == 0
