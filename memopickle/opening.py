"""Making the memo of a function, at its first call: open the store, read the function, find the secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memopickle.callkey import CallKeys
from memopickle.faces import Face, ObjectFace, SignedFace
from memopickle.fingerprint import fingerprint
from memopickle.memo import Memo
from memopickle.notices import warn_once
from memopickle.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.cache import Cache
    from memopickle.options import Options
    from memopickle.serializers import PickleSerializer

__all__ = ["open_memo"]


def open_memo(cache: Cache, function: Callable[..., Any], options: Options, namespace: str) -> Memo:
    """Return the memo of a function in a cache; its code and its captured values are read now.

    Raises StoreError, SecretError, UnavailableError, ConfigurationError: what a user named must be usable.
    """
    cache.store.open()
    identity = fingerprint(
        function,
        track_code=options.track_code,
        depends_on=options.depends_on,
        warn=lambda message: warn_once(("captured", message), message),
    )
    keys = CallKeys(function, identity, options, namespace, options.serializer.name)
    return Memo(function, identity, options, cache, keys, _face(cache, namespace, options.serializer))


def _face(cache: Cache, namespace: str, serializer: PickleSerializer) -> Face:
    if isinstance(cache.store, MemoryStore):
        return ObjectFace(cache.store)
    return SignedFace(cache.store, cache.codec(namespace, serializer))
