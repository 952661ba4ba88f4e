"""One function in one cache: from a call to its key, its stored value, or a run of the function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.counts import Counts
from memopickle.entry import CODE_SIZE
from memopickle.errors import BadEntryError
from memopickle.expiry import NEVER, SECOND
from memopickle.keeper import Keeper
from memopickle.lookup import MISS, MISSING, Lookup
from memopickle.options import Unset
from memopickle.runner import Call, Runner
from memopickle.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.cache import Cache
    from memopickle.callkey import CallKeys
    from memopickle.faces import Face, Found
    from memopickle.fingerprint import Fingerprint
    from memopickle.options import Options

__all__ = ["Memo", "StoredResult"]


class StoredResult(NamedTuple):
    """An entry, as ``cache_peek`` returns it."""

    value: Any
    #: The store key.
    key: str
    #: When it was stored, seconds since the epoch.
    created: float
    #: When it expires by the ttl it was stored under, seconds since the epoch; None for never.
    expires: float | None
    #: The seconds that computing it took.
    cost: float


class Memo:
    """One function in one cache: built at the first call, shared by all threads."""

    def __init__(
        self,
        function: Callable[..., Any],
        identity: Fingerprint,
        options: Options,
        cache: Cache,
        keys: CallKeys,
        face: Face,
    ) -> None:
        self.function = function
        self.options = options
        self.keys = keys
        self.name = identity.name
        self.counts = Counts()
        self.clock = cache.clock
        self.store = cache.store
        self.face = face
        self._flights = cache.flights
        trouble = Trouble(self.name, cache.store, options.on_error)
        #: In microseconds, None for ever, or the user's callable of the result.
        self.ttl = cache.store.ttl if isinstance(options.ttl, Unset) else options.ttl
        code = identity.code[:CODE_SIZE] if options.track_code != "off" else None
        self.lookup = Lookup(self.name, cache, face, self.ttl, code, trouble)
        keeper = Keeper(self.name, cache, face, self.ttl, code or bytes(CODE_SIZE), trouble)
        self.runner = Runner(function, self.name, options, cache, self.lookup, keeper, trouble, self.counts)

    # -- the call ------------------------------------------------------------------------------------------------

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the stored result of this call, or compute and store it."""
        try:
            values = self.keys.bind(*args, **kwargs)
        except TypeError:
            return self.function(*args, **kwargs)  # a wrong call: the function itself says so best
        if self.ttl == 0:
            return self._plain(args, kwargs)
        if self.keys.by is not None:
            values = (self.keys.by(*args, **kwargs),)
        key = self.keys.key(values)
        value = self.lookup.value(key, MISS)
        if value is not MISSING:
            self.counts.hits += 1
            return value
        return self.runner.missed(Call(key, args, kwargs, self.keys.describe(values)))

    def _plain(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.counts.misses += 1
        return self.function(*args, **kwargs)

    # -- by hand -------------------------------------------------------------------------------------------------

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Return the store key of a call; TypeError if the call is wrong."""
        return self.keys.key(self.keys.values(args, kwargs))

    def peek(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Found] | None:
        """Return key and entry of a call if there is one that may be used; counts nothing, computes nothing."""
        key = self.key(args, kwargs)
        found = self.lookup.entry(key)
        return None if found is None else (key, found)

    def put(self, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Store a value as the result of a call."""
        self.runner.put(value, self._call(args, kwargs))

    def invalidate(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Remove the entry of a call; return whether it was there."""
        key = self.key(args, kwargs)
        self._flights.drop(key)
        return self.store.delete(key)

    def refresh(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute and store now, whatever is stored."""
        return self.runner.refresh(self._call(args, kwargs))

    def stored_result(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StoredResult | None:
        """Return what is stored for a call, loaded, or None."""
        peeked = self.peek(args, kwargs)
        if peeked is None:
            return None
        key, found = peeked
        try:
            value = found.value()
        except BadEntryError as error:
            self.lookup.refused(key, error)
            return None
        expires = None if found.expires == NEVER else found.expires / SECOND
        return StoredResult(value, key, found.created / SECOND, expires, found.cost / 1e9)

    def clear(self) -> int:
        """Remove every entry of this function, and keep out what is being computed; return how many."""
        # Flights first: a value published before the drop is removed by the clear, one after it isn't published.
        self._flights.drop(self.keys.prefix)
        return self.store.clear(self.keys.prefix)

    def extent(self) -> tuple[int | None, int | None]:
        """Return the limit and the present number of this function's entries, where the store is memory."""
        return self.store.extent(self.keys.prefix)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        values = self.keys.values(args, kwargs)
        return Call(self.keys.key(values), args, kwargs, self.keys.describe(values))
