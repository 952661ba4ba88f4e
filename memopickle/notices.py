"""Warnings that are told once, through ``logging.getLogger("memopickle")``."""

from __future__ import annotations

import sys
from contextlib import suppress

__all__ = ["forget", "told", "warn_once"]

_LIMIT = 10_000
#: What was told, by topic. Without a lock, which a fork could leave held: single operations of a dict are atomic.
told: dict[object, object] = {}


def warn_once(topic: object, message: str) -> None:
    """Log a warning unless one on the same (hashable) topic was logged before. Never raises."""
    mine = object()
    # Noted before logging: a handler that calls a cached function must not get here again.
    if told.setdefault(topic, mine) is not mine:
        return
    if len(told) > _LIMIT:
        told.clear()  # some may be told again
    _log(message)


def forget(topic: object) -> None:
    """Let the next warning on this topic be told: what it was about has been mended."""
    told.pop(topic, None)


def _log(message: str) -> None:
    with suppress(Exception):  # a broken log handler must not cost the caller the result
        try:
            import logging  # 11 ms, and most programs never get here
        except Exception:  # noqa: BLE001  no descriptors left to open it with: what logging does without handlers
            print(message, file=sys.stderr)  # noqa: T201
            return
        logging.getLogger("memopickle").warning(message)
