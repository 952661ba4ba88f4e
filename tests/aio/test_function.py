"""What ``@cached`` makes of an async function."""

import asyncio
import copy
import functools
import inspect
import pickle
import subprocess
import sys

import pytest

import memopickle
from memopickle import Cache, ConfigurationError, MemoryStore, UnkeyableError, cached, configure, disabled
from memopickle.aio import workers
from memopickle.aio.function import AsyncCachedFunction
from tests.aio.conftest import SECRET
from tests.aio.tasks import run

local = Cache(MemoryStore())


async def plain(x: int, y: int = 2) -> list[int]:
    """Add."""
    return [x + y]


@local.cached
async def top(x):
    return [x]


class Service:
    def __init__(self):
        self.calls = []

    def __reduce__(self):
        return Service, ()

    @local.cached
    async def method(self, x):
        self.calls.append(x)
        return [x]

    @classmethod
    @local.cached
    async def class_outside(cls, x):
        return [cls.__name__, x]

    @local.cached
    @classmethod
    async def class_inside(cls, x):
        return [cls.__name__, x]

    @staticmethod
    @local.cached
    async def static_outside(x):
        return [x]

    @local.cached
    @staticmethod
    async def static_inside(x):
        return [x]


class Callable:
    async def __call__(self, x):
        return [x]


def awaitable(x):
    return plain(x)


@pytest.fixture(autouse=True)
def _empty():
    local.clear()


def test_it_is_an_async_cached_function(cache):
    assert type(cache.cached(plain)) is AsyncCachedFunction is memopickle.AsyncCachedFunction
    assert isinstance(cache.cached(ttl=3)(plain), AsyncCachedFunction)
    assert isinstance(cached(plain), AsyncCachedFunction)


def test_a_second_call_is_a_hit(cache):
    async def main():
        calls = []

        @cache.cached
        async def work(x):
            calls.append(x)
            return [x]

        assert [await work(1), await work(x=1), await work(2)] == [[1], [1], [2]]
        assert calls == [1, 2]
        assert work.cache_info()[:2] == (1, 2)

    run(main)


def test_name_documentation_and_signature_are_kept(cache):
    work = cache.cached(plain)
    assert (work.__name__, work.__doc__, work.__wrapped__) == ("plain", "Add.", plain)
    assert inspect.signature(work) == inspect.signature(plain)


