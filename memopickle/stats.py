"""Statistics that survive their process: counted in memory, written on misses, at exit, and when asked for.

A hit increments an int and nothing else. What a process that is killed did not write yet is lost, at most its counts
since the last miss, and of misses those of the last seconds.
"""

from __future__ import annotations

import atexit
import os
import sys
from _weakref import ref  # as weakref has it, with much else
from contextlib import suppress

from memopickle.forking import Guard
from memopickle.locks import real_clock
from memopickle.settings import keeps_statistics
from memopickle.statsfile import append, read
from memopickle.tally import Tally, merge
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memopickle.cache import Cache
    from memopickle.memo import Memo
    from memopickle.tally import Sums

__all__ = ["Book", "flush_all"]

#: Seconds between two times that misses have the counts written.
INTERVAL = 5.0
#: Seconds to wait for other processes that write: on the path of a call, and where nobody waits for us.
_SHORT, _LONG = 0.05, 1.0
#: Tallies of one cache that are looked through for those that are over.
_MANY = 64
_guard = Guard()  # of everything here: counts are taken under it, and written outside
_books: list[Book] = []
_last = float("-inf")


class Book:
    """The statistics of one cache: what this process counted, and the file with what all did.

    Safe between threads. A forked child begins with nothing counted, since its parent writes what it counted itself.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = ref(cache)
        self._store = cache.store
        self._tallies: list[Tally] = []
        self._most = _MANY
        #: Taken from the tallies, and not in the file.
        self._left: dict[str, tuple[str, Sums]] = {}
        self._file: str | None = None
        with _guard:
            _books[:] = [book for book in _books if not book.done()]
            _books.append(self)

    def open(self, part: str, name: str, memo: Memo) -> Tally:
        """Return the tally of a memo."""
        tally = Tally(part, name, memo, _guard)
        with _guard:
            self._tallies.append(tally)
            if len(self._tallies) > self._most:  # a program that decorates again and again
                self._take()
                self._most = 2 * len(self._tallies) + _MANY
        return tally

    @staticmethod
    def flush_if_due() -> None:
        """Write what all caches of this process counted, if it is time: to be called after each computation."""
        global _last  # noqa: PLW0603
        now = real_clock()
        if now - _last < INTERVAL:
            return
        with _guard:
            if now - _last < INTERVAL:  # another thread came first
                return
            _last = now
        flush_all(_SHORT)

    def flush(self, patience: float = _LONG) -> None:
        """Write what was counted. Where that can't be, it is counted on."""
        with _guard:
            self._take()
            taken, self._left = self._left, {}
        if not taken:
            return
        written = False
        try:
            # Whatever fails here, out of descriptors, memory or space, must cost nobody his result.
            with suppress(Exception):
                path = self._path()
                if path is not None:
                    append(path, taken, patience)
                    written = True
        finally:
            if not written:
                with _guard:
                    for part, (name, sums) in taken.items():
                        merge(self._left, part, name, sums)

    def totals(self) -> dict[str, tuple[str, Sums]]:
        """Return name and sums of each function, by function part, over all processes as far as they have written."""
        flush_all()
        path = self._path()
        found = read(path) if path is not None else {}
        with _guard:
            self._take()
            for part, (name, sums) in self._left.items():
                merge(found, part, name, sums)
        return found

    def done(self) -> bool:
        """Tell whether nobody can count here any more, and everything is written."""
        with _guard:
            self._take()
        return self._cache() is None and not self._tallies and not self._left

    def forget(self) -> None:
        """Begin with nothing counted."""
        for tally in self._tallies:
            tally.take()
        self._left = {}

    def _take(self) -> None:
        for tally in self._tallies:
            sums = tally.take()
            if sums:
                merge(self._left, tally.part, tally.name, sums)
        self._tallies = [tally for tally in self._tallies if tally.alive]

    def _path(self) -> str | None:
        try:
            if self._file is None and keeps_statistics():
                self._file = self._store.statistics_path()
            return self._file
        except Exception:  # noqa: BLE001  no home directory, a store of a third party: counted in this process only
            return None


def flush_all(patience: float = _LONG) -> None:
    """Write what all caches of this process counted."""
    for book in _books.copy():
        book.flush(patience)


def _begin_in_child() -> None:
    global _last  # noqa: PLW0603
    _last = float("-inf")
    for book in _books:
        book.forget()
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:  # its children end without atexit, but run finalizers that were made after their start
        util.register_after_fork(_guard, _finalize)


def _finalize(guard: object = None) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, flush_all, exitpriority=0)


atexit.register(flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
if getattr(sys.modules.get("multiprocessing.process"), "parent_process", lambda: None)() is not None:
    _finalize()
