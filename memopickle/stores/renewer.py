"""Renewing, from one thread of the process, what lasts only as long as it is renewed."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Protocol

from memopickle.forking import renew_in_child
from memopickle.locks import real_clock

__all__ = ["Renewable", "Renewer"]

#: Seconds after which a renewing thread that has nothing to do ends.
_IDLE = 10.0


class Renewable(Protocol):
    """Something to renew every ``interval`` seconds."""

    interval: float

    def extend(self) -> bool:
        """Make it last longer; return False if that is of no use any more."""
        ...


class Renewer:
    """Renews what this process holds, from one daemon thread that is there while there is something to renew."""

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin with nothing held and no thread, in a forked child."""
        self._changed = threading.Condition()
        self._due: dict[Renewable, float] = {}
        self._thread: threading.Thread | None = None

    def keep(self, one: Renewable) -> None:
        """Renew this from now on."""
        with self._changed:
            self._due[one] = real_clock() + one.interval
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="memopickle-leases", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()

    def drop(self, one: Renewable) -> None:
        """Renew this no longer."""
        with self._changed:
            self._due.pop(one, None)

    def _run(self) -> None:
        while (due := self._next()) is not None:
            for one in due:
                useful = True  # a failure may pass, within the lease
                with suppress(Exception):
                    useful = one.extend()
                with self._changed:
                    if one in self._due:
                        self._due[one] = real_clock() + one.interval
                        if not useful:
                            del self._due[one]

    def _next(self) -> list[Renewable] | None:
        """Wait until something is to be renewed and return it; None if there was nothing to do for long."""
        with self._changed:
            while True:
                now = real_clock()
                due = [one for one, when in self._due.items() if when <= now]
                if due:
                    return due
                soonest = min(self._due.values(), default=None)
                told = self._changed.wait(_IDLE if soonest is None else soonest - now)
                if not told and not self._due:
                    self._thread = None
                    return None
