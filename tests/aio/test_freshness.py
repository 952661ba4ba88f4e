"""Freshness, exceptions, predicates and migration work for tasks as they do for threads."""

import asyncio

import pytest
from helpers.clock import Clock
from helpers.stores import LOCAL, local_store

from memopickle import Cache, DirectoryStore, StoreError, background
from memopickle.events import NotStored
from tests.aio.conftest import SECRET
from tests.aio.tasks import run, until, waiting


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=LOCAL)
def cache(request, tmp_path, events, clock):
    return Cache(local_store(request.param, tmp_path), secret=SECRET, on_event=events.append, clock=clock)


class Source:
    """An async function whose calls are counted, which can be made to fail or to wait."""

    def __init__(self):
        self.calls = 0
        self.error = None
        self.gate = None

    async def __call__(self, x=0):
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [self.calls]


def remembered(cache, source, **options):
    @cache.cached(track_code="off", **options)
    async def f(x=0):
        return await source(x)

    return f


async def idle(cache):
    """Wait until nothing is computed in the background."""
    await until(lambda: not cache.background._busy)


def test_an_entry_expires(cache, clock):
    async def main():
        f = remembered(cache, Source(), ttl=10)
        assert [await f(), await f()] == [[1], [1]]
        clock.now += 10
        assert await f() == [2]

    run(main)


def test_with_a_ttl_of_zero_nothing_is_stored(cache):
    async def main():
        f = remembered(cache, Source(), ttl=0)
        assert [await f(), await f()] == [[1], [2]]
        assert f.cache_info()[:2] == (0, 2)

    run(main)


def test_the_ttl_may_depend_on_the_result(cache, clock):
    async def main():
        f = remembered(cache, Source(), ttl=lambda result: result[0] * 10)
        await f()
        clock.now += 10
        assert await f() == [2]
        clock.now += 10
        assert await f() == [2]

    run(main)


# -- stale while revalidate ------------------------------------------------------------------------------------------


def test_an_expired_value_is_served_at_once_and_computed_anew_by_another_task(cache, clock):
    async def main():
        source = Source()
        f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
        assert await f() == [1]
        clock.now += 10
        source.gate = asyncio.Event()
        assert await asyncio.gather(f(), f(), f()) == [[1]] * 3
        source.gate.set()
        await idle(cache)
        assert source.calls == 2
        assert await f() == [2]

    run(main)


def test_a_caller_that_is_cancelled_does_not_stop_the_recomputation(cache, clock):
    async def main():
        source = Source()
        f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
        await f()
        clock.now += 10
        source.gate = asyncio.Event()
        caller = asyncio.create_task(f())
        await caller
        await until(lambda: source.calls == 2)
        caller.cancel()
        source.gate.set()
        await idle(cache)
        assert await f() == [2]

    run(main)


def test_a_failed_recomputation_pauses_before_the_next(cache, clock, monkeypatch):
    monkeypatch.setattr(background, "PAUSE", background.LONGEST)  # which no machine is slow enough to reach the end of

    async def main():
        source = Source()
        f = remembered(cache, source, ttl=10, stale_while_revalidate=60)
        await f()
        clock.now += 11
        source.error = ValueError("down")
        for _ in range(5):
            assert await f() == [1]
            await idle(cache)
        assert source.calls == 2

    run(main)


def test_a_recomputation_given_up_as_another_process_is_at_it_does_not_count_as_a_success(tmp_path, clock):
    async def main():
        cache = Cache(DirectoryStore(tmp_path), secret=SECRET, clock=clock)
        f = remembered(cache, Source(), ttl=10, stale_while_revalidate=60)
        await f()
        clock.now += 11
        key = f.cache_key()
        cache.background._failed[key] = failures = 3, 0.0  # whose pause is over
        lock = DirectoryStore(tmp_path).lock(key)
        assert lock.acquire(0)
        assert await f() == [1]
        await idle(cache)
        assert cache.background._failed[key] == failures
        lock.release()
        assert await f() == [1]
        await idle(cache)
        assert key not in cache.background._failed
        assert await f() == [2]

    run(main)


def test_a_recomputation_that_ends_with_its_loop_is_begun_again_in_the_next(cache, clock):
    source = Source()
    f = remembered(cache, source, ttl=10, stale_while_revalidate=60)

    async def begin():
        await f()
        clock.now += 11
        source.gate = asyncio.Event()
        await f()
        await until(lambda: source.calls == 2)

    async def again():
        source.gate = None
        # What the loop cancelled lets go of its lock in a thread, and meanwhile nothing else computes the key.
        await until(lambda: not cache.flights.flying)
        assert await f() == [1]
        await idle(cache)
        assert await f() == [3]

    run(begin)
    run(again)


