"""``@cached``: the decorator for the default cache, or for a store of one's own."""

from __future__ import annotations

from memopickle.config import as_store, cache_of, default_cache, follow
from memopickle.function import CachedFunction, decorate
from memopickle.options import Options
from memopickle.typed import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Coroutine
    from typing import Unpack

    from memopickle.aio.function import AsyncCachedFunction, Decorator
    from memopickle.cache import Cache
    from memopickle.options import OptionValues
    from memopickle.stores.base import Store

__all__ = ["cached"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def cached(
    function: Callable[P, Coroutine[Any, Any, R]],
    /,
    *,
    store: Store | str | os.PathLike[str] | None = None,
    **options: Unpack[OptionValues],
) -> AsyncCachedFunction[P, R]: ...
@overload
def cached(
    function: Callable[P, R], /, *, store: Store | str | os.PathLike[str] | None = None, **options: Unpack[OptionValues]
) -> CachedFunction[P, R]: ...
@overload
def cached(
    function: None = None, /, *, store: Store | str | os.PathLike[str] | None = None, **options: Unpack[OptionValues]
) -> Decorator: ...
def cached(
    function: Any = None, /, *, store: Store | str | os.PathLike[str] | None = None, **options: Unpack[OptionValues]
) -> Any:
    """Decorate a function so that it remembers its results, on disk and across processes unless told otherwise.

    Used bare (``@cached``) or with options (``@cached(ttl="1h")``). Decorating does no I/O; a wrong option is a
    ConfigurationError here and now.

    Args:
        function: a function, ordinary or ``async``, method, ``classmethod`` or ``staticmethod``; no generator.
        store: where results are kept: a store, a store URL, or the path of a directory. None: the default cache.
        options: see below.

    Keyword Args:
        ttl: how long a result may be used: seconds, a timedelta, text such as ``"90s"``, ``"1h30m"``, ``"7d"``, None
            (for ever), or a callable of the result that returns one of these. It is applied when reading, so a
            shorter one takes effect on what is stored; a callable's answer is recorded when storing. 0: nothing is
            stored. Not given: the store's ttl.
        ignore: names of parameters that stay out of the key.
        key: a callable that gets the call's arguments; what it returns is keyed in their place.
        version: an int or str of your own. Results of another version are not used.
        track_code: ``"function"`` (editing the body makes old results stale), ``"deep"`` (also what it uses of the
            project's own modules), ``"off"``.
        depends_on: further functions, classes, values, or Paths of files, whose change makes old results stale.
        single_flight: False to let several calls of one key compute at the same time.
        lock_timeout: how long to wait for another's computation of the same key, in seconds or text; None: as long
            as the one who computes is alive. After it the call computes for itself.
        serializer: ``"pickle"``; ``PickleSerializer(allowed=[...])``, which loads and stores nothing but the listed
            classes; ``"cloudpickle"``, ``"dill"`` or ``"msgpack"`` (extras of these names); ``"json"``; or an object
            with ``name``, ``dumps`` and ``loads``. What json and msgpack would not give back as it is, they do not
            store.
        compress: ``"zlib"``, ``"lzma"``, ``"lz4"`` or ``"zstd"`` (the last two need the extras of these names), or
            None. What would not get smaller is stored as it is. Results stored under another ``compress`` are not
            used. A MemoryStore does not compress.
        migrate: ``{1: f, 2: g}`` with ``version=3``: a result stored under version 1 or 2 is upgraded step by step,
            once, instead of being computed. A step that raises is a miss with a warning.
        store_if: a callable of the result; where it returns false the result is returned and not stored.
        exceptions: classes of exceptions that are stored too, and raised again by later calls, each time a new one
            with its arguments, notes and cause. A value that may still be used is not replaced by one.
        exception_ttl: how long those are raised again, in any form of ttl but a callable; not given: the ttl.
        jitter: 0 to below 1: the part of the ttl, at most, by which an entry expires early; drawn for each entry, so
            that what was stored together does not expire together.
        early_refresh: True, or a factor: now and then, the likelier the nearer the end of the ttl and the longer the
            computation takes, a caller computes a result anew before it expires, so that all need not at once.
        stale_while_revalidate: for how long after its ttl an expired result is returned at once while it is computed
            anew in the background.
        stale_if_error: for how long after its ttl an expired result is returned where the function raises.
        on_error: ``"warn"`` (log once, carry on without the cache) or ``"raise"`` where the cache itself fails.

    """
    checked = Options(**options)
    if store is not None:
        return decorate(function, checked, cache_of(as_store(store)))
    return decorate(function, checked, _default)


def _default(function: CachedFunction[..., Any]) -> Cache:
    follow(function)
    return default_cache()
