"""What a fixture is called with: a cached function or method, of whichever cache."""

from __future__ import annotations

from typing import Any

from memopickle.cache import Cache
from memopickle.function import BoundCachedFunction, CachedFunction

__all__ = ["Function", "cache_of", "function_of"]

Function = CachedFunction[..., Any]


def function_of(function: object) -> Function:
    """Return a cached function itself, also of one that is seen through an instance; TypeError for others."""
    if isinstance(function, BoundCachedFunction):
        return function._unbound
    if isinstance(function, CachedFunction):
        return function
    raise TypeError(f"{function!r} is not a cached function")


def cache_of(function: object) -> Cache:
    """Return the cache that a cached function belongs to."""
    found = function_of(function)
    source = found._source
    return source if isinstance(source, Cache) else source(found)
