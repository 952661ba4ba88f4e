"""Remember the results of expensive functions: signed, on disk or in memory, across processes."""

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

__version__ = "0.1.0"

__all__ = [
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
    "PickleSerializer",
    "Secret",
    "SecretError",
    "ShelveStore",
    "Store",
    "StoreError",
    "UnkeyableError",
    "UnknownFormatError",
    "cached",
    "configure",
    "default_cache",
    "disabled",
    "open_store",
]
