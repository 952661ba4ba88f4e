"""Fixtures for tests of code that caches: a cache of the test's own, a clock that stands still, hits and misses.

pytest finds them by itself where memopickle is installed. They are declared in ``_memopickle_pytest``, which imports
this module, and with it the rest of the package, for the first test that asks for one.

==========================  ==========================================================================================
``memopickle_cache``        the default cache, isolated: empty, in a temporary directory, with a secret of its own
``memopickle_isolate``      call it with a ``Cache`` or a cached function to isolate that cache too
``memopickle_clock``        stops the clock of these caches; a :class:`Clock`
``memopickle_calls``        ``expect(function, hits=1, misses=0)``, a context manager; see :class:`Calls`
``memopickle_disabled``     a marker: cached functions are plain calls during the test
==========================  ==========================================================================================

Each of these fixtures isolates the default cache. After the test everything is as it was before.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import pytest

# With the package not installed, but on the path: -p memopickle.pytest_plugin finds the fixtures here.
from _memopickle_pytest import *  # noqa: F403
from memopickle import config, switch
from memopickle.cache import Cache
from memopickle.errors import ConfigurationError
from memopickle.events import Miss, NotStored, Raised
from memopickle.expiry import SECOND, parse_duration
from memopickle.function import BoundCachedFunction, CachedFunction
from memopickle.settings import is_disabled
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.memory import MemoryStore
from memopickle.switch import disabled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta
    from types import TracebackType

    from memopickle.events import Event
    from memopickle.stores.base import Store

    Function = CachedFunction[..., Any]

__all__ = ["Calls", "Clock", "Isolation", "all_disabled"]

#: What of a Cache an isolated one has of its own; namespace, defaults and hooks remain.
_EXCHANGED = ("store", "clock", "_flights", "_background", "bound", "_book", "_signers", "_memos")
_PLURAL = {"hit": "hits", "miss": "misses"}


@contextmanager
def all_disabled() -> Iterator[None]:
    """Make cached functions plain calls, also in processes that are started meanwhile."""
    with pytest.MonkeyPatch.context() as environment, disabled():
        environment.setenv("MEMOPICKLE_DISABLE", "1")
        yield


class Clock:
    """Seconds since the epoch, the same until it is moved. Call it for the time, as ``Cache(clock=...)`` does."""

    def __init__(self, now: float) -> None:
        self.move_to(now)

    def __call__(self) -> float:
        return self.now

    @property
    def now(self) -> float:
        """The time that it shows."""
        return self._now / SECOND

    def __repr__(self) -> str:
        return f"<Clock at {self.now}>"

    def move(self, by: float | str | timedelta) -> None:
        """Move it forward by seconds, a timedelta, or text such as ``"1h30m"``."""
        self._now += parse_duration(by, "by")

    def move_to(self, when: float | datetime) -> None:
        """Move it to seconds since the epoch, or to a datetime; back too."""
        seconds = when if isinstance(when, int | float) else when.timestamp()
        # In whole microseconds, as everywhere: sums of floats would end an entry a little early, or late.
        self._now = round(seconds * SECOND)


class Isolation:
    """The caches that one test has for itself; leaving it, as a context, puts everything back."""

    def __init__(self, new_path: Callable[[], str]) -> None:
        self._new_path = new_path
        self._secret = os.urandom(32).hex()
        self._stack = ExitStack()
        self._isolated: set[Cache] = set()
        self._clock: Clock | None = None
        # The place named here is exchanged before anybody opens it.
        self.default = config._default or config.ProjectsCache(DirectoryStore("isolated"))

    def __enter__(self) -> Self:
        self.isolate(self.default)
        self._stack.enter_context(_as_default(self.default))
        self._stack.enter_context(self._environment())
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def isolate(self, target: Cache | Function) -> Cache:
        """Give a Cache, that of a function, an empty store until the end of the test; return the Cache.

        A MemoryStore is replaced by another one with the same limits, any other store by a temporary directory with
        the same ttl.
        """
        cache = target if isinstance(target, Cache) else _source(target)
        if cache not in self._isolated:
            self._isolated.add(cache)
            self._stack.enter_context(_exchanged(cache, self._parts(cache)))
        return cache

    def stop_clock(self) -> Clock:
        """Stop the clock of all caches that are isolated, or will be."""
        self._clock = self._clock or Clock(time.time())
        return self._clock

    def _parts(self, cache: Cache) -> Cache:
        goes_on = cache.clock

        def clock() -> float:
            return (self._clock or goes_on)()

        return Cache(_empty(cache.store, self._new_path), secret=self._secret, clock=clock)

    @contextmanager
    def _environment(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as environment:
            for name in ("MEMOPICKLE_STORE", "MEMOPICKLE_SECRET_FILE"):
                environment.delenv(name, raising=False)
            environment.setenv("MEMOPICKLE_SECRET", self._secret)
            if isinstance(self.default.store, DirectoryStore):
                environment.setenv("MEMOPICKLE_DIR", self.default.store.path)
            if not switch.off:  # a marked test's environment says so too
                environment.setenv("MEMOPICKLE_DISABLE", "0")
            yield


class Calls:
    """Expectations of what calls come to."""

    def expect(self, function: Function, *, hits: int | None = None, misses: int | None = None) -> _Expectation:
        """Return a context that fails unless its calls of ``function`` are so many hits and misses.

        Args:
            function: a cached function or method, of any cache.
            hits: calls that return a stored result; None: any number.
            misses: calls that run the function, or raise what another's run raised; None: any number.

        Calls of all threads of this process count; those that a process started meanwhile makes don't.

        """
        if hits is None and misses is None:
            raise ConfigurationError("expect() of neither hits nor misses would never fail; give one of them, or both")
        return _Expectation(_cached(function), hits, misses)


class _Expectation:
    def __init__(self, function: Function, hits: int | None, misses: int | None) -> None:
        self._function = function
        self._expected = {"hit": hits, "miss": misses}
        self._told: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._memo = memo = self._function._bound()
        self._before = memo.counts.hits, memo.counts.misses
        self._hook = memo.listener._emit
        memo.listener._emit = self._note
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        __tracebackhide__ = True
        self._memo.listener._emit = self._hook
        if error is None:
            if self._function._opened is not self._memo:
                raise AssertionError(
                    f"{self._memo.name}: its cache was exchanged inside the block; nothing was counted"
                )
            counts = self._memo.counts
            got = {"hit": counts.hits - self._before[0], "miss": counts.misses - self._before[1]}
            if any(wanted not in (None, got[what]) for what, wanted in self._expected.items()):
                raise AssertionError(self._message(got))

    def _note(self, event: Event) -> None:
        if isinstance(event, Miss):
            self._told[f"missed, {event.reason}"] += 1
        elif isinstance(event, NotStored):
            self._told[f"not stored, {event.reason}"] += 1
        elif isinstance(event, Raised):
            self._told[f"raised {event.reason}"] += 1
        if self._hook is not None:
            self._hook(event)

    def _message(self, got: dict[str, int]) -> str:
        wanted = {what: number for what, number in self._expected.items() if number is not None}
        facts = [f"{times}x {what}" for what, times in self._told.items()]
        if switch.off or is_disabled(self._function._function):
            facts.append("caching is disabled")
        told = f" ({'; '.join(facts)})" if facts else ""
        return f"{self._memo.name}: expected {_count(wanted)}, got {_count(got)}{told}"


def _count(numbers: dict[str, int]) -> str:
    return " and ".join(f"{number} {_PLURAL[what] if number != 1 else what}" for what, number in numbers.items())


@contextmanager
def _exchanged(cache: Cache, parts: Cache) -> Iterator[None]:
    """Have a cache work with the parts of another, and all functions that use it begin anew."""
    kept = {name: cache.__dict__[name] for name in _EXCHANGED}
    held = [(function, type(function), _holds(function)) for function in cache.bound]
    _let_go(cache)
    book = parts.book
    cache.__dict__.update((name, parts.__dict__[name]) for name in _EXCHANGED)
    try:
        yield
    finally:
        _let_go(cache)
        book.forget()  # nobody will ever ask for them
        parts.close()
        cache.__dict__.update(kept)
        for function, kind, state in held:
            function.__dict__.update(state)
            function.__class__ = kind


@contextmanager
def _as_default(cache: Cache) -> Iterator[None]:
    """Have a cache be the default one; the code under test may call ``configure()``, which must not last."""
    before = config._default
    config._default = cache
    try:
        yield
    finally:
        if config._default is not None:
            _let_go(config._default)
        config._default = before


def _let_go(cache: Cache) -> None:
    for function in list(cache.bound):
        function._unbind()


def _holds(function: Function) -> dict[str, Any]:
    return {name: function.__dict__[name] for name in ("_memo", "_opened") if name in function.__dict__}


def _empty(store: Store, new_path: Callable[[], str]) -> Store:
    """Return an empty store that does for a test what ``store`` does for the program."""
    if isinstance(store, MemoryStore):
        empty: Store = MemoryStore(store.maxsize, store.max_bytes, copy=store.copy)
    else:
        empty = DirectoryStore(new_path())
    empty.ttl = store.ttl
    return empty


def _cached(function: object) -> Function:
    if isinstance(function, BoundCachedFunction):
        return function._unbound
    if isinstance(function, CachedFunction):
        return function
    raise TypeError(f"{function!r} is not a cached function")


def _source(function: object) -> Cache:
    function = _cached(function)
    source = function._source
    return source if isinstance(source, Cache) else source(function)
