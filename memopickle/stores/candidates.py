"""Which entries are evicted next."""

from __future__ import annotations

from heapq import heappop, heappush
from operator import itemgetter

from memopickle.stores.usage import SLICES
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from memopickle.stores.look import Candidate, Sight

__all__ = ["Candidates"]

#: So many are remembered, in a few hundred bytes each, and a fifth more until the oldest are sorted out.
_REMEMBERED = 20480
#: A directory of up to so many times that is looked at in rounds.
_ROUNDS = 3
#: So many entries are looked at for one in turn: while a round may end with all remembered, or with some of them, and
#: without rounds. The last is more random, but nothing that is looked at in vain is remembered there.
_ALL, _SOME, _NO_ROUND = 16, 4, 2
#: What to sort by. Not by the whole: comparing tuples takes more than twice as long, in the longest call there is.
_PLACE = itemgetter(0)


class Candidates:
    """The oldest of what was looked at.

    A directory that is not too large is looked at in rounds: after one, all that are remembered are in turn, without
    looking again. In a larger one a round would cost more than a look for each few.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        #: Those in turn; the last is the oldest.
        self._next: list[Candidate] = []
        #: The others of this round, a heap; and how many slices of it were seen.
        self._later: list[Candidate] = []
        self._slices = 0

    def add(self, sight: Sight, total: int) -> None:
        """Take in what a look saw of a directory of ``total`` entries."""
        if self._slices >= SLICES and self._next and not sight.whole:
            return  # it was to count, not to find more
        if total > _ROUNDS * _REMEMBERED:
            self._forget()
            self._next = _oldest(sight.entries, _part(sight, _NO_ROUND))
            return
        if self._slices >= SLICES or sight.whole:
            self._forget()
            self._slices = -sight.resumed  # what was seen of that slice before is forgotten
        self._slices += sight.slices
        for entry in (*self._next, *sight.entries):
            heappush(self._later, entry)
        if self._slices >= SLICES:
            self._next, self._later = _oldest(self._later, _REMEMBERED), []
        else:
            self._take_turns(_part(sight, _ALL if total <= _REMEMBERED else _SOME))

    def _take_turns(self, count: int) -> None:
        self._next = [heappop(self._later) for _ in range(min(count, len(self._later)))][::-1]
        if len(self._later) > _REMEMBERED * 6 // 5:
            self._later = sorted(self._later, key=_PLACE)[:_REMEMBERED]

    def pop(self, largest: int | None = None) -> Candidate | None:
        """Return the next; None if a look is due, or if it has more than ``largest`` bytes."""
        if not self._next or (largest is not None and self._next[-1][2] > largest):
            return None
        return self._next.pop()


def _part(sight: Sight, sample: int) -> int:
    return max(len(sight.entries) // sample, 1)


def _oldest(entries: list[Candidate], count: int) -> list[Candidate]:
    """Return so many in the order in which they are popped."""
    return sorted(entries, key=_PLACE)[:count][::-1]
