"""What one function's calls came to, in this process."""

from __future__ import annotations

__all__ = ["Counts"]


class Counts:
    """Plain ints, so that a hit costs one increment, and a stored result a few.

    No lock guards them: threads of a free-threaded build may lose a count, and nothing else depends on them.
    """

    __slots__ = ("_before", "absent", "bytes", "computations", "hits", "misses", "nanoseconds", "stores")

    def __init__(self) -> None:
        #: Calls that returned a stored result.
        self.hits: int = 0
        #: Calls that ran the function, or raised what another's run raised.
        self.misses: int = 0
        #: Runs of the function that ended, stored or not.
        self.computations: int = 0
        #: Look-ups that found nothing at all, which is why most of them miss.
        self.absent: int = 0
        #: Results stored, their sizes, and what computing them took.
        self.stores: int = 0
        self.bytes: int = 0
        self.nanoseconds: int = 0
        self._before = 0, 0

    def since_reset(self) -> tuple[int, int]:
        """Return hits and misses since the last reset."""
        return self.hits - self._before[0], self.misses - self._before[1]

    def reset(self) -> None:
        """Begin anew for ``since_reset``; the counts themselves only grow, so that no statistics are lost."""
        self._before = self.hits, self.misses
