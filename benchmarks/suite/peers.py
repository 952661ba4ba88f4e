"""The caches that memopickle is compared with. What is not installed is reported as missing."""

from __future__ import annotations

import copy
import functools
import importlib.util
import threading
from typing import TYPE_CHECKING, Any

import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    Cached = Callable[..., Any]

__all__ = ["DISK", "MEMORY", "SIZE", "cachetools_copying", "disk_peers", "installed", "memory_peers", "versions"]

#: Entries that the memory caches may hold; all of them have a limit, as caches in programs do.
SIZE = 1000
MEMORY = ("functools.lru_cache", "cachetools with lock", "cachebox")
DISK = ("diskcache", "joblib", "cachier", "checkpointer")


def installed(package: str) -> bool:
    """Tell whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


def memory_peers() -> dict[str, Callable[[Cached], Cached]]:
    """Return the decorators that are installed, by name."""
    decorators: dict[str, Callable[[Cached], Cached]] = {"functools.lru_cache": functools.lru_cache(SIZE)}
    if installed("cachetools"):
        import cachetools

        decorators["cachetools with lock"] = cachetools.cached(cachetools.LRUCache(SIZE), lock=threading.Lock())
    if installed("cachebox"):
        import cachebox

        decorators["cachebox"] = cachebox.cached(cachebox.LRUCache(SIZE))
    return decorators


def cachetools_copying(function: Cached) -> Cached:
    """Cache by ``ttl_cache`` and give every caller a copy: how programs protect what they have cached."""
    import cachetools.func

    remembered = cachetools.func.ttl_cache(SIZE)(function)

    def call(*args: Any) -> Any:
        return copy.deepcopy(remembered(*args))

    return call


def disk_peers() -> dict[str, faults.Peer]:
    """Return those of DISK that are installed, by name, each in its default configuration."""
    return {name: faults.PEERS[name] for name in DISK if faults.PEERS[name].version()}


def versions() -> dict[str, str]:
    """Return the version of every peer, ``""`` where it is missing."""
    import importlib.metadata

    names = ("memopickle", "blake3", "filelock", "cachetools", "cachebox", *DISK)
    return {name: importlib.metadata.version(name) if installed(name) else "" for name in names}
