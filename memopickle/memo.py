"""One function in one cache: from a call to its key, its stored value, or a run of the function."""

from __future__ import annotations

from memopickle import switch
from memopickle.context import Call, Context
from memopickle.counts import new_counts
from memopickle.errors import BadEntryError
from memopickle.expiry import NEVER, SECOND
from memopickle.failures import Failure
from memopickle.freshness import Freshness
from memopickle.header import CODE_SIZE
from memopickle.listener import Listener
from memopickle.lookup import MISS, MISSING, SPECIAL, Lookup
from memopickle.options import Unset
from memopickle.quick import KeyHits, MemoryHits, QuickTable, quick_call
from memopickle.serializers import PickleSerializer
from memopickle.stores.base import Wrapper
from memopickle.stores.memory import MemoryStore, Shortcut
from memopickle.trouble import Trouble
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.aio.memo import AsyncMemo
    from memopickle.cache import Cache
    from memopickle.callkey import CallKeys
    from memopickle.counts import Counts
    from memopickle.faces import Face, Found
    from memopickle.fingerprint import Fingerprint
    from memopickle.options import Options
    from memopickle.runner import Runner
    from memopickle.stores.base import Store

__all__ = ["Memo", "StoredResult"]


class StoredResult(NamedTuple):
    """An entry, as ``cache_peek`` returns it.

    Attributes:
        value: the result.
        key: the store key.
        created: when it was stored, seconds since the epoch.
        expires: when it expires by the ttl it was stored under, seconds since the epoch; None for never.
        cost: the seconds that computing it took.
        raises: whether the value is an exception that a call raises.

    """

    value: Any
    key: str
    created: float
    expires: float | None
    cost: float
    raises: bool = False


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
        self.name: str = identity.name
        self.counts: Counts = new_counts()
        self.quick: QuickTable = QuickTable()
        #: Whether it is hit so often that a function of its own for plain arguments pays; see :meth:`quick_call`.
        self.is_worth_a_quick_call: bool = False
        self.clock: Callable[[], float] = cache.clock
        self.store: Store = cache.store
        self.face = face
        self._cache = cache
        self.freshness: Freshness = _freshness(identity, options, cache)
        self.ttl: int | Callable[[Any], object] | None = self.freshness.ttl
        self.listener: Listener = Listener(cache, keys.prefix, self)
        trouble = Trouble(self.name, cache.store, options.on_error)
        context = Context(self.name, cache, face, self.freshness, options, self.counts, trouble, self.listener)
        #: For what else works on this function's calls.
        self.context = context
        #: What the tasks that call it share; see :mod:`memopickle.aio`.
        self.tasks: AsyncMemo | None = None
        self.lookup: Lookup = Lookup(context)
        #: What the quick way finds records with, None where it looks up keys.
        self.memory_hits: MemoryHits | None = self._find_memory()
        #: Whether there is a quick way for any call.
        self.learns: bool = keys.by is None and self.ttl != 0
        self._runner: Runner | None = None

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
        if type(value) in SPECIAL:
            return self._other(value, Call(key, args, kwargs, self.keys.describe(values)))
        self.counts.hits += 1
        if self.learns:
            self.learn(values, key)
        return value

    def _other(self, found: Any, call: Call) -> Any:
        """Return the value of a call where a look found something else."""
        try:
            runner = self._runner or self.runner
        except (ImportError, OSError) as error:  # no descriptors left to import what a miss needs
            self.context.trouble.unwritable(error)
            return self._plain(call.args, call.kwargs)
        return runner.missed(call) if found is MISSING else runner.special(found, call)

    @property
    def runner(self) -> Runner:
        """What runs the function, made at the first miss: a process that is only hit does without all that it needs."""
        if self._runner is None:
            from memopickle.runner import Runner

            # Two threads may both get here: what they share in flight is the cache's.
            self._runner = Runner(self.function, self.context, self.lookup, self.keys)
        return self._runner

    def quick_call(self) -> Callable[..., Any] | None:
        """Make a function that answers hits of plain arguments quickly, None where there can't be one."""

        def slow(*args: Any, **kwargs: Any) -> Any:
            return self.function(*args, **kwargs) if switch.off else self.call(args, kwargs)

        def other(found: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._other(found, self._call(args, kwargs))

        hits = self.memory_hits or KeyHits(self.lookup.value, other, self.counts)
        return quick_call(self.function, self.keys.binder, self.quick, slow, hits)

    def learn(self, values: tuple[Any, ...], key: str, most: float = float("inf")) -> None:
        """Have the quick way know where a call that was a hit leads; what takes more bytes to load is left out."""
        own = self.keys.binder.own_values(values)
        if own is None:
            return
        goal: str | Shortcut | None = key
        if self.memory_hits is not None:
            record = self.memory_hits.store.recall(key)
            # Looked at again: it may be another by now. This very one has the right code as long as it lives.
            if record is None or (self.freshness.code is not None and record.code != self.freshness.code):
                return
            if record.pickled and record.size > most:
                return
            goal = record.shortcut
        if self.quick.learn(own, goal):
            self.is_worth_a_quick_call = True

    def _find_memory(self) -> MemoryHits | None:
        """Return how the quick way finds records by itself, None where it looks up keys in the plain way."""
        is_tier = isinstance(self.store, Wrapper)
        store = self.store.memory if isinstance(self.store, Wrapper) else self.store
        # A hook wants to know of every hit, and a callable's ttl stands in the record.
        if not isinstance(store, MemoryStore) or self.listener.wants_hits or callable(self.ttl):
            return None
        if not isinstance(self.options.serializer, PickleSerializer):
            return None
        return MemoryHits(store, self.counts, self.clock, self.ttl, is_tier) if self.freshness.is_plain else None

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
        self._cache.flights.drop(key)
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
            value = self.lookup.load(found)
        except BadEntryError as error:
            self.lookup.refused(key, error)
            return None
        expires = None if found.ttl == NEVER else (found.created + found.ttl) / SECOND
        raises = isinstance(value, Failure)
        shown = value.error if raises else value
        return StoredResult(shown, key, found.created / SECOND, expires, found.cost / 1e9, raises)

    def clear(self) -> int:
        """Remove every entry of this function, and keep out what is being computed; return how many."""
        return self._cache.clear_prefix(self.keys.prefix)

    def extent(self) -> tuple[int | None, int | None]:
        """Return the limit and the present number of this function's entries, where the store is memory."""
        return self.store.extent(self.keys.prefix)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        values = self.keys.values(args, kwargs)
        return Call(self.keys.key(values), args, kwargs, self.keys.describe(values))


def _freshness(identity: Fingerprint, options: Options, cache: Cache) -> Freshness:
    ttl = cache.store.ttl if isinstance(options.ttl, Unset) else options.ttl
    lasting = ttl if not callable(ttl) else None
    return Freshness(
        ttl,
        identity.code[:CODE_SIZE] if options.track_code != "off" else None,
        options.jitter,
        options.early_refresh,
        options.stale_while_revalidate,
        options.stale_if_error,
        lasting if isinstance(options.exception_ttl, Unset) else options.exception_ttl,
    )