def test_a_recomputation_does_not_take_the_computation_that_caused_it_for_its_own(cache, clock):
    async def main():
        @cache.cached(track_code="off")
        async def outer(x):
            calls.append("outer")
            await inner(x)
            await gate.wait()
            return x

        @cache.cached(track_code="off", ttl=10, stale_while_revalidate=60)
        async def inner(x):
            calls.append("inner")
            if calls.count("inner") == 2:
                await outer(x)
            return x

        calls, gate = [], asyncio.Event()
        await inner(1)
        clock.now += 11
        task = asyncio.create_task(outer(1))
        await until(lambda: calls == ["inner", "outer", "inner"])
        await until(lambda: waiting(cache))
        gate.set()
        await task
        await idle(cache)
        assert calls == ["inner", "outer", "inner"]

    run(main)


# -- early refresh, errors -------------------------------------------------------------------------------------------


def test_an_early_refresh_is_computed_by_the_caller(cache):
    async def main():
        source = Source()
        f = remembered(cache, source, ttl=10, early_refresh=1e12)  # so eager that every call draws it
        await f()
        assert [await f(), await f()] == [[2], [3]]

    run(main)


def test_an_early_refresh_that_fails_leaves_the_fresh_value(cache):
    async def main():
        source = Source()
        f = remembered(cache, source, ttl=10, early_refresh=1e12)  # so eager that every call draws it
        await f()
        source.error = ValueError("down")
        assert await f() == [1]
        assert source.calls == 2

    run(main)


def test_an_expired_value_is_used_where_the_function_raises(cache, clock):
    async def main():
        source = Source()
        f = remembered(cache, source, ttl=10, stale_if_error=60)
        await f()
        clock.now += 11
        source.error = ValueError("down")
        assert await f() == [1]
        clock.now += 60
        with pytest.raises(ValueError, match="down"):
            await f()

    run(main)


def test_those_who_waited_use_the_expired_value_too(cache, clock):
    async def main():
        source = Source()
        f = remembered(cache, source, ttl=10, stale_if_error=60)
        await f()
        clock.now += 11
        source.error, source.gate = ValueError("down"), asyncio.Event()
        tasks = [asyncio.create_task(f()) for _ in range(3)]
        await until(lambda: waiting(cache) == 2)
        source.gate.set()
        assert await asyncio.gather(*tasks) == [[1]] * 3
        assert source.calls == 2

    run(main)


# -- what is stored --------------------------------------------------------------------------------------------------


def test_a_stored_exception_is_raised_again_each_time_another_one(cache):
    async def main():
        source = Source()
        source.error = ValueError("down", 3)
        f = remembered(cache, source, exceptions=ValueError)
        errors = [await asyncio.gather(f(), return_exceptions=True) for _ in range(3)]
        assert [(type(error), error.args) for (error,) in errors] == [(ValueError, ("down", 3))] * 3
        assert len({id(error) for (error,) in errors}) == 3
        assert source.calls == 1

    run(main)


def test_what_the_predicate_refuses_is_returned_and_not_stored(cache, events):
    async def main():
        f = remembered(cache, Source(), store_if=lambda result: result == [2])
        assert [await f(), await f(), await f()] == [[1], [2], [2]]

    run(main)
    assert [event.reason for event in events if isinstance(event, NotStored)] == ["store_if said no"]


def test_an_older_version_is_upgraded_and_stored(cache):
    async def main():
        async def f(x):
            return [x]

        await cache.cached(f, version=1)(1)
        newer = cache.cached(f, version=2, migrate={1: lambda value: [*value, "two"]})
        assert [await newer(1), await newer(1)] == [[1, "two"]] * 2
        assert newer.cache_info()[:2] == (2, 0)

    run(main)


def test_a_failing_store_leaves_the_result(tmp_path, caplog):
    class Broken(DirectoryStore):
        def writer(self, key):
            raise OSError("no space")

        def get(self, key):
            raise OSError("no reading")

        def lock(self, key):
            raise OSError("no lock")

    async def main():
        assert await remembered(Cache(Broken(tmp_path / "cache"), secret=SECRET), Source())() == [1]

    run(main)
    assert "no space" in caplog.text


def test_a_failing_store_raises_where_it_was_told_to(tmp_path):
    class Broken(DirectoryStore):
        def get(self, key):
            raise OSError("no reading")

    async def main():
        f = remembered(Cache(Broken(tmp_path / "cache"), secret=SECRET), Source(), on_error="raise")
        with pytest.raises(StoreError, match="no reading"):
            await f()

    run(main)
