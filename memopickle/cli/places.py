"""The STORE that a command works on: looked at before anything else, and never made by looking."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import click

from memopickle.cache import Cache
from memopickle.config import ProjectsCache, as_store, default_cache
from memopickle.errors import ConfigurationError, StoreError
from memopickle.folders import scan
from memopickle.storekey import namespace_part
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.layout import ASIDE, FUNCTION
from memopickle.stores.memory import MemoryStore
from memopickle.stores.readonly import ReadOnlyStore
from memopickle.stores.shelf import ShelveStore

if TYPE_CHECKING:
    from memopickle.cli.filters import Decorator
    from memopickle.stores.base import Store

__all__ = ["Place", "check", "name_of", "namespace_option", "open_place", "store_argument"]

_TAG = "CACHEDIR.TAG"

store_argument: Decorator = click.argument("store", required=False)
namespace_option: Decorator = click.option(
    "--namespace", metavar="NAME", help="Only what caches of this namespace stored.  [default: all]"
)


class Place(NamedTuple):
    """A cache to look at, what to call its store in messages, and whether anything is there yet."""

    cache: Cache
    name: str
    exists: bool
    #: What the keys of the chosen namespaces begin with.
    prefix: str = ""

    @property
    def store(self) -> Store:
        """Where the entries are."""
        return self.cache.store

    @property
    def emptiness(self) -> str:
        """What to say where there is no entry."""
        return f"No entries in {self.name}." if self.exists else f"No cache yet at {self.name}."


def open_place(store: str | None, namespace: str | None = None, missing_ok: bool = False) -> Place:
    """Return the cache in a store (None: the default one), over all its namespaces or over one.

    A store that was named and is not there is a StoreError; the default one, which the first stored result makes, is
    then empty. Nothing is created. A directory that holds something else is a StoreError as well.
    """
    chosen = default_cache().store if store is None else as_store(store)
    name = name_of(chosen)
    exists = check(chosen)
    if not exists and store is not None and not missing_ok:
        raise StoreError(f"there is no cache at {name}; check the spelling, or leave it out for the default cache")
    # Opening a shelf or a server to see that it is empty would make it.
    seen = chosen if exists else MemoryStore()
    if namespace is None:
        return Place(ProjectsCache(seen), name, exists)
    return Place(Cache(seen, namespace=namespace), name, exists, namespace_part(namespace))


def name_of(store: Store) -> str:
    """Return what to call a store: its path, or a form without credentials."""
    return str(getattr(store, "path", "")) or repr(store)


def check(store: Store) -> bool:
    """Tell whether a store is there; StoreError if it can't be used or is something else."""
    if isinstance(store, MemoryStore):
        raise ConfigurationError(
            "memory: is a store within a process, which another process cannot look into; "
            "give a directory, or another URL"
        )
    if isinstance(store, ReadOnlyStore):
        return check(store.store)
    if isinstance(store, DirectoryStore):
        return _check_directory(store)
    if isinstance(store, ShelveStore) and not _shelf_exists(store.path):
        return False
    store.open()
    return True


def _check_directory(store: DirectoryStore) -> bool:
    if not os.path.lexists(store.path):
        return False
    if os.path.isfile(store.path):
        raise StoreError(f"{store.path} is a file; if it is a shelf, write shelve:{store.path}")
    store.open()
    if not _is_ours(store.path):
        raise StoreError(
            f"{store.path} is not a cache of memopickle: it holds other files, and neither an entry nor our {_TAG}; "
            "check the spelling"
        )
    return True


def _is_ours(path: str) -> bool:
    names = [entry.name for entry in scan(path)]
    return not names or any(FUNCTION.fullmatch(name) or ASIDE.fullmatch(name) for name in names) or _is_tagged(path)


def _is_tagged(path: str) -> bool:
    try:
        with open(os.path.join(path, _TAG), encoding="utf-8", errors="replace") as file:
            return "memopickle" in file.read(1000)
    except OSError:
        return False


def _shelf_exists(path: str) -> bool:
    import dbm

    try:
        return dbm.whichdb(path) is not None
    except OSError:
        return True  # opening it will say why not
