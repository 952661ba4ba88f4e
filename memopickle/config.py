"""The default cache, and what the environment and the project's settings file say about it."""

from __future__ import annotations

import os
from _weakrefset import WeakSet  # as in forking

from memopickle import settings as settings_file
from memopickle.cache import Cache
from memopickle.errors import ConfigurationError, StoreError, UnavailableError
from memopickle.forking import Guard
from memopickle.stores.base import Store
from memopickle.stores.directory import DirectoryStore
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from weakref import WeakValueDictionary

    from memopickle.function import CachedFunction
    from memopickle.projecttable import ProjectTable

__all__ = ["as_store", "cache_of", "configure", "default_cache", "follow"]

_guard = Guard()  # of everything below
_default: Cache | None = None
_followers: WeakSet[CachedFunction[..., Any]] = WeakSet()
#: By the id of the store, which the cache keeps alive.
_by_store: WeakValueDictionary[int, Cache] | None = None


class ProjectsCache(Cache):
    """A cache that many projects share: each function's namespace is the folder its package was imported from."""

    def _namespace_of(self, function: Callable[..., Any]) -> str:
        from memopickle.code.origin import source_root  # what reads code is needed at a first call only

        return source_root(function)

    def _prefix(self) -> str:
        return ""


def default_cache() -> Cache:
    """Return the cache of functions decorated without a store, made when first asked for.

    Its place: ``MEMOPICKLE_STORE`` (a store URL), ``MEMOPICKLE_DIR`` (a directory), ``store`` or ``dir`` of the
    project's settings file, else this user's cache directory. All projects share it; each function's namespace is the
    folder its package was imported from.
    """
    global _default  # noqa: PLW0603
    with _guard:
        if _default is None:
            _default = ProjectsCache(_default_store())
        return _default


def configure(store: Store | str | os.PathLike[str] | None = None, **settings: Any) -> Cache:
    """Replace the default cache and return the new one.

    Args:
        store: a store, a store URL or the path of a directory; None for the usual place.
        settings: ``secret``, ``on_event``, ``clock`` and defaults for options, as of :class:`Cache`; with
            ``namespace`` all functions share that one, in place of one for each project.

    Functions decorated before use the new cache from their next call on; what the old one holds stays there. The
    project's settings file is read anew.

    """
    global _default  # noqa: PLW0603
    settings_file.reread()
    kind = Cache if "namespace" in settings else ProjectsCache
    chosen = kind(_default_store() if store is None else as_store(store), **settings)
    with _guard:
        _default = chosen
        for function in list(_followers):
            function._unbind()
    return chosen


def follow(function: CachedFunction[..., Any]) -> None:
    """Let a function that uses the default cache move along when that is configured anew."""
    with _guard:
        _followers.add(function)


def as_store(store: Store | str | os.PathLike[str]) -> Store:
    """Return the store meant by a store, a store URL or the path of a directory."""
    if isinstance(store, Store):
        return store
    if isinstance(store, str) and ":" in store.replace(":\\", ""):
        return _by_url(store)
    return DirectoryStore(store)


def cache_of(store: Store) -> Cache:
    """Return the cache of a store given to ``cached(store=...)``: one for all functions that name this object."""
    global _by_store  # noqa: PLW0603
    from weakref import WeakValueDictionary  # where a store is given

    with _guard:
        if _by_store is None:
            _by_store = WeakValueDictionary()
        cache = _by_store.get(id(store))
        if cache is None:
            cache = _by_store[id(store)] = Cache(store)
        return cache


class _UserDirectory(DirectoryStore):
    """The place that we chose: where it can't be had, functions run uncached, and one warning says so."""

    def open(self) -> None:
        try:
            super().open()
        except StoreError as error:
            raise UnavailableError(
                f"{error}. Set MEMOPICKLE_DIR to a directory of yours; until then nothing is cached"
            ) from error


def _default_store() -> Store:
    if url := os.environ.get("MEMOPICKLE_STORE"):
        return _by_url(url)
    if path := os.environ.get("MEMOPICKLE_DIR"):
        return DirectoryStore(path)
    return _project_store() or _users_store()


def _by_url(url: str) -> Store:
    from memopickle.stores.urls import open_store  # where a URL is configured

    return open_store(url)


def _project_store() -> Store | None:
    table = settings_file.project_table()
    if table is None:
        return None
    try:
        return _named_store(table)
    except ConfigurationError as error:
        raise ConfigurationError(f"{table.where('store' if table.store else 'dir')}: {error}") from None


def _named_store(table: ProjectTable) -> Store | None:
    if table.store:
        return _by_url(table.store)
    return DirectoryStore(table.dir) if table.dir else None


def _users_store() -> Store:
    import platformdirs  # 16 ms, only where no place is configured

    path = platformdirs.user_cache_dir("memopickle", appauthor=False)
    if not os.path.isabs(path):
        raise UnavailableError("this user has no home directory; set MEMOPICKLE_DIR. Until then nothing is cached")
    return _UserDirectory(path, max_bytes="1GiB")
