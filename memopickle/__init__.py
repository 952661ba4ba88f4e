"""Remember the results of expensive functions: signed, on disk or in memory, across processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.cache import Cache
from memopickle.config import configure, default_cache
from memopickle.decorator import cached
from memopickle.errors import (
    BadEntryError,
    BadPayloadError,
    BadSignatureError,
    ConfigurationError,
    LockTimeoutError,
    MemopickleError,
    SecretError,
    StoreError,
    UnkeyableError,
    UnknownFormatError,
)
from memopickle.function import CachedFunction, CacheInfo
from memopickle.secret import Secret
from memopickle.serializers import PickleSerializer
from memopickle.stores.base import Store
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.memory import MemoryStore
from memopickle.stores.shelf import ShelveStore
from memopickle.stores.urls import open_store
from memopickle.switch import disabled

if TYPE_CHECKING:
    from memopickle.aio.function import AsyncCachedFunction
    from memopickle.stores.object import ObjectStore
    from memopickle.stores.readonly import ReadOnlyStore
    from memopickle.stores.redis import RedisStore
    from memopickle.stores.tiered import TieredStore

__version__ = "0.1.0"

__all__ = [
    "AsyncCachedFunction",
    "BadEntryError",
    "BadPayloadError",
    "BadSignatureError",
    "Cache",
    "CacheInfo",
    "CachedFunction",
    "ConfigurationError",
    "DirectoryStore",
    "LockTimeoutError",
    "MemopickleError",
    "MemoryStore",
    "ObjectStore",
    "PickleSerializer",
    "ReadOnlyStore",
    "RedisStore",
    "Secret",
    "SecretError",
    "ShelveStore",
    "Store",
    "StoreError",
    "TieredStore",
    "UnkeyableError",
    "UnknownFormatError",
    "cached",
    "configure",
    "default_cache",
    "disabled",
    "open_store",
]

#: Names whose modules most programs never need: imported when first asked for.
_LAZY = {
    "AsyncCachedFunction": "memopickle.aio.function",
    "ObjectStore": "memopickle.stores.object",
    "ReadOnlyStore": "memopickle.stores.readonly",
    "RedisStore": "memopickle.stores.redis",
    "TieredStore": "memopickle.stores.tiered",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_LAZY[name]), name)
    globals()[name] = found  # asked for once only
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
