"""Taking turns: a thousand hits at once, each quick, must not hold up everything else for the sum of them."""

from __future__ import annotations

import threading

from memopickle.aio import loops
from memopickle.locks import real_clock

__all__ = ["turns"]

#: Seconds of work at a stretch in one event loop, before everything else gets its turn.
STRETCH = 0.001


class Turns(threading.local):
    """How long the event loop of this thread has been doing our work at a stretch."""

    def __init__(self) -> None:
        self._began: float | None = None

    def is_over(self) -> bool:
        """Tell whether everything else is to have a turn before more is done; begin to measure if nobody did."""
        began = self._began
        if began is None:
            self._began = real_clock()
            self._forget_soon()
            return False
        return real_clock() - began > STRETCH

    async def next(self) -> None:
        """Let everything else have its turn, until it is ours."""
        while self.is_over():
            before = self._began
            await loops.checkpoint()
            if self._began == before:  # the first to go on; also where the loop that would forget it has ended
                self._forget()

    def _forget_soon(self) -> None:
        # As soon as the loop goes round; under trio who waits for that sees it.
        loop = loops.running_asyncio_loop()
        if loop is not None:
            loop.call_soon(self._forget)

    def _forget(self) -> None:
        self._began = None


turns: Turns = Turns()
