"""Cache: a store, a namespace and a secret, and what can be done with all that is in it."""

from __future__ import annotations

from _weakrefset import WeakSet  # as in forking

from memopickle import logs, settings
from memopickle.codec import Codec
from memopickle.errors import ConfigurationError
from memopickle.events import teller
from memopickle.expiry import microseconds, wall_clock
from memopickle.forking import Guard
from memopickle.function import CachedFunction, decorate
from memopickle.header import EXCEPTION, VALUE
from memopickle.options import Options
from memopickle.secret import find_secrets
from memopickle.serializers import PICKLE
from memopickle.storekey import function_part, namespace_part
from memopickle.stores.base import Store
from memopickle.typed import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
    from typing import Unpack

    from memopickle.aio.function import AsyncCachedFunction, Decorator
    from memopickle.background import Background
    from memopickle.catalog import EntryInfo, FunctionStats, Verification
    from memopickle.events import Event
    from memopickle.explain import MissReport
    from memopickle.flight import Flights
    from memopickle.memo import Memo
    from memopickle.options import OptionValues
    from memopickle.serializers import Serializer
    from memopickle.signing import Signer
    from memopickle.stats import Book

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["Cache"]

_guard = Guard()  # of what is made at first use, and of the sets, which can't be iterated while a thread adds to them


