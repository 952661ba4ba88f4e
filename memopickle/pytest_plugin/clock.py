"""A clock that stands still until a test moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.expiry import SECOND, parse_duration

if TYPE_CHECKING:
    from datetime import datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """Seconds since the epoch, the same until it is moved. Call it for the time, as ``Cache(clock=...)`` does."""

    def __init__(self, now: float) -> None:
        self.move_to(now)

    def __call__(self) -> float:
        return self.now

    @property
    def now(self) -> float:
        """The time that it shows."""
        return self._now / SECOND

    def __repr__(self) -> str:
        return f"<Clock at {self.now}>"

    def move(self, by: float | str | timedelta) -> None:
        """Move it forward by seconds, a timedelta, or text such as ``"1h30m"``."""
        self._now += parse_duration(by, "by")

    def move_to(self, when: float | datetime) -> None:
        """Move it to seconds since the epoch, or to a datetime; back too."""
        seconds = when if isinstance(when, int | float) else when.timestamp()
        # In whole microseconds, as everywhere: sums of floats would end an entry a little early, or late.
        self._now = round(seconds * SECOND)
