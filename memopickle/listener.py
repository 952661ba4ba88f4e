"""Where the events of one function go: to the statistics, to the log, and to the hooks of its cache."""

from __future__ import annotations

from memopickle import logs
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

    __slots__ = ("_book", "_emit", "_tally", "wants_hits")

    def __init__(self, cache: Cache, prefix: str, memo: Memo) -> None:
        self._emit = cache.emit
        self._book = cache.book
        self._tally = self._book.open(prefix, memo.name, memo)
        self.wants_hits: bool = self._emit is not None or logs.is_on()

    def tell(self, event: Event) -> None:
        """Pass an event on."""
        self._book.note(self._tally, event)
        if logs.is_on():
            self.wants_hits = True
            logs.log_event(event)
        if self._emit is not None:
            self._emit(event)
