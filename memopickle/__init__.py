"""Remember the results of expensive functions: signed, on disk or in memory, across processes."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own would cost more than all else here

if TYPE_CHECKING:
    from memopickle.aio.function import AsyncCachedFunction
    from memopickle.aio.store import AsyncStore
    from memopickle.cache import Cache
    from memopickle.config import configure, default_cache
    from memopickle.counts import CacheInfo
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
    from memopickle.function import CachedFunction
    from memopickle.secret import Secret
    from memopickle.serializers import PickleSerializer
    from memopickle.snapshots import Snapshots
    from memopickle.stores.base import Store
    from memopickle.stores.directory import DirectoryStore
    from memopickle.stores.memory import MemoryStore
    from memopickle.stores.object import ObjectStore
    from memopickle.stores.readonly import ReadOnlyStore
    from memopickle.stores.redis import RedisStore
    from memopickle.stores.shelf import ShelveStore
    from memopickle.stores.tiered import TieredStore
    from memopickle.stores.urls import open_store
    from memopickle.switch import disabled

__version__ = "0.1.0"

__all__ = [
    "AsyncCachedFunction",
    "AsyncStore",
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
    "Snapshots",
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

#: Each name's module, imported when the name is first asked for: what a program does not use it does not pay for.
_LAZY = {
    "AsyncCachedFunction": "memopickle.aio.function",
    "AsyncStore": "memopickle.aio.store",
    "BadEntryError": "memopickle.errors",
    "BadPayloadError": "memopickle.errors",
    "BadSignatureError": "memopickle.errors",
    "Cache": "memopickle.cache",
    "CacheInfo": "memopickle.counts",
    "CachedFunction": "memopickle.function",
    "ConfigurationError": "memopickle.errors",
    "DirectoryStore": "memopickle.stores.directory",
    "LockTimeoutError": "memopickle.errors",
    "MemopickleError": "memopickle.errors",
    "MemoryStore": "memopickle.stores.memory",
    "ObjectStore": "memopickle.stores.object",
    "PickleSerializer": "memopickle.serializers",
    "ReadOnlyStore": "memopickle.stores.readonly",
    "RedisStore": "memopickle.stores.redis",
    "Secret": "memopickle.secret",
    "SecretError": "memopickle.errors",
    "ShelveStore": "memopickle.stores.shelf",
    "Snapshots": "memopickle.snapshots",
    "Store": "memopickle.stores.base",
    "StoreError": "memopickle.errors",
    "TieredStore": "memopickle.stores.tiered",
    "UnkeyableError": "memopickle.errors",
    "UnknownFormatError": "memopickle.errors",
    "cached": "memopickle.decorator",
    "configure": "memopickle.config",
    "default_cache": "memopickle.config",
    "disabled": "memopickle.switch",
    "open_store": "memopickle.stores.urls",
}

#: Modules whose names ``import memopickle`` is enough for.
_MODULES = ("errors", "events", "signed")


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return __import__(f"{__name__}.{name}", fromlist=["*"])  # importlib would be one more module
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(__import__(_LAZY[name], fromlist=[name]), name)
    globals()[name] = found  # asked for once only
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_MODULES})
