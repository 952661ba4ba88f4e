"""One store among several: skipped while it fails, and what it holds is used for a time of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from memopickle.expiry import NEVER, SECOND, microseconds, wall_clock
from memopickle.notices import forget, warn_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.stores.base import Store

T = TypeVar("T")

__all__ = ["Failures", "Tier", "attempt_each", "skip_all"]

#: Keys whose copies a process remembers to have compared with the tier below.
_CONFIRMED = 100_000


class Tier:
    """A store of bytes in a TieredStore, as one process sees it. Safe between threads.

    Attributes:
        bound: how long, in microseconds, a copy is used without a look at the tiers below; None where there is no
            limit. A copy counts from when its entry was made, or from when this process last found the same entry
            below: so no tier need keep a time beside the bytes.

    """

    def __init__(self, store: Store, bound: int | None) -> None:
        self.store = store
        self.bound = bound
        self._confirmed: dict[str, int] = {}
        self._topic = ("tier", id(self))
        self._failing = False

    def skip(self, error: Exception) -> None:
        """Tell, once until it works again, that the tier failed and that the others go on without it."""
        self._failing = True
        warn_once(
            self._topic, f"{self.store!r} failed and is skipped ({type(error).__name__}: {error}); other tiers are used"
        )

    def works(self) -> None:
        """Note that the tier did what it was asked to."""
        if self._failing:
            self._failing = False
            forget(self._topic)

    def limit(self, key: str, created: int) -> int:
        """Return until when a copy of an entry made at ``created`` may be used without a look below."""
        return NEVER if self.bound is None else max(created, self._confirmed.get(key, 0)) + self.bound

    def confirm(self, key: str, now: int, limit: int) -> None:
        """Note that the copy is the entry of the tier below, where it may be used until ``limit``; not longer here."""
        if self.bound is None:
            return
        if len(self._confirmed) >= _CONFIRMED:
            self._confirmed.clear()  # some are looked up below once more
        self._confirmed[key] = min(now, limit - self.bound)

    def until(self, expires: int, now: int, limit: int = NEVER) -> int:
        """Return until when a copy filled now is used: as its tier and those below allow, and while it is fresh."""
        bound = limit if self.bound is None else min(limit, now + self.bound)
        # Expired already by the ttl of when it was stored, it may be fresh by the function's ttl of today.
        return min(bound, expires) if expires > now else bound

    def expiry(self, expires_at: float | None) -> float | None:
        """Return when a server may drop a copy that is filled now, in seconds since the epoch."""
        until = NEVER if expires_at is None else round(expires_at * SECOND)
        until = min(until, self.until(until, microseconds(wall_clock)))
        return None if until == NEVER else until / SECOND


Failures = list[tuple[Tier, Exception]]


def attempt_each(tiers: list[Tier], do: Callable[[Tier], T]) -> tuple[list[T], Failures]:
    """Do something in each tier, the last first; return the results, and those that failed with their errors."""
    done: list[T] = []
    failures: Failures = []
    for tier in reversed(tiers):
        try:
            done.append(do(tier))
        except Exception as error:  # noqa: BLE001  whatever a store does, the others are served
            failures.append((tier, error))
        else:
            tier.works()
    return done, failures


def skip_all(failures: Failures) -> None:
    """Tell of each tier that failed that it is skipped."""
    for tier, error in failures:
        tier.skip(error)
