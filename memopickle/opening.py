"""Making the memo of a function, at its first call: open the store, read the function, find the secret."""

from __future__ import annotations

from functools import partial

from memopickle.callkey import CallKeys
from memopickle.faces import Face, MappedFace, ObjectFace, SignedFace
from memopickle.fingerprint import fingerprint
from memopickle.formats import open_serializer
from memopickle.memo import Memo
from memopickle.notices import warn_once
from memopickle.stores.base import Wrapper
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.memory import MemoryStore
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.cache import Cache
    from memopickle.options import Options
    from memopickle.serializers import ResultSerializer
    from memopickle.stores.base import Store

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
    serializer = open_serializer(options.serializer)
    keys = CallKeys(function, identity, options, namespace, _encoding(serializer, options.compress))
    face = _face(cache.store, cache, namespace, serializer, options.compress)
    return Memo(function, identity, options, cache, keys, face)


def _encoding(serializer: ResultSerializer, compress: str | None) -> str:
    """Return what names the form of a result in its key: results in two forms never meet."""
    return f"{serializer.form}+{compress}" if compress else serializer.form


def _face(store: Store, cache: Cache, namespace: str, serializer: ResultSerializer, compress: str | None) -> Face:
    if isinstance(store, MemoryStore):
        return ObjectFace(store, serializer)
    codec = cache.codec(namespace, serializer, compress)
    if isinstance(store, Wrapper):
        from memopickle.tieredface import wrapper_face  # 10 ms with all that it imports, for those who wrap

        inner = partial(_face, cache=cache, namespace=namespace, serializer=serializer, compress=compress)
        return wrapper_face(store, codec, cache.clock, inner, serializer)
    if isinstance(store, DirectoryStore) and store.mmap:
        return MappedFace(store, codec)
    return SignedFace(store, codec)