SHAPES = {
    "function": lambda: local.cached(plain),
    "with options": lambda: local.cached(ttl=3)(plain),
    "method": lambda: Service().method,
    "method of the class": lambda: Service.method,
    "class method": lambda: Service.class_outside,
    "class method below": lambda: Service.class_inside,
    "static method": lambda: Service.static_outside,
    "partial": lambda: local.cached(functools.partial(plain, 1)),
    "object": lambda: local.cached(Callable()),
    "bound method": lambda: local.cached(Callable().__call__),
    "cached twice": lambda: local.cached(local.cached(plain)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_recognised_as_a_coroutine_function(shape):
    assert inspect.iscoroutinefunction(SHAPES[shape]())


@pytest.mark.filterwarnings("ignore:.*asyncio.iscoroutinefunction.*:DeprecationWarning")
@pytest.mark.parametrize("shape", SHAPES)
def test_asyncio_recognises_it_too(shape):
    assert asyncio.iscoroutinefunction(SHAPES[shape]())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="inspect.markcoroutinefunction came with Python 3.12")
def test_what_is_marked_as_a_coroutine_function_is_one(cache):
    marked = inspect.markcoroutinefunction(functools.partial(awaitable).func)
    work = cache.cached(marked)
    assert inspect.iscoroutinefunction(work)
    assert run(lambda: work(1)) == [3]


def test_an_ordinary_function_is_not_taken_for_one(cache):
    assert not inspect.iscoroutinefunction(cache.cached(lambda x: x))
    assert not isinstance(cache.cached(functools.partial(max, 1)), AsyncCachedFunction)


@pytest.mark.parametrize("name", ["class_outside", "class_inside"])
def test_class_methods_in_either_order(name):
    async def main():
        assert await getattr(Service, name)(1) == ["Service", 1]
        assert await getattr(Service(), name)(1) == ["Service", 1]
        assert getattr(Service, name).cache_info().hits

    run(main)


@pytest.mark.parametrize("name", ["static_outside", "static_inside"])
def test_static_methods_in_either_order(name):
    async def main():
        assert await getattr(Service, name)(1) == await getattr(Service(), name)(1) == [1]
        assert getattr(Service, name).cache_info().hits == 1

    run(main)


def test_a_method_is_called_with_its_instance_and_its_members_see_it():
    async def main():
        service = Service()
        assert await service.method(1) == [1]
        assert service.method.cache_contains(1)
        assert Service.method.cache_contains(service, 1)
        assert await service.method.cache_refresh(1) == [1]
        assert service.calls == [1, 1]
        assert service.method == service.method

    run(main)


@pytest.mark.parametrize(
    "function", [functools.partial(plain, 5), Callable(), Callable().__call__], ids=["partial", "object", "method"]
)
def test_partials_objects_and_bound_methods_are_cached(cache, function):
    async def main():
        work = cache.cached(function)
        first = await work(1)
        assert await work(1) == first
        assert work.cache_info()[:2] == (1, 1)

    run(main)


def test_members(cache):
    async def main():
        work = cache.cached(plain)
        assert not work.cache_contains(1)
        work.cache_set([9], 1)
        assert await work(1) == [9]
        assert work.cache_peek(1).value == [9]
        assert await work.cache_refresh(1) == [3]
        assert await work(1) == [3]
        assert "hit" in str(work.cache_explain(1))
        assert work.cache_invalidate(1)
        assert not work.cache_invalidate(1)
        await work(1)
        work.cache_clear()
        assert not work.cache_contains(1)
        assert work.cache_info()[:2] == (0, 0)

    run(main)


def test_the_keys_are_those_of_an_ordinary_function(cache):
    async def one(x):
        return x

    def make():
        def one(x):
            return x

        one.__qualname__ = one.__qualname__.replace("make.<locals>.", "")
        return one

    ordinary = make()
    ordinary.__qualname__ = one.__qualname__
    options = {"version": 1, "track_code": "off"}
    assert cache.cached(one, **options).cache_key(1) == cache.cached(ordinary, **options).cache_key(1)


def test_what_a_task_stored_is_there_for_the_next_program(disk):
    assert run(lambda: disk.cached(plain)(1)) == [3]
    sibling = Cache(type(disk.store)(disk.store.path), secret=SECRET).cached(plain)
    assert run(lambda: sibling(1)) == [3]
    assert sibling.cache_info()[:2] == (1, 0)


def test_it_pickles_by_name():
    assert pickle.loads(pickle.dumps(top)) is top
    assert copy.deepcopy(top) is top


def test_without_a_name_it_pickles_as_function_cache_and_options(disk):
    again = pickle.loads(pickle.dumps(disk.cached(plain, ttl=3)))
    assert type(again) is AsyncCachedFunction
    assert again.cache_parameters() == {"ttl": 3}


def test_a_wrong_call_is_the_functions_own_error(cache):
    with pytest.raises(TypeError, match="plain"):
        run(lambda: cache.cached(plain)(1, 2, 3))


def test_what_cannot_be_keyed_is_an_error(cache):
    with pytest.raises(UnkeyableError, match="'x'"):
        run(lambda: cache.cached(plain)(iter(())))


def test_disabled_it_is_a_plain_call(cache):
    work = cache.cached(plain)
    with disabled():
        assert run(lambda: work(1)) == [3]
    assert work.cache_info()[:2] == (0, 0)


def test_disabled_by_the_environment_it_is_a_plain_call(cache, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_DISABLE", "1")
    work = cache.cached(plain)

    async def main():
        assert [await work(1), await work(1)] == [[3], [3]]
        assert work.cache_info()[:2] == (0, 0)

    run(main)


def test_it_follows_the_default_cache(tmp_path):
    async def main():
        work = cached(plain, track_code="off")
        configure(MemoryStore())
        await work(1)
        configure(tmp_path / "other")
        assert not work.cache_contains(1)
        await work(1)
        assert type(work) is AsyncCachedFunction
        assert work.cache_info()[:2] == (0, 1)

    run(main)


def test_many_first_calls_open_the_cache_once(cache, monkeypatch):
    opened = []
    memo = Cache.memo
    monkeypatch.setattr(Cache, "memo", lambda *args: opened.append(args) or memo(*args))

    async def main():
        work = cache.cached(plain)
        await asyncio.gather(*(work(number) for number in range(50)))

    run(main)
    assert len(opened) == 1


def test_what_keeps_a_cache_from_opening_is_told_to_each_caller(tmp_path):
    async def main():
        work = Cache(memopickle.DirectoryStore(tmp_path / "file" / "below"), secret=SECRET).cached(plain)
        errors = await asyncio.gather(work(1), work(2), return_exceptions=True)
        assert {type(error) for error in errors} == {memopickle.StoreError}
        assert errors[0] is not errors[1]

    (tmp_path / "file").touch()
    run(main)


def test_outside_of_an_event_loop_a_call_that_has_to_wait_says_so(cache):
    coroutine = cache.cached(plain)(1)
    with pytest.raises(ConfigurationError, match="asyncio"):
        coroutine.send(None)


def test_async_generators_are_refused(cache):
    async def generator():
        yield 1

    with pytest.raises(ConfigurationError, match="generator"):
        cache.cached(generator)


def test_it_works_in_a_forked_child(tmp_path):
    script = f"""
import asyncio, os
from memopickle import Cache, DirectoryStore

@Cache(DirectoryStore({str(tmp_path / "cache")!r}), secret="s" * 32).cached
async def work(x):
    return x

assert asyncio.run(work(1)) == 1
child = os.fork()
if not child:
    os._exit(0 if asyncio.run(work(2)) == 2 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", script], timeout=60, check=False)
    assert ended.returncode == 0


def test_decorating_imports_neither_asyncio_nor_threads():
    script = """
import sys
from memopickle import cached
before = {"asyncio", "inspect", "concurrent.futures"} & set(sys.modules)
@cached
async def work(x):
    return x
assert {"asyncio", "inspect", "concurrent.futures"} & set(sys.modules) == before == set()
"""
    subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{script}"], check=True)


def test_as_the_interpreter_ends_steps_are_done_at_once(monkeypatch):
    def none_left():
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(workers._workers, "pool", none_left)
    assert workers.submit(lambda: 3).result() == 3
