"""The decorated function: a callable, a descriptor, and the ``cache_*`` members."""

from __future__ import annotations

from types import MethodType

from memopickle import switch
from memopickle.binder import check_ignored
from memopickle.counts import CacheInfo
from memopickle.errors import UnavailableError
from memopickle.notices import warn_once
from memopickle.options import Options, Unset
from memopickle.settings import is_disabled
from memopickle.typed import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload
from memopickle.wrapping import check_function, imitate, is_async, named

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from memopickle.cache import Cache
    from memopickle.explain import Explanation
    from memopickle.memo import Memo, StoredResult

    CacheSource: TypeAlias = "Cache | Callable[[CachedFunction[..., Any]], Cache]"

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")

__all__ = ["CachedFunction", "decorate"]


class CachedFunction(Generic[P, R]):
    """A function that remembers its results; made by ``@cached`` and ``Cache.cached``.

    Nothing is opened, read or imported before the first call. Safe between threads and processes.
    """

    __wrapped__: Callable[P, R]
    __name__: str
    __qualname__: str
    #: Made at first use.
    _opened: Memo | None = None
    #: The same, once a call found that caching is not disabled.
    _memo: Memo | None = None
    _is_quick: bool = False  # whether this is the class of one function only, with its quick call

    def __init__(self, function: Callable[P, R], options: Options, cache: CacheSource) -> None:
        #: staticmethod or classmethod where one of them was under the decorator.
        self._kind: type | None = None
        plain: Any = function
        if isinstance(function, staticmethod | classmethod):
            self._kind, plain = type(function), function.__func__
        check_function(plain)
        if not isinstance(options.ignore, Unset):
            check_ignored(plain, options.ignore)
        imitate(self, plain)
        self._function = plain
        self._options = options
        self._source = cache

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        memo = None if switch.off else self._memo or self._ready()
        if memo is None:
            plain: R = self._function(*args, **kwargs)
            return plain
        result: R = memo.call(args, kwargs)
        if memo.is_worth_a_quick_call:
            self._quicken(memo, memo.quick_call())
        return result

    def __repr__(self) -> str:
        return f"<cached {self._function!r}>"

    def __set_name__(self, owner: type, name: str) -> None:
        hook = getattr(self._function, "__set_name__", None)
        if hook is not None:
            hook(owner, name)

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(
        self: CachedFunction[Concatenate[S, Q], T], instance: object, owner: type | None = None
    ) -> CachedFunction[Q, T]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if self._kind is staticmethod:
            return self
        if self._kind is classmethod:
            return BoundCachedFunction(self, owner if owner is not None else type(instance))
        return self if instance is None else BoundCachedFunction(self, instance)

    def __reduce__(self) -> str | tuple[Any, ...]:
        if named(self) is self:
            return self.__qualname__
        function: Any = self._kind(self._function) if self._kind else self._function
        return CachedFunction, (function, self._options, self._source)

    def __memopickle_key__(self) -> Callable[P, R]:
        return self.__wrapped__

    # -- the members of DESIGN section 2; ``_self`` is what a bound method puts in front of the arguments --------

    def cache_info(self) -> CacheInfo:
        """Return hits and misses of this process, and size and limit where the store keeps them."""
        memo = self._opened
        if memo is None:
            return CacheInfo(0, 0, None, None)
        maxsize, currsize = memo.extent()
        return CacheInfo(*memo.counts.since_reset(), maxsize, currsize)

    def cache_parameters(self) -> dict[str, object]:
        """Return the options that were given; changing the dict changes nothing."""
        return dict(self._options.given)

    def cache_clear(self) -> None:
        """Remove every stored result of this function (of a method: for all instances), and reset the counts."""
        memo = self._bound()
        memo.clear()
        memo.counts.reset()

    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the store key of a call."""
        return self._bound().key(args, kwargs)

    def cache_contains(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Tell whether a call would be a hit (if the value can still be loaded)."""
        return self._bound().peek(args, kwargs) is not None

    def cache_peek(self, *args: P.args, **kwargs: P.kwargs) -> StoredResult | None:
        """Return the stored result of a call, or None; never computes, and counts no hit."""
        return self._bound().stored_result(args, kwargs)

    def cache_set(self, value: R, /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Store ``value`` as the result of a call."""
        self._bound().put(value, args, kwargs)

    def cache_invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Remove the stored result of a call, and keep out the one being computed; return whether it was there."""
        return self._bound().invalidate(args, kwargs)

    def cache_explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Explain why a call would hit or miss, and which argument differs from the nearest stored call.

        Prints as a short text. The function is not run.
        """
        from memopickle.explain import explain  # for those who ask

        return explain(self._bound(), args, kwargs)

    def cache_refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute now, whatever is stored, store the result and return it."""
        result: R = self._bound().refresh(args, kwargs)
        return result

    # -- binding to the cache, at first use ----------------------------------------------------------------------

    def _ready(self) -> Memo | None:
        """Return the memo, or None where caching is disabled or there is nothing to cache in: told once."""
        if is_disabled(self._function):
            return None
        try:
            memo = self._memo = self._bound()
        except UnavailableError as error:
            warn_once(("unavailable", str(error)), str(error))
            return self._memo
        if self._opened is not memo:  # unbound in this moment: later calls would go on with the old cache
            self._unbind()
        return memo

    def _bound(self) -> Memo:
        return self._opened or self._bind()

    def _bind(self) -> Memo:
        cache = self._source(self) if callable(self._source) else self._source
        memo = cache.memo(self._function, self._options)
        cache.bind(self)
        # Two threads may both get here; all use the one that comes first. A lock could be left held by a fork.
        first: Memo = self.__dict__.setdefault("_opened", memo)
        if not callable(self._source) or self._source(self) is cache:
            return first
        self._unbind()  # the default cache was configured anew in this moment
        return self._bind()

    def _unbind(self) -> None:
        """Forget the cache: the default one was configured anew."""
        for name in ("_opened", "_memo", "_tasks"):  # in the order in which they are made, and looked at after that
            self.__dict__.pop(name, None)
        self._be_plain()

    def _quicken(self, memo: Memo, call: Callable[..., Any] | None) -> None:
        """Answer hits of plain arguments by a function made for this signature from now on."""
        memo.is_worth_a_quick_call = False
        plain = self._plain_class()
        if call is None or type(self) is not plain:
            return
        # Python looks for __call__ in the class only: the one way that has no second call in it.
        own = {"__slots__": (), "__module__": plain.__module__, "_is_quick": True, "__call__": staticmethod(call)}
        self.__class__ = type(plain.__name__, (plain,), own)
        if self._memo is not memo:  # unbound in this moment: the quick call would go on with the old cache
            self._be_plain()

    def _be_plain(self) -> None:
        if self._is_quick:
            self.__class__ = self._plain_class()

    @staticmethod
    def _plain_class() -> Any:
        """Return the class without a quick way; a subclass of it gets none."""
        return CachedFunction


class BoundCachedFunction(CachedFunction[P, R]):
    """A cached method seen through an instance (or a class): the instance comes first in every call."""

    def __init__(self, unbound: CachedFunction[..., R], instance: object) -> None:
        self._unbound = unbound
        self.__self__ = instance

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._unbound(self.__self__, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_unbound"], name)

    def __repr__(self) -> str:
        return f"<bound {self._unbound!r} of {self.__self__!r}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundCachedFunction):
            return NotImplemented
        return self._unbound is other._unbound and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self._unbound), id(self.__self__)))

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.__self__, self._unbound.__name__)

    def __memopickle_key__(self) -> Callable[P, R]:
        return self.__wrapped__

    @property
    def __wrapped__(self) -> Callable[P, R]:  # type: ignore[override]
        return MethodType(self._unbound._function, self.__self__)

    def cache_info(self) -> CacheInfo:
        return self._unbound.cache_info()

    def cache_parameters(self) -> dict[str, object]:
        return self._unbound.cache_parameters()

    def cache_clear(self) -> None:
        self._unbound.cache_clear()

    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        return self._unbound.cache_key(self.__self__, *args, **kwargs)

    def cache_contains(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        return self._unbound.cache_contains(self.__self__, *args, **kwargs)

    def cache_peek(self, *args: P.args, **kwargs: P.kwargs) -> StoredResult | None:
        return self._unbound.cache_peek(self.__self__, *args, **kwargs)

    def cache_set(self, value: R, /, *args: P.args, **kwargs: P.kwargs) -> None:
        self._unbound.cache_set(value, self.__self__, *args, **kwargs)

    def cache_invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        return self._unbound.cache_invalidate(self.__self__, *args, **kwargs)

    def cache_explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        return self._unbound.cache_explain(self.__self__, *args, **kwargs)

    def cache_refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._unbound.cache_refresh(self.__self__, *args, **kwargs)


def decorate(function: Any, options: Options, cache: CacheSource) -> Any:
    """Return the cached function, or a decorator where none was given yet."""
    if function is None:
        return lambda function: decorate(function, options, cache)
    if is_async(function):
        from memopickle.aio.function import AsyncCachedFunction  # one layer above this one

        return AsyncCachedFunction(function, options, cache)
    return CachedFunction(function, options, cache)
