"""What one function's calls came to, in this process."""

from __future__ import annotations

from _thread import _local, get_ident  # as threading has them

from memopickle.forking import Guard
from memopickle.gil import HAS_GIL
from memopickle.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from memopickle.typed import Any

__all__ = ["COUNTED", "CacheInfo", "Counts", "new_counts"]

#: What is counted.
COUNTED = ("hits", "misses", "computations", "stores", "bytes", "nanoseconds", "absent")


class CacheInfo(NamedTuple):
    """functools' named tuple, of this process.

    Attributes:
        hits: calls that returned what was stored.
        misses: calls that ran the function, or raised what another's run raised.
        maxsize: the limit of a MemoryStore; None without one, and for other stores.
        currsize: how many entries of this function a MemoryStore has; None for other stores.

    """

    hits: int
    misses: int
    maxsize: int | None
    currsize: int | None


class Counts:
    """Plain ints, so that a hit costs one increment, and a stored result a few.

    No lock guards them: an increment is one step under the GIL. Without it, see ``_CountsByThread``.
    """

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
        self._before: list[int] = [0, 0]

    def total(self, name: str) -> int:
        """Return one of the counts, of all threads."""
        count: int = getattr(self, name)
        return count

    def since_reset(self) -> tuple[int, int]:
        """Return hits and misses since the last reset."""
        hits, misses = self._before
        return self.total("hits") - hits, self.total("misses") - misses

    def reset(self) -> None:
        """Begin anew for ``since_reset``; the counts themselves only grow, so that no statistics are lost."""
        self._before[:] = self.total("hits"), self.total("misses")


class _CountsByThread(_local, Counts):
    """The same where threads run at once: each has attributes of its own, as of two that add one would be lost."""

    def __init__(self, parts: _Parts) -> None:  # called once in each thread, with the same parts
        super().__init__()
        self._parts = parts
        self._before = parts.before
        parts.add(self.__dict__)

    def total(self, name: str) -> int:
        return self._parts.total(name)


class _Parts:
    """The counts of each thread, and of those that have ended; safe between threads."""

    def __init__(self) -> None:
        self._guard = Guard()
        #: The attributes of the counts of each thread, by its number.
        self._by_thread: dict[int, dict[str, Any]] = {}
        self._ended: dict[str, int] = dict.fromkeys(COUNTED, 0)
        self.before = [0, 0]

    def add(self, part: dict[str, Any]) -> None:
        """Take in the counts of the running thread; another that had its number has ended, so its counts are final."""
        with self._guard:
            for name, count in self._by_thread.get(get_ident(), {}).items():
                if name in self._ended:
                    self._ended[name] += count
            self._by_thread[get_ident()] = part

    def total(self, name: str) -> int:
        """Return one of the counts, of all threads so far."""
        with self._guard:
            counts: list[int] = [part[name] for part in self._by_thread.values()]
            return self._ended[name] + sum(counts)


def new_counts() -> Counts:
    """Make counts that threads may raise at once."""
    return Counts() if HAS_GIL else _CountsByThread(_Parts())