class Cache:
    """Remembers results in one store, under one namespace, signed with one set of secrets.

    Args:
        store: where; see :class:`DirectoryStore`, :class:`ShelveStore`, :class:`MemoryStore`.
        namespace: part of every key and signature, so that programs that share a store keep apart.
        secret: text or bytes of at least 32 bytes, a :class:`Secret`, or several in a list (the first signs, all
            verify). None: from the environment, else this user's own secret file.
        on_event: a callable, or several in a list, that gets each :mod:`memopickle.events` record; but not those of
            calls that it makes itself.
        clock: returns the seconds since the epoch.
        defaults: options of ``cached`` for the functions of this cache that don't set them.

    Safe between threads and processes. Making one does no I/O. A copy of a Cache is itself; its pickle carries store
    and namespace, never the secret.

    """

    def __init__(
        self, store: Store, *, namespace: str = "", secret: object = None,
        on_event: Callable[[Event], object] | Sequence[Callable[[Event], object]] | None = None,
        clock: Callable[[], float] = wall_clock, **defaults: Unpack[OptionValues],
    ) -> None:  # fmt: skip
        if not isinstance(store, Store):
            raise ConfigurationError(f"Cache needs a store, such as DirectoryStore(path), not {store!r}")
        if not isinstance(namespace, str):
            raise ConfigurationError(f"namespace={namespace!r}: give text")
        if not callable(clock):
            raise ConfigurationError(f"clock={clock!r}: give a callable that returns the seconds since the epoch")
        self.store = store
        self.namespace = namespace
        self.clock = clock
        #: Tells the hooks, None where there are none: no event is built for nobody.
        self.emit: Callable[[Event], None] | None = teller(on_event)
        if self.emit is not None:
            from memopickle.evictions import tell_evictions  # for those who have hooks

            tell_evictions(self)
        self._flights: Flights | None = None
        self._background: Background | None = None
        self._book: Book | None = None
        self._defaults = Options(**defaults)
        self._signers: list[Signer] | None = None if secret is None else find_secrets(secret)
        # Weak: a closure that was decorated and dropped must not live on for its counts.
        self._memos: WeakSet[Memo] = WeakSet()
        self._bound: WeakSet[CachedFunction[..., Any]] = WeakSet()

    def __repr__(self) -> str:
        return f"Cache({self.store!r}, namespace={self.namespace!r})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (type(self), self.store, self.namespace, self._defaults)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- decorating ----------------------------------------------------------------------------------------------

    @overload
    def cached(
        self, function: Callable[P, Coroutine[Any, Any, R]], /, **options: Unpack[OptionValues]
    ) -> AsyncCachedFunction[P, R]: ...
    @overload
    def cached(self, function: Callable[P, R], /, **options: Unpack[OptionValues]) -> CachedFunction[P, R]: ...
    @overload
    def cached(self, function: None = None, /, **options: Unpack[OptionValues]) -> Decorator: ...
    def cached(self, function: Any = None, /, **options: Unpack[OptionValues]) -> Any:
        """Decorate a function so that it remembers its results here; options as of :func:`memopickle.cached`."""
        return decorate(function, Options(**options), self)

    cache = cached

    def memo(self, function: Callable[..., Any], options: Options) -> Memo:
        """Open the store and make the memo of a function; its captured values are read now. Internal."""
        from memopickle.opening import open_memo  # 20 ms that who only decorates, or clears, need not pay

        complete = settings.complete(function, options, self._defaults, self.store)
        memo = open_memo(self, function, complete, self._namespace_of(function))
        with _guard:
            self._memos.add(memo)
        logs.log(lambda: f"settings of {memo.name}: {settings.describe(function, options, self._defaults, self.store)}")
        return memo

    # -- what is stored ------------------------------------------------------------------------------------------

    def functions(self) -> list[str]:
        """Return the names (``module:qualname``) of the functions that have entries here, sorted."""
        from memopickle.catalog import function_names  # for those who ask

        return sorted({name for name in function_names(self.store, self._prefix()).values() if name})

    def entries(self, function: object = None) -> Iterator[EntryInfo]:
        """Iterate over what is stored, of all functions or of one (object, dotted name or wildcard); see EntryInfo."""
        from memopickle.catalog import describe  # for those who ask

        for prefix in self._prefixes(function):
            for key in self.store.keys(prefix):
                info = describe(self.store, key)
                if info is not None:
                    yield info

    def clear(self, function: object = None, older_than: object = None, expired: bool = False) -> int:
        """Remove entries and return how many.

        Args:
            function: only of this function: the object, its dotted name, or a wildcard such as ``"pkg.mod.*"``.
            older_than: only those stored longer ago than this; any form of ttl.
            expired: only those expired by the ttl that they were stored under.

        Several filters must all apply. An entry whose head can't be read has no age, and goes only without filters.
        Without a filter by age, values that are being computed are kept out of the store as well; by name, however,
        not those of a function that has no entry yet and that only another process has called. The modules whose
        functions filled the cache need not be importable, and the secret is not needed.

        """
        count = self._clear(list(self._prefixes(function)), older_than, expired)
        logs.log(lambda: f"cleared {count} entries" + ("" if function is None else f" of {function!r}"))
        return count

    def _clear(self, prefixes: list[str], older_than: object, expired: bool) -> int:
        if older_than is None and not expired:
            return sum(map(self.clear_prefix, prefixes))
        from memopickle.selection import Selection  # for those who ask

        chosen = Selection(older_than=older_than, expired=expired)
        keys = (key for prefix in prefixes for key in self.store.keys(prefix))
        doomed = [info.key for info in chosen.entries(self.store, keys, self.clock)]
        return sum(self.store.delete(key) for key in doomed)

    def prune(self) -> int:
        """Remove expired entries and what killed writers left behind; return how many entries."""
        count = self.store.prune(microseconds(self.clock))
        logs.log(lambda: f"pruned {count} entries")
        return count

    def verify(self) -> Verification:
        """Check every signature; nothing is unpickled, and nothing removed."""
        from memopickle.audit import Auditor, State  # for those who ask
        from memopickle.catalog import BadStored, Verification
        from memopickle.stores.memory import MemoryStore

        auditor = Auditor(self.store, self._known_signers())
        good, bad = 0, []
        for key in self.store.keys(self._prefix()):
            checked = auditor.check(key)
            # Objects in memory have no bytes, and were never out of this process.
            if checked.state == State.GOOD or isinstance(self.store, MemoryStore):
                good += 1
            elif checked.state != State.GONE:
                bad.append(BadStored(key, self.store.place(key), checked.reason))
        return Verification(good, bad)

    def stats(self) -> list[FunctionStats]:
        """Return what is stored of each function and what became of its calls, most bytes first; see FunctionStats.

        Writes down what this process has counted. No payload is read; one head is, of each function.
        """
        from memopickle.figures import rows  # for those who ask

        return rows(self.store, self._prefix(), self.book.totals())

    def explain_misses(self, function: object = None, least: float = 0.5) -> list[MissReport]:
        """Find the arguments that make a cache useless: in which alone many of a function's entries differ.

        Args:
            function: only this function, as for :meth:`clear`.
            least: report a parameter only from this part of the function's entries on, 0 to 1.

        Each report prints as a sentence that names the cure. The largest share comes first.

        """
        from memopickle.explain import explain_misses  # for those who ask

        reports = [
            report for prefix in self._prefixes(function) for report in explain_misses(self.store, prefix, least)
        ]
        return sorted(reports, key=lambda report: -report.share)

    def name_of(self, key: str) -> str:
        """Return the name of a function that was called in this process by one of its keys, else ``""``."""
        return next((memo.name for memo in self._all_memos() if key.startswith(memo.keys.prefix)), "")

    def close(self) -> None:
        """Let go of what the store holds open; it opens again when used again."""
        self.store.close()

    def bind(self, function: CachedFunction[..., Any]) -> None:
        """Note that a function holds on to this cache from now on. Internal."""
        with _guard:
            self._bound.add(function)

    def bound(self) -> list[CachedFunction[..., Any]]:
        """Return the functions that hold on to this cache by now; the pytest plugin lets them go. Internal."""
        with _guard:
            return list(self._bound)

    @property
    def flights(self) -> Flights:
        """The computations under way. Internal."""
        from memopickle.flight import Flights  # at the first miss, or clear

        with _guard:
            self._flights = self._flights or Flights()
            return self._flights

    @property
    def background(self) -> Background:
        """The recomputations in the background. Internal."""
        from memopickle.background import Background  # at the first miss

        with _guard:
            self._background = self._background or Background()
            return self._background

    @property
    def book(self) -> Book:
        """The statistics of this cache. Internal."""
        from memopickle.stats import Book  # at the first call, or for those who ask

        with _guard:
            self._book = self._book or Book(self)
            return self._book

    # -- details -------------------------------------------------------------------------------------------------

    def _prefix(self) -> str:
        return namespace_part(self.namespace)

    def _namespace_of(self, function: Callable[..., Any]) -> str:
        return self.namespace

    def _prefixes(self, function: object) -> Iterator[str]:
        if function is None:
            yield self._prefix()
        elif isinstance(function, str):
            from memopickle.catalog import function_names, matches  # for those who ask

            # Entries tell the names; but a function whose first value is still being computed has none.
            called = {memo.keys.prefix: memo.name for memo in self._all_memos()}
            for part, name in {**function_names(self.store, self._prefix()), **called}.items():
                if matches(name, function):
                    yield part
        elif callable(function):
            from memopickle.identity import readable_name

            plain = getattr(function, "__wrapped__", function) if isinstance(function, CachedFunction) else function
            yield function_part(self._namespace_of(plain), readable_name(plain))
        else:
            raise ConfigurationError(f"function={function!r}: give a function or its dotted name")

    def _all_memos(self) -> list[Memo]:
        with _guard:
            return list(self._memos)

    def clear_prefix(self, prefix: str) -> int:
        """Remove the entries whose keys begin with this, and keep out what is being computed. Internal."""
        # Flights first: a value published before the drop is removed by the clear, one after it isn't published.
        self.flights.drop(prefix)
        return self.store.clear(prefix)

    def codec(self, namespace: str, serializer: Serializer = PICKLE, compress: str | None = None) -> Codec:
        """Return what signs and verifies the entries of a namespace; SecretError, UnavailableError. Internal."""
        return Codec(self._known_signers(), namespace, serializer, kinds=(VALUE, EXCEPTION), compress=compress)

    def _known_signers(self) -> Sequence[Signer]:
        if self._signers is None:
            self._signers = find_secrets()
        return self._signers


def _remake(kind: type[Cache], store: Store, namespace: str, defaults: Options) -> Cache:
    given: Any = defaults.given
    return kind(store, namespace=namespace, **given)
