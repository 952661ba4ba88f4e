"""The caches that memopickle is compared with. What is not installed is reported as missing."""

from __future__ import annotations

import copy
import functools
import threading
from typing import TYPE_CHECKING, Any

from suite.libraries import LIBRARIES, Library, installed, version

if TYPE_CHECKING:
    from collections.abc import Callable

    Cached = Callable[..., Any]

__all__ = ["DISK", "MEMORY", "SIZE", "cachetools_copying", "disk_peers", "installed", "memory_peers", "versions"]

#: Entries that the memory caches may hold; all of them have a limit, as caches in programs do, but dogpile.cache's.
SIZE = 1000
MEMORY = ("functools.lru_cache", "cachetools with lock", "cachebox", "dogpile.cache")
DISK = ("diskcache", "joblib", "cachier", "checkpointer", "dogpile.cache")


def memory_peers() -> dict[str, Callable[[Cached], Cached]]:
    """Return the decorators that are installed, by name."""
    decorators: dict[str, Callable[[Cached], Cached]] = {"functools.lru_cache": functools.lru_cache(SIZE)}
    if installed("cachetools"):
        import cachetools

        decorators["cachetools with lock"] = cachetools.cached(cachetools.LRUCache(SIZE), lock=threading.Lock())
    if installed("cachebox"):
        import cachebox

        decorators["cachebox"] = cachebox.cached(cachebox.LRUCache(SIZE))
    if installed("dogpile.cache"):
        from dogpile.cache import make_region

        decorators["dogpile.cache"] = make_region().configure("dogpile.cache.memory").cache_on_arguments()
    return decorators


def cachetools_copying(function: Cached) -> Cached:
    """Cache by ``ttl_cache`` and give every caller a copy: how programs protect what they have cached."""
    import cachetools.func

    remembered = cachetools.func.ttl_cache(SIZE)(function)

    def call(*args: Any) -> Any:
        return copy.deepcopy(remembered(*args))

    return call


def disk_peers() -> dict[str, Library]:
    """Return those of DISK that are installed, by name, each in its default configuration."""
    return {name: LIBRARIES[name] for name in DISK if LIBRARIES[name].version()}


def versions() -> dict[str, str]:
    """Return the version of every peer, ``""`` where it is missing."""
    alone = ("memopickle", "blake3", "filelock", "cachetools", "cachebox")
    return {name: version(name) for name in alone} | {name: LIBRARIES[name].version() for name in (*DISK, "cashews")}
