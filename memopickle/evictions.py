"""Telling a cache's hooks what its store evicts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from memopickle.events import Evicted

if TYPE_CHECKING:
    from memopickle.cache import Cache

__all__ = ["tell_evictions"]


def tell_evictions(cache: Cache) -> None:
    """Tell the hooks of a cache of each entry that its store evicts, as long as the cache lives."""
    followed = ref(cache)

    def tell(key: str) -> None:
        cache = followed()
        if cache is not None and cache.emit is not None:
            cache.emit(Evicted(cache.name_of(key), key))

    cache.store.on_eviction(tell)
