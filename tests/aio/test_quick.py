"""The quick way of async functions and the plain way give the same answers."""

import asyncio
import gc
import inspect
import threading
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memopickle
from memopickle import AsyncCachedFunction, Cache, DirectoryStore, MemoryStore, ReadOnlyStore, ShelveStore, TieredStore
from memopickle.aio import reads, turns
from memopickle.events import Hit
from tests.aio.conftest import SECRET
from tests.aio.tasks import run, until
from tests.test_quick import PLAIN

KINDS = ["memory", "bounded", "shared objects", "directory", "hooked", "tiered", "shelve"]


def made(kind, folder, **options):
    stores = {
        "bounded": lambda: MemoryStore(3),
        "shared objects": lambda: MemoryStore(copy=False),
        "directory": lambda: DirectoryStore(folder / "cache"),
        "tiered": lambda: TieredStore(MemoryStore(), DirectoryStore(folder / "cache")),
        "shelve": lambda: ShelveStore(folder / "shelf"),
    }
    if kind == "hooked":
        options["on_event"] = lambda event: None
    return Cache(stores.get(kind, MemoryStore)(), secret=SECRET, **options)


@pytest.fixture(params=KINDS)
def cache(request, tmp_path):
    return made(request.param, tmp_path)


class PlainWay(AsyncCachedFunction):
    """A subclass never becomes quick."""


def quick(function):
    return type(function) not in (AsyncCachedFunction, PlainWay)


async def warmed(function, *args):
    """The function, quick by now."""
    for _ in range(10):
        await function(*args)
    assert quick(function)
    return function


class Subject:
    """A cached async function, its cache and its clock; told apart from another one by nothing that it returns."""

    def __init__(self, kind, folder, plain, **options):
        self.now = 1e9
        self.computed = 0
        self.events = []
        self.cache = made(kind, folder, clock=lambda: self.now)
        if kind == "hooked":
            self.cache = Cache(MemoryStore(), clock=lambda: self.now, on_event=self.events.append)

        @self.cache.cached(exceptions=ValueError, **options)
        async def f(a, b=1, *, c=None):
            self.computed += 1
            if a == 2:
                raise ValueError(f"{self.computed}")
            return repr((a, b, c)), [self.computed]

        self.function = f
        if plain:
            f.__class__ = PlainWay

    async def do(self, step, *args, **kwargs):
        """Take a step and return all that can be seen of it."""
        try:
            seen = await getattr(self, step)(*args, **kwargs)
        except Exception as error:
            seen = type(error), str(error)
        told = [type(event) for event in self.events]
        return seen, self.function.cache_info()[:2], self.computed, told

    async def call(self, *args, **kwargs):
        answer = await self.function(*args, **kwargs)
        shown = repr(answer)
        answer[1].append("changed by its caller")
        return shown

    async def together(self, *args):
        await asyncio.gather(self.function(*args), return_exceptions=True)  # who of several computes is chance
        return repr(await asyncio.gather(*(self.function(*args) for _ in range(3)), return_exceptions=True))

    async def invalidate(self, a):
        return self.function.cache_invalidate(a)

    async def clear(self):
        self.function.cache_clear()

    async def tick(self, seconds):
        self.now += seconds

    async def off(self, a):
        with memopickle.disabled():
            return repr(await self.function(a))


FEW = st.one_of(st.integers(0, 2), PLAIN)
CALL = st.tuples(st.just("call"), FEW)
STEPS = st.lists(
    st.one_of(
        CALL,
        CALL,
        st.tuples(st.just("call"), st.integers(0, 2), FEW),
        st.just(("call",)),  # a wrong one
        st.just(("call", 1, 2, 3)),
        st.tuples(st.just("together"), st.integers(0, 2)),
        st.tuples(st.just("invalidate"), st.integers(0, 2)),
        st.just(("clear",)),
        st.tuples(st.just("tick"), st.sampled_from([4.0, 9.999999, 0.000001, -400.0])),
        st.tuples(st.just("off"), st.integers(0, 2)),
    ),
    max_size=20,
)


