"""A mapping that keeps the most recently used few."""

from __future__ import annotations

from collections import OrderedDict

from memopickle.forking import Guard
from memopickle.typed import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps up to ``size`` values; safe to use from several threads."""

    __slots__ = ("_guard", "_size", "_values")

    def __init__(self, size: int) -> None:
        self._size = size
        self._guard = Guard()  # threads that change an OrderedDict at once crash a free-threaded Python before 3.14
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return a value and count it as used, or ``None``."""
        with self._guard:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: K, value: V) -> V:
        """Put a value in, drop the one that was not used for longest if there are too many, and return it."""
        with self._guard:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value
