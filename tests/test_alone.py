"""The quick way of a miss, where no other call may join, and the plain way do the same."""

from __future__ import annotations

import gc
import os
import threading
import weakref

import pytest
from helpers.stores import local_store
from hypothesis import given, settings
from hypothesis import strategies as st

from memopickle import Cache, DirectoryStore, StoreError, runner
from memopickle.alone import Alone
from memopickle.stores.base import Writer

worlds = []


def work(what, number):
    return DOES[what](worlds[-1], number)


def never(value):
    return value


class Falsy(list):
    """A callable that counts as false."""

    def __call__(self, value):
        return False


DOES = {
    "returns": lambda world, number: {"number": number},
    "returns much": lambda world, number: bytes(70_000 + number),
    "returns what can't be stored": lambda world, number: threading.Lock(),
    "raises": lambda world, number: 1 // 0,
    "clears itself": lambda world, number: world.work.cache_clear() or number,
    "is invalidated": lambda world, number: [world.work.cache_invalidate("is invalidated", number)],
    "clears the cache": lambda world, number: world.cache.clear() and None,
    "stores by hand": lambda world, number: world.work.cache_set(-number, "stores by hand", number),
    "calls another": lambda world, number: world.work("returns", number),
    "calls itself": lambda world, number: number and world.work("calls itself", number - 1),
}


class Breaking(DirectoryStore):
    """Fails where it is told to, or takes a value for one that was cleared meanwhile."""

    trouble = ""

    def writer(self, key):
        if self.trouble == "open":
            raise StoreError("can't be written")
        return BreakingWriter(super().writer(key), self.trouble)


class BreakingWriter(Writer):
    def __init__(self, writer, trouble):
        self._writer = writer
        self._trouble = trouble

    def publish(self, chunks, expires_at):
        if self._trouble == "publish":
            raise OSError(28, "no space left")
        return self._trouble != "cleared" and self._writer.publish(chunks, expires_at)

    def close(self):
        self._writer.close()
        if self._trouble == "close":
            raise OSError(5, "gone")


class World:
    """One cache with a function whose arguments say what happens in a call."""

    def __init__(self, folder, secret, ttl, on_error, now):
        self.now = now
        self.events = []
        self.store = Breaking(folder)
        self.cache = Cache(
            self.store, secret=secret, clock=lambda: self.now, on_event=self.events.append, on_error=on_error
        )
        self.work = self.cache.cached(work, single_flight=False, ttl=ttl, version=1)

    def do(self, step, *arguments):
        return getattr(self, f"_{step}")(*arguments)

    def _call(self, what, number):
        worlds.append(self)
        try:
            value = self.work(what, number)
        except Exception as error:
            return type(error)
        finally:
            worlds.pop()
        return type(value) if what == "returns what can't be stored" else value

    def _wait(self, seconds):
        self.now += seconds

    def _break(self, trouble):
        self.store.trouble = trouble

    def seen(self):
        """What can be told from outside, but for the time that things took."""
        keys = sorted(self.store.keys())
        entries = [self.work._opened.face.read(key) for key in keys] if keys else []
        facts = [(e.created, e.expires, e.ttl, e.code, bytes(e.metadata), e.value(), e.raises) for e in entries]
        events = [(type(event).__name__, *filter(is_no_time, event)) for event in self.events]
        totals = [row._replace(seconds=0, first=0, last=0, oldest=0, newest=0) for row in self.cache.stats()]
        return keys, facts, events, totals, self.work.cache_info(), self.cache.flights.flying


def is_no_time(fact):
    return not isinstance(fact, float)


STEPS = st.one_of(
    st.tuples(st.just("call"), st.sampled_from(sorted(DOES)), st.integers(0, 2)),
    st.tuples(st.just("call"), st.sampled_from(["returns", "raises", "calls another"]), st.integers(0, 1)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 5.0])),
    st.tuples(st.just("break"), st.sampled_from(["", "", "open", "publish", "cleared", "close"])),
)


@settings(max_examples=150)
@given(
    steps=st.lists(STEPS, min_size=1, max_size=12),
    ttl=st.sampled_from([None, 5, 1e300]),
    on_error=st.sampled_from(["warn", "raise"]),
    now=st.sampled_from([1_800_000_000.0, -100.0]),
)
def test_both_ways_return_raise_store_and_tell_the_same(tmp_path_factory, steps, ttl, on_error, now):
    folder = tmp_path_factory.mktemp("worlds")
    secret = os.urandom(32)
    quick, plain = (World(folder / name, secret, ttl, on_error, now) for name in ("quick", "plain"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "make_alone", lambda *_: None)
        assert not goes_alone(plain.work)
    assert goes_alone(quick.work)
    for step in steps:
        assert quick.do(*step) == plain.do(*step)
    assert quick.seen() == plain.seen()


def goes_alone(function):
    """Whether the misses of a function go the quick way."""
    return isinstance(getattr(function._bound().runner.missed, "__self__", None), Alone)


@pytest.mark.parametrize("kind", ["directory", "shelve"])
def test_every_store_of_entries_has_the_quick_way(kind, tmp_path):
    assert goes_alone(Cache(local_store(kind, tmp_path)).cached(work, single_flight=False))


@pytest.mark.parametrize(
    "asks",
    [
        {"single_flight": True},
        {"store_if": bool},
        {"store_if": Falsy()},
        {"migrate": {1: never}, "version": 2},
        {"exceptions": ZeroDivisionError},
        {"ttl": 5, "stale_if_error": 5},
        {"ttl": 5, "stale_while_revalidate": 5},
        {"ttl": len},
    ],
    ids=lambda asks: next(iter(asks)) if len(asks) == 1 else list(asks)[1],
)
def test_a_function_that_asks_for_more_goes_the_plain_way(asks, tmp_path):
    assert not goes_alone(Cache(DirectoryStore(tmp_path)).cached(work, **{"single_flight": False, **asks}))


def test_objects_in_memory_go_the_plain_way(tmp_path):
    assert not goes_alone(Cache(local_store("memory", tmp_path)).cached(work, single_flight=False))


def test_a_value_invalidated_by_another_thread_meanwhile_is_not_stored(tmp_path):
    computing, go_on = threading.Event(), threading.Event()

    def slow(number):
        computing.set()
        return go_on.wait(30) and number

    slow = Cache(DirectoryStore(tmp_path)).cached(slow, single_flight=False, version=1)
    results = []
    thread = threading.Thread(target=lambda: results.append(slow(3)))
    thread.start()
    assert computing.wait(30)
    assert goes_alone(slow)
    slow.cache_invalidate(3)
    go_on.set()
    thread.join()
    assert (results, slow.cache_contains(3)) == ([3], False)


def test_arguments_of_a_call_that_raised_are_let_go_of_with_the_exception(tmp_path):
    class Argument:
        pass

    def fails(argument):
        raise ValueError

    fails = Cache(DirectoryStore(tmp_path)).cached(fails, single_flight=False, key=lambda argument: 1, version=1)
    argument = Argument()
    alive = weakref.ref(argument)
    gc.disable()
    try:
        with pytest.raises(ValueError):
            fails(argument)
        del argument
        assert alive() is None
    finally:
        gc.enable()
