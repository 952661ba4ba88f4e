"""Where the events of one function go: to the statistics, to the log, and to the hooks of its cache."""

from __future__ import annotations

from memopickle import logs
from memopickle.events import Miss, NotStored, Raised, Stored
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from memopickle.cache import Cache
    from memopickle.events import Event
    from memopickle.memo import Memo

__all__ = ["Listener"]


class Listener:
    """Takes the events of one function; shared by all threads.

    Attributes:
        wants_hits: whether anybody but a counter wants to know of hits: then, and only then, Hit events are made. The
            log is asked when the memo is made and at each miss.

    """

    __slots__ = ("_book", "_counts", "_emit", "_name", "_tally", "wants_hits")

    def __init__(self, cache: Cache, prefix: str, memo: Memo) -> None:
        self._emit = cache.emit
        self._name = memo.name
        self._book = cache.book
        self._counts = memo.counts
        self._tally = self._book.open(prefix, memo.name, memo)
        self.wants_hits: bool = self._emit is not None or logs.is_on()

    def tell(self, event: Event) -> None:
        """Pass an event on."""
        if isinstance(event, Raised):
            self._tally.raised()
        if isinstance(event, NotStored | Raised):
            self._book.flush_if_due()
        self._pass_on(event)

    def missed(self, key: str, reason: str) -> None:
        """Tell a Miss, which is made only for those who listen: most of the time nobody does."""
        if reason == "absent":
            self._counts.absent += 1
        else:
            self._tally.missed(reason)
        if self._emit is not None or logs.is_on():
            self._pass_on(Miss(self._name, key, reason))

    def stored(self, key: str, size: int, cost: int) -> None:
        """Tell, in the same way, a Stored of so many bytes that took so many nanoseconds to compute."""
        counts = self._counts
        counts.stores += 1
        counts.bytes += size
        counts.nanoseconds += cost
        self._book.flush_if_due()
        if self._emit is not None or logs.is_on():
            self._pass_on(Stored(self._name, key, size, cost / 1e9))

    def _pass_on(self, event: Event) -> None:
        if logs.is_on():
            self.wants_hits = True
            logs.log_event(event)
        if self._emit is not None:
            self._emit(event)
