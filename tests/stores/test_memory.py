"""What is particular to MemoryStore: its limits, its copies, and that it stays in this process."""

import asyncio
import gc
import os
import pickle
import sys
import threading
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.functions import Counted, reasons
from hypothesis import given
from hypothesis import strategies as st

from memopickle import Cache, ConfigurationError, MemoryStore, StoreError
from memopickle.events import Evicted, NotStored
from memopickle.testing import store_key

KEYS = [store_key(str(number)) for number in range(6)]


def held(store):
    return [KEYS.index(key) for key in store.keys()]  # noqa: SIM118


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["GIL", "no GIL"])
def gil(request, monkeypatch):
    """With what a free-threaded build says, a store takes its lock where it needs none otherwise."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: request.param == "GIL", raising=False)


def test_the_least_recently_used_goes_first(gil):
    store = MemoryStore(maxsize=3)
    for key in KEYS[:3]:
        store.set(key, [b"x"], None)
    store.get(KEYS[0])
    store.set(KEYS[3], [b"x"], None)
    assert held(store) == [2, 0, 3]
    store.set(KEYS[2], [b"y"], None)
    store.set(KEYS[4], [b"x"], None)
    assert held(store) == [3, 2, 4]


def test_a_hit_of_plain_arguments_makes_an_entry_the_most_recently_used(gil, secret):
    calls = []

    @Cache(MemoryStore(maxsize=2), secret=secret).cached
    def counted(x):
        calls.append(x)
        return x

    for x in [1] * 20 + [2, 1, 3, 1]:  # 1 is hit often enough for the quick way
        counted(x)
    assert calls == [1, 2, 3]


def test_a_limit_in_bytes_may_be_text():
    assert MemoryStore(max_bytes="1.5KB").max_bytes == 1500


@given(
    maxsize=st.none() | st.integers(0, 4),
    max_bytes=st.none() | st.integers(0, 40),
    steps=st.lists(
        st.tuples(st.sampled_from(["set", "get", "delete"]), st.integers(0, 5), st.integers(0, 25)), max_size=40
    ),
)
def test_it_holds_what_a_strict_lru_of_both_limits_holds(maxsize, max_bytes, steps):
    store, model = MemoryStore(maxsize, max_bytes), OrderedDict()
    for step, number, size in steps:
        if step == "set":
            model.pop(number, None)
            if max_bytes and size > max_bytes:
                with pytest.raises(StoreError):
                    store.set(KEYS[number], [bytes(size)], None)
                assert held(store) == list(model)
                continue
            store.set(KEYS[number], [bytes(size)], None)
            model[number] = size
            while len(model) > (maxsize if maxsize is not None else 99) or (
                max_bytes is not None and sum(model.values()) > max_bytes
            ):
                model.popitem(last=False)
        elif step == "get":
            found = store.get(KEYS[number])
            assert (found is None) == (number not in model)
            if number in model:
                model.move_to_end(number)
        else:
            assert store.delete(KEYS[number]) == (model.pop(number, None) is not None)
        # Without limits nothing is evicted, and no order is kept.
        assert held(store) == list(model) if store.is_bounded else set(held(store)) == set(model)
        assert len(store) == len(model)


def test_looking_at_sizes_heads_and_keys_is_no_use():
    store = MemoryStore(maxsize=2)
    store.set(KEYS[0], [b"x"], None)
    store.set(KEYS[1], [b"x"], None)
    store.head(KEYS[0]), store.size(KEYS[0]), list(store.keys(KEYS[0])), store.prune(0)
    store.set(KEYS[2], [b"x"], None)
    assert held(store) == [1, 2]


@pytest.mark.parametrize("limits", [{"maxsize": 0}, {"max_bytes": 0}], ids=repr)
def test_a_limit_of_0_keeps_nothing(secret, limits):
    double = Counted(Cache(MemoryStore(**limits), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]


def test_huge_limits_are_no_limits(secret):
    double = Counted(Cache(MemoryStore(10**100, 10**100), secret=secret))
    double(3), double(3)
    assert double.calls == [3]


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "ten"], ids=repr)
@pytest.mark.parametrize("name", ["maxsize", "max_bytes"])
def test_a_wrong_limit_is_an_error_that_names_it(name, wrong):
    with pytest.raises(ConfigurationError, match=f"{name}="):
        MemoryStore(**{name: wrong})


def test_the_bytes_of_results_count(secret):
    texts = Counted(Cache(MemoryStore(max_bytes=5000), secret=secret), lambda size: "x" * size)
    for size in (2000, 2001, 2002):
        texts(size)
    texts(2002), texts(2001)
    assert texts.calls == [2000, 2001, 2002]
    texts(2000)
    assert texts.calls == [2000, 2001, 2002, 2000]


def test_cache_info_tells_limit_and_size(secret):
    double = Counted(Cache(MemoryStore(maxsize=2), secret=secret))
    for number in (1, 2, 3, 3):
        double(number)
    assert double.function.cache_info() == (1, 3, 2, 2)


# -- copies ----------------------------------------------------------------------------------------------------------


def test_what_a_caller_changes_is_not_what_is_stored(secret):
    lists = Counted(Cache(MemoryStore(), secret=secret), lambda number: [number])
    for _ in range(3):
        found = lists(3)
        assert found == [3]
        found.append("changed")
    assert lists.calls == [3]


def test_without_copy_every_caller_gets_the_same_object(secret):
    lists = Counted(Cache(MemoryStore(copy=False), secret=secret), lambda number: [number])
    assert lists(3) is lists(3)


def test_without_copy_what_cannot_be_pickled_is_kept(secret):
    functions = Counted(Cache(MemoryStore(copy=False), secret=secret), lambda number: lambda: number)
    assert functions(3) is functions(3)


class Countdown:
    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


async def nothing():
    pass


@pytest.mark.parametrize(
    "make",
    [
        lambda: (number for number in (1, 2)),
        lambda: map(str, (1, 2)),
        Countdown,
        nothing,
        lambda: open(os.devnull),  # noqa: SIM115
        threading.Lock,
        threading.RLock,
        threading.Condition,
        asyncio.Lock,
    ],
    ids=["generator", "map", "iterator", "coroutine", "file", "Lock", "RLock", "Condition", "asyncio lock"],
)
def test_without_copy_what_works_once_or_is_alive_is_returned_and_not_kept(secret, events, caplog, make):
    cache = Cache(MemoryStore(copy=False), secret=secret, on_event=events.append)
    made = []
    living = Counted(cache, lambda _: made.append(make()) or made[-1])
    assert [living(3), living(3)] == made
    assert made[0] is not made[1]
    assert len(cache.store) == 0
    assert len(reasons(events, NotStored)) == 2
    (message,) = caplog.messages
    assert type(made[0]).__name__ in message
    for one in made:
        getattr(one, "close", lambda: None)()


@pytest.mark.parametrize("value", [None, True, 10**50, 1.5, 2j, "text" * 100, b"bytes" * 100], ids=repr)
def test_immutable_results_are_not_copied(secret, value):
    same = Counted(Cache(MemoryStore(), secret=secret), lambda _: value)
    assert same(3) is same(3) is value


def test_nothing_is_signed_and_no_secret_is_needed(monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "short")
    double = Counted(Cache(MemoryStore()))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]


def test_an_evicted_object_is_let_go(secret):
    class Thing:
        pass

    things = Counted(Cache(MemoryStore(maxsize=1, copy=False), secret=secret), lambda _: Thing())
    first = weakref.ref(things(1))
    things(2)
    gc.collect()
    assert first() is None


def test_dropping_an_object_may_call_a_cached_function(secret):
    cache = Cache(MemoryStore(maxsize=1, copy=False), secret=secret)
    double = Counted(cache)

    class Calling:
        def __del__(self):
            double(len(double.calls))

    things = Counted(cache, lambda _: Calling())
    with ThreadPoolExecutor(1) as pool:  # a deadlock would show as a timeout
        pool.submit(lambda: list(map(things, range(3)))).result(60)
        pool.submit(cache.clear).result(60)
    assert len(double.calls) >= 2


# -- one process -----------------------------------------------------------------------------------------------------


def test_it_cannot_be_pickled_and_says_what_can():
    with pytest.raises(TypeError, match="DirectoryStore"):
        pickle.dumps(MemoryStore())


def test_entries_are_described_like_those_of_other_stores(secret):
    cache = Cache(MemoryStore(), secret=secret, namespace="here")
    double = Counted(cache, ttl="1h")
    double(3)
    [entry] = cache.entries()
    assert (entry.key, entry.namespace, entry.size) == (double.key(3), "here", sys.getsizeof(6))
    assert entry.expires - entry.created == pytest.approx(3600)
    assert cache.functions() == [entry.function]


def test_threads_lose_nothing(secret):
    double = Counted(Cache(MemoryStore(), secret=secret))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(double, [number % 10 for number in range(400)]))
    assert found == [number % 10 * 2 for number in range(400)]
    assert sorted(double.calls) == list(range(10))


def test_what_is_evicted_is_told_with_its_function(events):
    cache = Cache(MemoryStore(maxsize=1), on_event=events.append)
    f = cache.cached(lambda x: x)
    f(1)
    f(2)
    evicted = [event for event in events if isinstance(event, Evicted)]
    assert evicted == [Evicted(f._memo.name, f.cache_key(1))]


def test_a_result_larger_than_the_store_is_returned_and_evicts_nothing(caplog):
    cache = Cache(MemoryStore(max_bytes=1000))
    f = cache.cached(lambda x: "x" * x)
    f(10)
    assert len(f(5000)) == 5000
    assert f.cache_contains(10)
    assert "max_bytes=1000" in caplog.text
