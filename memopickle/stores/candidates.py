"""Which entries are evicted next."""

from __future__ import annotations

from memopickle.stores.usage import SLICES
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from memopickle.stores.look import Candidate, Sight

__all__ = ["Candidates"]

#: So many entries are looked at for one that may be evicted, until the whole directory was looked at.
_SAMPLE = 4
#: So many are remembered, in a few hundred bytes each.
_REMEMBERED = 16384


class Candidates:
    """The oldest of what was looked at.

    A directory of up to ``_SAMPLE * _REMEMBERED`` entries is looked at in rounds: all that are remembered after a round
    are in turn, without looking again. In a larger one a round would cost more than a look for each few.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        #: The last is the oldest.
        self._oldest: list[Candidate] = []
        #: How many slices of this round were seen, and how many of the oldest are in turn.
        self._slices = self._turns = 0

    def add(self, sight: Sight, total: int) -> None:
        """Take in what a look saw of a directory of ``total`` entries."""
        if self._slices >= SLICES and self._turns and not sight.whole:
            return  # it was to count, not to find more
        if self._slices >= SLICES or sight.whole or total > _SAMPLE * _REMEMBERED:
            self._forget()
            self._slices = -sight.resumed  # what was seen of that slice before is forgotten
        self._slices += sight.slices
        self._turns = max(len(sight.entries) // _SAMPLE, 1)
        most = _REMEMBERED if total <= _SAMPLE * _REMEMBERED else self._turns
        self._oldest = sorted(self._oldest + sight.entries, reverse=True)[-most:]
        if self._slices >= SLICES:
            self._turns = len(self._oldest)

    def pop(self) -> Candidate | None:
        """Return the next, or None if a look is due."""
        if not self._turns or not self._oldest:
            self._turns = 0
            return None
        self._turns -= 1
        return self._oldest.pop()
