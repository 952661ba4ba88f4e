"""A function that computes when it is let, and threads that call it."""

import threading

from tests.flight.crew import PATIENCE, until

__all__ = ["Slow", "call_like", "decorated", "start_and_join", "waiting"]


class Slow:
    """A function that computes when it is let, and counts."""

    def __init__(self, result=None):
        self.began = threading.Semaphore(0)
        self.gate = threading.Event()
        self.calls = []
        self.result = result or (lambda x: [x])

    def __call__(self, x):
        self.calls.append(x)
        self.began.release()
        assert self.gate.wait(PATIENCE)
        return self.result(x)


def decorated(cache, slow, **options):
    @cache.cached(depends_on=(), track_code="off", **options)
    def work(x):
        return slow(x)

    return work


def call_like(call, work):
    """What calls a function in its own way, but has its keys."""
    call.cache_key = work.cache_key
    return call


def waiting(cache, key):
    """How many threads have joined the flight of a key."""
    flight = cache.flights._table.get(key)
    return 0 if flight is None or flight._done is None else len(flight._done._cond._waiters)


def start_and_join(pool, cache, slow, work, count):
    """Start one leader and ``count`` threads that join it."""
    leader = pool.submit(work, 1)
    assert slow.began.acquire(timeout=PATIENCE)
    joined = [pool.submit(work, 1) for _ in range(count)]
    until(lambda: waiting(cache, work.cache_key(1)) == count)
    return leader, joined
