"""Computing anew in the background: few threads, each key once at a time, and a pause after a failure."""

from __future__ import annotations

import threading
from collections import deque

from memopickle.forking import renew_in_child
from memopickle.locks import real_clock
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Background"]

WORKERS = 4
#: Recomputations at once by tasks of event loops.
MOST_TASKS = 100
#: Keys that wait for a worker; what comes on top is asked for again by the next call that finds it stale.
WAITING = 1000
#: Seconds after the first failure of a key in which it is left alone; doubled with each failure, up to the longest.
PAUSE, LONGEST = 1.0, 60.0


class Background:
    """The recomputations of one cache. Safe between threads; a forked child begins with none.

    Its threads end when there is nothing to do, and don't keep a program from ending: what is under way then is
    lost, as it is when a process is killed.
    """

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Forget what threads of the parent were doing."""
        self._guard = threading.RLock()  # guards all below; re-entrant as that of Flights is
        self._tasks: deque[tuple[str, Callable[[], bool | None]]] = deque()
        self._busy: set[str] = set()  # keys waiting or under way
        self._failed: dict[str, tuple[int, float]] = {}  # how often in a row, and until when to leave it alone
        self._workers = 0

    def admit(self, key: str) -> bool:
        """Tell whether a task shall compute a key anew now, which then says when it has ``ended``."""
        with self._guard:
            if key in self._busy or len(self._busy) >= MOST_TASKS or self._is_pausing(key):
                return False
            self._busy.add(key)
            return True

    def submit(self, key: str, task: Callable[[], bool | None]) -> bool:
        """Have ``task`` run, which raises nothing and returns how it ``ended``; return False if it is not to be."""
        with self._guard:
            if key in self._busy or len(self._tasks) >= WAITING or self._is_pausing(key):
                return False
            self._busy.add(key)
            self._tasks.append((key, task))
            if self._workers >= WORKERS:
                return True
            self._workers += 1
        try:
            threading.Thread(target=self._work, name="memopickle-background", daemon=True).start()
        except RuntimeError:  # no thread to be had, or the interpreter is ending
            self._give_up()
            return False
        return True

    def _is_pausing(self, key: str) -> bool:
        return key in self._failed and real_clock() < self._failed[key][1]

    def _give_up(self) -> None:
        with self._guard:
            self._workers -= 1
            if not self._workers:
                self._tasks.clear()
                self._busy.clear()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._tasks:
                    self._workers -= 1
                    return
                key, task = self._tasks.popleft()
            try:
                succeeded: bool | None = task()
            except BaseException:  # noqa: BLE001  the end of this thread only; sys.exit() in the user's function
                succeeded = False
            self.ended(key, succeeded)

    def ended(self, key: str, succeeded: bool | None) -> None:
        """Note how a recomputation ended; None: it was given up."""
        with self._guard:
            self._busy.discard(key)
            if succeeded is None:
                return
            if succeeded:
                self._failed.pop(key, None)
                return
            if len(self._failed) >= WAITING:
                self._failed.clear()
            times = self._failed.get(key, (0, 0.0))[0]
            self._failed[key] = times + 1, real_clock() + min(PAUSE * 2**times, LONGEST)
