"""What became of the calls of a function: sums that can be added up over functions, processes and years."""

from __future__ import annotations

import time
from _weakref import ref  # as weakref has it, with much else

from memopickle.counts import COUNTED
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from memopickle.counts import Counts
    from memopickle.forking import Guard
    from memopickle.memo import Memo

__all__ = ["NUMBERS", "Sums", "Tally", "merge"]

#: Of the misses' reasons no more are told apart than this.
_REASONS = 16
NUMBERS = ("hits", "misses", "computations", "errors", "stores", "bytes", "nanoseconds")


class Sums:
    """Sums over calls.

    Attributes:
        hits: calls that returned a stored result.
        misses: calls that ran the function, or raised what another's run raised.
        computations: runs of the function that ended, stored or not.
        errors: those of them that raised.
        stores: results stored.
        bytes: the size of all that was stored, replaced or removed since or not.
        nanoseconds: what computing the stored results took.
        reasons: how often the look-up found nothing usable, by reason; also for calls that then got the result of
            another computation, and count as hits.
        first, last: the first and last use, seconds since the epoch, 0 for none. A hit is noted with the others,
            not when it happens.

    """

    __slots__ = ("first", "last", "reasons", *NUMBERS)
    first: int
    last: int
    hits: int
    misses: int
    computations: int
    errors: int
    stores: int
    bytes: int
    nanoseconds: int

    def __init__(self) -> None:
        for name in NUMBERS:
            setattr(self, name, 0)
        self.reasons: dict[str, int] = {}
        self.first = self.last = 0

    def __bool__(self) -> bool:
        return bool(self.last)

    def add(self, other: Sums) -> None:
        """Add other sums to these."""
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, count in other.reasons.items():
            self.missed(reason, count)
        if other:
            self.first = min(self.first or other.first, other.first)
            self.last = max(self.last, other.last)

    def missed(self, reason: str, count: int = 1) -> None:
        """Count a reason, or under ``other`` if there are too many."""
        if reason not in self.reasons and len(self.reasons) >= _REASONS:
            reason = "other"
        self.reasons[reason] = self.reasons.get(reason, 0) + count

    def touch(self) -> None:
        """Note that the function was used now."""
        self.last = int(time.time())
        self.first = self.first or self.last


class Tally:
    """What one memo did since it was last asked; safe between threads.

    Its book, which shares the guard, holds it while it takes.
    """

    def __init__(self, part: str, name: str, memo: Memo, guard: Guard) -> None:
        self._guard = guard
        #: What the function's keys begin with.
        self.part = part
        self.name = name
        self._memo = ref(memo)
        self._counts: Counts = memo.counts
        #: What was taken of the counts.
        self._taken: dict[str, int] = dict.fromkeys(COUNTED, 0)
        self._sums = Sums()

    @property
    def alive(self) -> bool:
        """Whether the memo can still do something."""
        return self._memo() is not None

    def missed(self, reason: str) -> None:
        """Count a look-up that found nothing usable."""
        with self._guard:
            self._sums.missed(reason)

    def raised(self) -> None:
        """Count a computation that raised."""
        with self._guard:
            self._sums.touch()
            self._sums.errors += 1

    def take(self) -> Sums:
        """Return what happened since the last time."""
        sums, self._sums = self._sums, Sums()
        before, self._taken = self._taken, {name: self._counts.total(name) for name in COUNTED}
        new = {name: count - before[name] for name, count in self._taken.items()}
        if any(new.values()) or sums.reasons:
            sums.touch()
        if absent := new.pop("absent"):
            sums.missed("absent", absent)
        for name, count in new.items():
            setattr(sums, name, count)
        return sums


def merge(into: dict[str, tuple[str, Sums]], part: str, name: str, sums: Sums) -> None:
    """Add the sums of a function to those in a table by function part."""
    if part not in into:
        into[part] = name, Sums()
    into[part][1].add(sums)
