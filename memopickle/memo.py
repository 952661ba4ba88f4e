"""The path of a call: key -> look up -> fresh? -> return; or single flight -> look again -> compute -> store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.entry import CODE_SIZE
from memopickle.errors import BadEntryError
from memopickle.events import BadEntry, Hit, LockWait, Miss
from memopickle.expiry import NEVER, SECOND, is_fresh, microseconds
from memopickle.flight import Flight, longest_wait, twin
from memopickle.keeper import Computed, Keeper
from memopickle.locks import NoLock, real_clock, take
from memopickle.options import Unset
from memopickle.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.cache import Cache
    from memopickle.callkey import CallKeys
    from memopickle.faces import Face, Found
    from memopickle.fingerprint import Fingerprint
    from memopickle.options import Options

__all__ = ["MISSING", "Memo", "StoredResult"]

MISS, QUIET = True, False

#: Stands for "no value", since None is one.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<missing>", "__slots__": ()})()


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


class _Call(NamedTuple):
    """One call that missed."""

    key: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    metadata: dict[str, Any]


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
        #: Calls of this process that returned a stored result, and that ran the function.
        self.hits = 0
        self.misses = 0
        self.clock = cache.clock
        self._cache = cache
        self.store = cache.store
        self.face = face
        self._read = face.read
        self._flights = cache.flights
        self._trouble = Trouble(self.name, cache.store, options.on_error)
        #: In microseconds, None for ever, or the user's callable of the result.
        self.ttl = cache.store.ttl if isinstance(options.ttl, Unset) else options.ttl
        self._tracked = options.track_code != "off"
        self._code = identity.code[:CODE_SIZE] if self._tracked else bytes(CODE_SIZE)
        self._keeper = Keeper(self.name, cache, face, self.ttl, self._code, self._trouble)

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
        value = self._look(key, MISS)
        if value is not MISSING:
            self.hits += 1
            return value
        return self._miss(_Call(key, args, kwargs, self.keys.describe(values)))

    def _plain(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.misses += 1
        return self.function(*args, **kwargs)

    # -- looking up ----------------------------------------------------------------------------------------------

    def _look(self, key: str, tell: bool) -> Any:
        """Return the stored value if there is one that may be used, else MISSING; ``tell`` emits the miss."""
        reason = "absent"
        try:
            found = self._read(key)
            if found is not None:
                reason = self.stale(found)
                if not reason:
                    return self._hit(key, found)
        except BadEntryError as error:
            reason = "bad entry"
            if tell:  # the second look would only repeat it
                self._refused(key, error)
        except Exception as error:  # noqa: BLE001  whatever a store does, the function's result reaches the caller
            reason = "store error"
            if tell:
                self._trouble.unreadable(key, error)
        if tell and self._cache.emit:
            self._cache.emit(Miss(self.name, key, reason))
        return MISSING

    def _hit(self, key: str, found: Found) -> Any:
        value = found.value()
        if self._cache.emit:
            age = (microseconds(self.clock) - found.created) / SECOND
            self._cache.emit(Hit(self.name, key, max(age, 0.0), found.cost / 1e9))
        return value

    def stale(self, found: Found) -> str:
        """Return why an entry may not be used, ``""`` if it may."""
        if found.code != self._code and self._tracked:
            return "code changed"
        now = microseconds(self.clock)
        # The ttl of today decides; only what a callable said of this very result is taken from the entry.
        ttl = found.expires - found.created if callable(self.ttl) else self.ttl
        if is_fresh(found.created, ttl, now):
            return ""
        return "future" if found.created > now else "expired"

    def _refused(self, key: str, error: BadEntryError) -> None:
        if self._cache.emit:
            self._cache.emit(BadEntry(self.name, key, self._trouble.place(key), error.message))
        self._trouble.unreadable(key, error)

    # -- computing -----------------------------------------------------------------------------------------------

    def _miss(self, call: _Call) -> Any:
        return self._fly(call, self.options.single_flight and not self._flights.is_mine(call.key))

    def _fly(self, call: _Call, joinable: bool) -> Any:
        mine = flight = Flight(call.key, self._flights)
        error: Exception | None = None
        try:
            flight = self._flights.launch(mine, joinable)
            if flight is not mine:
                return self._follow(flight, call)
            return self._lead(mine, call) if joinable else self._compute(mine, call)
        except Exception as raised:
            error = raised
            raise
        finally:
            mine.end(error)
            del mine, flight, error  # with the traceback they would make a cycle that keeps the arguments alive

    def _lead(self, flight: Flight, call: _Call) -> Any:
        self._take_lock(flight)
        # The second look: between the first and the lock another process may have stored it.
        value = self._look(call.key, QUIET)
        if value is not MISSING:
            self.hits += 1
            return value
        if flight.lock.handed_over:
            # Its last holder ended without storing. All who waited now compute, not one behind the other.
            flight.lock.release()
            flight.lock = NoLock()
        return self._compute(flight, call)

    def _follow(self, flight: Flight, call: _Call) -> Any:
        started = real_clock()
        ended = flight.wait(longest_wait(self.options.lock_timeout))
        self._waited(call.key, started, ended)
        error = twin(flight.error) if flight.error is not None else None
        if error is not None:
            self.misses += 1
            raise error
        value = self._look(call.key, QUIET)
        if value is not MISSING:
            self.hits += 1
            return value
        return self._fly(call, joinable=False)

    def _take_lock(self, flight: Flight) -> None:
        started = real_clock()
        try:
            lock, ours = take(self.store.lock, flight.key, longest_wait(self.options.lock_timeout))
        except Exception as error:  # noqa: BLE001  without a lock the work may be done twice, but it is done
            self._trouble.unlockable(flight.key, error)
            return
        if ours:
            flight.lock = lock
        if lock.waited:
            self._waited(flight.key, started, ours)

    def _waited(self, key: str, started: float, ended: bool) -> None:
        if self._cache.emit:
            self._cache.emit(LockWait(self.name, key, real_clock() - started, ended))

    def _compute(self, flight: Flight, call: _Call) -> Any:
        self.misses += 1
        flight.writer = self._keeper.open(call.key)
        started = real_clock()
        value = self.function(*call.args, **call.kwargs)
        cost = round((real_clock() - started) * 1e9)
        self._keeper.keep(Computed(value, cost, call.metadata), flight)
        return value

    # -- by hand -------------------------------------------------------------------------------------------------

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Return the store key of a call; TypeError if the call is wrong."""
        return self.keys.key(self.keys.values(args, kwargs))

    def peek(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Found] | None:
        """Return key and entry of a call if there is one that may be used; counts nothing, computes nothing."""
        key = self.key(args, kwargs)
        try:
            found = self._read(key)
            return None if found is None or self.stale(found) else (key, found)
        except BadEntryError as error:
            self._refused(key, error)
        except Exception as error:  # noqa: BLE001
            self._trouble.unreadable(key, error)
        return None

    def put(self, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Store a value as the result of a call."""
        call = self._call(args, kwargs)
        flight = Flight(call.key, self._flights)
        try:
            self._flights.launch(flight, joinable=False)
            flight.writer = self._keeper.open(call.key)
            self._keeper.keep(Computed(value, 0, call.metadata), flight)
        finally:
            flight.end()

    def invalidate(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Remove the entry of a call; return whether it was there."""
        key = self.key(args, kwargs)
        self._flights.drop(key)
        return self.store.delete(key)

    def refresh(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute and store now, whatever is stored."""
        return self._fly(self._call(args, kwargs), joinable=False)

    def stored_result(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StoredResult | None:
        """Return what is stored for a call, loaded, or None."""
        peeked = self.peek(args, kwargs)
        if peeked is None:
            return None
        key, found = peeked
        try:
            value = found.value()
        except BadEntryError as error:
            self._refused(key, error)
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

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
        values = self.keys.values(args, kwargs)
        return _Call(self.keys.key(values), args, kwargs, self.keys.describe(values))