@pytest.mark.parametrize("options", [{}, {"ttl": 10}, {"ttl": 0}, {"ttl": 10, "stale_if_error": 10}], ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_done_both_ways_agree(kind, options, tmp_path_factory):
    @settings(max_examples=25)
    @given(steps=STEPS)
    def agree(steps):
        folder = tmp_path_factory.mktemp("ways")

        async def main():
            ways = [Subject(kind, folder / name, name == "plain", **options) for name in ("plain", "quick")]
            for step in [("call", 1)] * 5 + steps * 2:
                plain, quickly = [await way.do(*step) for way in ways]
                assert quickly == plain
            assert quick(ways[1].function) is (options.get("ttl") != 0)

        run(main)

    agree()


def test_a_function_that_is_hit_often_becomes_quick(cache):
    async def main():
        @cache.cached
        async def f(a, *, b=2):
            return a, b

        await warmed(f, 1)
        assert await f(1) == await f(1, b=2) == (1, 2)
        assert await f(2, b=3) == (2, 3)
        assert f.cache_info()[:2] == (11, 2)

    run(main)


def test_a_method_and_what_has_no_plain_arguments_stay_as_they_are(cache):
    class Key:
        def __reduce__(self):
            return Key, ()

    @cache.cached
    async def f(a):
        return 1

    async def main():
        for _ in range(10):
            await f(Key())

    run(main)
    assert not quick(f)


def test_it_gives_a_coroutine_of_the_same_kind_and_name():
    f = Cache(MemoryStore()).cached(_double)
    before = f(1)
    before.close()
    run(lambda: warmed(f, 1))
    after = f(1)
    after.close()
    assert inspect.iscoroutine(after)
    assert (after.__name__, after.__qualname__) == (before.__name__, before.__qualname__)
    assert inspect.iscoroutinefunction(f)
    assert inspect.iscoroutinefunction(f.__call__)


def test_a_coroutine_that_is_never_awaited_is_warned_about_as_before():
    f = Cache(MemoryStore()).cached(_double)

    def warning():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            f(1)
            gc.collect()
        return [str(warning.message) for warning in caught]

    before = warning()
    run(lambda: warmed(f, 1))
    counts = f.cache_info()
    assert "never awaited" in before[0]
    assert warning() == before
    assert f.cache_info() == counts


@pytest.mark.parametrize("call", [lambda f: f(), lambda f: f(1, 2, 3), lambda f: f(1, c=3), lambda f: f(1, a=1)])
def test_a_wrong_call_is_told_when_it_is_awaited_as_the_function_tells_it(cache, call):
    async def f(a, b=2):
        return a, b

    with pytest.raises(TypeError) as plain:
        call(f)

    async def main():
        wrong = call(await warmed(cache.cached(f), 1))
        with pytest.raises(TypeError) as quickly:
            await wrong
        assert str(quickly.value) == str(plain.value)

    run(main)


def test_a_type_error_of_the_function_is_its_own(cache):
    calls = []

    @cache.cached
    async def f(a):
        calls.append(a)
        return len(a)

    async def main():
        await warmed(f, "text")
        with pytest.raises(TypeError, match="has no len"):
            await f(3)
        assert calls == ["text", 3]

    run(main)


def test_a_task_cancelled_before_it_began_counts_nothing():
    async def main():
        f = await warmed(Cache(MemoryStore()).cached(_double), 1)
        counts = f.cache_info()
        task = asyncio.create_task(f(1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert f.cache_info() == counts
        assert await asyncio.gather(*(f(1) for _ in range(5))) == [2] * 5

    run(main)


def test_disabling_is_looked_at_when_the_call_is_awaited(cache):
    calls = []

    @cache.cached
    async def f(a):
        calls.append(a)

    async def main():
        await warmed(f, 1)
        call = f(1)
        with memopickle.disabled():
            await call
            call = f(1)
        await call
        assert calls == [1, 1]

    run(main)


def test_hooks_hear_of_every_hit(tmp_path, events):
    f = Cache(DirectoryStore(tmp_path), secret=SECRET, on_event=events.append).cached(_double)
    run(lambda: warmed(f, 1))
    assert sum(isinstance(event, Hit) for event in events) == f.cache_info().hits == 9


def test_an_expired_value_is_served_while_it_is_computed_anew():
    now, calls = 1e9, []
    cache = Cache(MemoryStore(), clock=lambda: now)

    @cache.cached(ttl=10, stale_while_revalidate=100)
    async def f(a):
        calls.append(a)
        return len(calls)

    async def main():
        nonlocal now
        await warmed(f, 1)
        now += 11
        assert await f(1) == 1
        await until(lambda: len(calls) == 2)
        await until(lambda: (found := f.cache_peek(1)) and found.value == 2)
        assert await f(1) == 2

    run(main)


loaded_by = []


class Large:
    """Notes the threads that load it."""

    def __init__(self, size):
        self.payload = b"x" * size

    def __reduce__(self):
        return _load, (self.payload,)


def _load(payload):
    loaded_by.append(threading.current_thread())
    return Large(len(payload))


@pytest.mark.parametrize("kind", ["memory", "directory", "tiered"])
@pytest.mark.parametrize("size", [reads.SMALLEST // 2, reads.SMALL + 1])
def test_what_was_replaced_by_a_large_result_is_loaded_in_a_thread(kind, size, tmp_path):
    async def main():
        f = made(kind, tmp_path).cached(_large)
        await warmed(f, 10)
        f.cache_set(Large(size), 10)
        await f(10)
        loaded_by.clear()
        for _ in range(10):
            await f(10)
        assert [thread is threading.main_thread() for thread in loaded_by] == [size < reads.SMALL] * 10

    run(main)


async def _large(size):
    return Large(size)


@pytest.mark.parametrize(("kind", "often"), [("memory", 16), ("directory", 1)])
def test_quick_hits_one_after_the_other_let_others_have_their_turn(kind, often, tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "STRETCH", 0.0)

    async def main():
        f = await warmed(made(kind, tmp_path).cached(_double), 1)
        turn = 0

        async def others():
            nonlocal turn
            while True:
                turn += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        for _ in range(1000):
            await f(1)
        other.cancel()
        assert turn >= 1000 // often // 2

    run(main)


@pytest.mark.parametrize("size", [10, reads.SMALLEST + 1])
def test_what_takes_longer_to_load_goes_the_plain_way(size):
    f = Cache(MemoryStore()).cached(_large)

    async def main():
        for _ in range(10):
            await f(size)

    run(main)
    assert quick(f) is (size == 10)


def test_what_is_not_loaded_is_quick_however_large():
    @Cache(MemoryStore()).cached
    async def f(size):
        return b"x" * size

    run(lambda: warmed(f, reads.SMALL * 2))


def test_a_read_only_store_is_read_quickly_too(tmp_path):
    run(lambda: Cache(DirectoryStore(tmp_path), secret=SECRET).cached(_double)(1))
    f = Cache(ReadOnlyStore(DirectoryStore(tmp_path)), secret=SECRET).cached(_double)
    run(lambda: warmed(f, 1))
    assert f.cache_info()[:2] == (10, 0)


@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_a_quick_hit_needs_no_event_loop(kind, tmp_path, monkeypatch):
    f = made(kind, tmp_path).cached(_double)
    run(lambda: warmed(f, 1))
    monkeypatch.setattr(turns.turns, "_began", None)
    with pytest.raises(StopIteration) as ended:
        f(1).send(None)
    assert ended.value.value == 2


def test_it_pickles_and_describes_itself_as_before():
    f = Cache(MemoryStore()).cached(_double)
    before = repr(f), f.__reduce__()[0]
    run(lambda: warmed(f, 1))
    assert (repr(f), f.__reduce__()[0]) == before
    assert isinstance(f, AsyncCachedFunction)
    assert (type(f).__module__, type(f).__name__) == (AsyncCachedFunction.__module__, "AsyncCachedFunction")


async def _double(a):
    return a * 2


def test_configuring_the_default_cache_anew_ends_the_quick_way(tmp_path):
    async def main():
        memopickle.configure(DirectoryStore(tmp_path / "a"))
        f = memopickle.cached(_double)
        await warmed(f, 1)
        memopickle.configure(DirectoryStore(tmp_path / "b"))
        assert not quick(f)
        await f(1)
        assert list((tmp_path / "b").glob("*/*/*"))

    run(main)


def test_configuring_the_default_cache_anew_leaves_a_subclass_what_it_is(tmp_path):
    async def main():
        memopickle.configure(DirectoryStore(tmp_path / "a"))
        f = memopickle.cached(_double)
        f.__class__ = PlainWay
        await f(1)
        memopickle.configure(DirectoryStore(tmp_path / "b"))
        assert type(f) is PlainWay

    run(main)
