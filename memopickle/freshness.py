"""When a stored result may be used: one policy a function, judged when reading.

=============  ==========================================================================================
before         fresh: used; with early refresh, now and then one caller computes it anew
ttl            used, and computed anew in the background (``stale_while_revalidate``); else computed
ttl + window   computed; where that fails, used all the same (``stale_if_error``), each within its window
=============  ==========================================================================================
"""

from __future__ import annotations

import os

from memopickle.expiry import NEVER, is_fresh
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.faces import Found

__all__ = ["Freshness"]

#: An odd number: multiplying by it and keeping 32 bits spreads entries that were made one after the other.
_SPREAD = 2654435761
_BITS = 1 << 32


class Freshness(NamedTuple):
    """The policy; times in microseconds. Immutable, shared by all threads."""

    #: How long a result may be used, None for ever, or the user's callable of the result.
    ttl: int | Callable[[Any], object] | None
    #: What the entry's code digest must be; None where code is not tracked.
    code: bytes | None
    #: By which part of its ttl, at most, an entry expires early: drawn for each entry.
    jitter: float = 0.0
    #: The factor of early recomputation, 0 for none.
    early: float = 0.0
    #: How long after its ttl an entry is served while it is computed anew.
    revalidate: int = 0
    #: How long after its ttl an entry is served where computing it anew fails.
    if_error: int = 0
    #: The ttl of a stored exception.
    exception_ttl: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether age and ttl alone decide."""
        return not (self.jitter or self.early or self.revalidate)

    @property
    def window(self) -> int:
        """How long after its ttl an entry is worth keeping."""
        return max(self.revalidate, self.if_error)

    def stale(self, found: Found, now: int) -> str:
        """Return why an entry is not fresh, ``""`` if it is: ``"code changed"``, ``"expired"``, ``"future"``."""
        if self.code is not None and found.code != self.code:
            return "code changed"
        ttl = self._ttl_of(found)
        if is_fresh(found.created, ttl, now):
            return ""
        return "future" if found.created > now else "expired"

    def is_within(self, window: int, found: Found, now: int) -> bool:
        """Tell whether an expired entry is not longer expired than ``window``."""
        ttl = self._ttl_of(found)
        return ttl is not None and found.created + ttl <= now < found.created + ttl + window

    def is_due(self, found: Found, now: int, draw: Callable[[], float] | None = None) -> bool:
        """Tell whether this caller shall compute a fresh entry anew before it expires.

        The nearer the end and the longer the computation takes, the likelier: "XFetch" of Vattani, Chierichetti and
        Lowenstein, Optimal Probabilistic Cache Stampede Prevention, PVLDB 8 (8), 2015.
        """
        ttl = self._ttl_of(found)
        if not self.early or ttl is None:
            return False
        from math import log  # a file of its own

        gap = found.cost / 1000 * self.early * -log((draw or _draw)())
        return now + gap >= found.created + ttl

    def _ttl_of(self, found: Found) -> int | None:
        # The ttl of today decides; only what a callable said of this very result is taken from the entry.
        ttl = self.exception_ttl if found.raises else self.ttl
        if callable(ttl):
            ttl = None if found.ttl == NEVER else found.ttl
        if ttl is None or not self.jitter:
            return ttl
        # Fixed for an entry, and signed, as it comes from times that are.
        share = (found.created * _SPREAD + found.cost) % _BITS / _BITS
        return round(ttl * (1 - self.jitter * share))


def _draw() -> float:
    """Return a number above 0 and up to 1; the module random would cost a fresh process 3 ms, for OpenSSL."""
    return (int.from_bytes(os.urandom(6)) + 1) / (1 << 48)
