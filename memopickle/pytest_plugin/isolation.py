"""Caches that one test has for itself, or none at all; whatever it does, everything is as before when it ends."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import pytest

from memopickle import config, switch
from memopickle.cache import Cache
from memopickle.pytest_plugin.clock import Clock
from memopickle.pytest_plugin.targets import cache_of
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.memory import MemoryStore
from memopickle.switch import disabled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memopickle.pytest_plugin.targets import Function
    from memopickle.stores.base import Store

__all__ = ["Isolation", "all_disabled"]

#: What of a Cache an isolated one has of its own; namespace, defaults and hooks remain.
_EXCHANGED = ("store", "clock", "_flights", "_background", "_bound", "_book", "_signers", "_memos")


@contextmanager
def all_disabled() -> Iterator[None]:
    """Make cached functions plain calls, also in processes that are started meanwhile."""
    with pytest.MonkeyPatch.context() as environment, disabled():
        environment.setenv("MEMOPICKLE_DISABLE", "1")
        yield


class Isolation:
    """The caches that one test has for itself; leaving it, as a context, puts everything back."""

    def __init__(self, new_path: Callable[[], str]) -> None:
        self._new_path = new_path
        self._secret = os.urandom(32).hex()
        self._stack = ExitStack()
        self._isolated: set[Cache] = set()
        self._clock: Clock | None = None
        # The place named here is exchanged before anybody opens it.
        self.default: Cache = config._default or config.ProjectsCache(DirectoryStore("isolated"))

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
        cache = target if isinstance(target, Cache) else cache_of(target)
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


@contextmanager
def _exchanged(cache: Cache, parts: Cache) -> Iterator[None]:
    """Have a cache work with the parts of another, and all functions that use it begin anew."""
    kept = {name: cache.__dict__[name] for name in _EXCHANGED}
    held = [(function, type(function), _holds(function)) for function in cache.bound()]
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
    for function in cache.bound():
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
