"""Asking for a new key by a call that says no, where the last one missed: half the time of one that raises."""

from __future__ import annotations

import os

from memopickle.locks import stopwatch

__all__ = ["MOMENT", "Misses"]

#: The nanoseconds for which what hardly ever changes is taken to be as it was.
MOMENT = 10_000_000


class Misses:
    """What one store found of late; threads that get in each other's way only ask the other way.

    A call that says no does not say why. So it is made for a moment only after one that raised for a missing file: what
    else stands in the way is told by the next that raises.
    """

    def __init__(self) -> None:
        #: Until when, by the stopwatch, a new key is expected to miss.
        self.until: int = 0

    def note(self) -> None:
        """Take note of a missing file."""
        # os.access asks for the rights of the real user, os.open for those of the effective one.
        same = not hasattr(os, "geteuid") or os.getuid() == os.geteuid()
        self.until = stopwatch() + MOMENT if same else 0

    def is_still_absent(self, path: str) -> bool:
        """Tell whether nothing is at a path; False too where that would not be reliable, or did not hold lately."""
        return self.until > 0 and self.is_absent(path)

    def is_absent(self, path: str) -> bool:
        """Tell whether nothing is at a path."""
        if os.access(path, os.F_OK):
            self.until = 0
            return False
        return True
