"""A circuit breaker: a server that failed is left alone for a growing pause, so that one call pays and not each."""

from __future__ import annotations

import errno
import random
import threading

from memopickle.errors import StoreError
from memopickle.forking import renew_in_child
from memopickle.locks import real_clock
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Breaker", "ServerDownError"]

#: Seconds of the first pause, and of the longest.
FIRST = 0.5
LONGEST = 30.0
#: How far a pause is drawn around its length, so that many processes do not come back at the same moment.
JITTER = 0.25
#: The attempt of one who may ask although the breaker is open.
_INSISTS = -1


class ServerDownError(StoreError, ConnectionError):
    """A server can't be used now: it does not answer, or failed a moment ago and is left alone.

    Internal. Reading, locking and storing fail alike, which ``errno`` says, so that it is told once.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message, place)
        self.errno: int | None = errno.EHOSTDOWN


class Breaker:
    """Decides whether a server may be asked now.

    Closed, everything may. After a failure nothing may for a pause; then one caller may try, while the others are
    still refused. Its success closes the breaker, its failure doubles the pause. Safe between threads; per process.

    Args:
        clock: seconds that only go forward.

    """

    def __init__(self, clock: Callable[[], float] = real_clock) -> None:
        self._clock = clock
        #: When the next caller may try; None while closed.
        self._until: float | None = None
        self._pause = 0.0
        self._insisted = 0.0
        self._attempt = 0
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin with a free lock, in a forked child, and with what is known of the server."""
        self._guard = threading.RLock()  # a signal handler may ask the server too

    def enter(self, insists: bool = False) -> int | None:
        """Return a number to hand to ``failed`` or ``succeeded``, or None if the server may not be asked now.

        ``insists`` is for a background thread, which keeps no caller waiting: it may ask every ``FIRST`` seconds. Its
        success closes the breaker; its failure does not make the pause longer.
        """
        return self._attempt if self._until is None else self._probe(insists)

    def failed(self, attempt: int) -> None:
        """Note that the server did not answer properly."""
        with self._guard:
            # Of the many that were under way when it failed, the first opens; the others tell nothing new.
            if attempt != self._attempt:
                return
            self._attempt += 1
            self._pause = min(LONGEST, max(FIRST, self._pause * 2))
            self._until = self._after_pause()

    def succeeded(self, attempt: int) -> None:
        """Note that the server answered."""
        if self._until is None:
            return
        with self._guard:
            # An answer to a question from before the failure says nothing of now.
            if attempt in (self._attempt, _INSISTS):
                self._until = None
                self._pause = 0.0

    def is_outdated(self, attempt: int) -> bool:
        """Tell whether the server failed since this attempt began."""
        return attempt not in (self._attempt, _INSISTS)

    def remaining(self) -> float:
        """Return the seconds until the next caller may try, 0 if one may now."""
        until = self._until
        return 0.0 if until is None else max(0.0, until - self._clock())

    def _probe(self, insists: bool) -> int | None:
        with self._guard:
            if self._until is not None:
                if self._clock() < self._until:
                    return self._insist() if insists else None
                # The others wait until this one has an answer; or, if it never comes back, another pause.
                self._until = self._after_pause()
            return self._attempt

    def _insist(self) -> int | None:
        if self._clock() < self._insisted + FIRST:
            return None
        self._insisted = self._clock()
        return _INSISTS

    def _after_pause(self) -> float:
        return self._clock() + self._pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  no secret
