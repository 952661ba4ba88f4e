"""Whose turn it is to change the snapshots of a name: one thread's of one process at a time."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from memopickle.errors import LockTimeoutError
from memopickle.locks import real_clock, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.locks import KeyLock
    from memopickle.stores.base import Store

__all__ = ["turn"]


class _Turn:
    """A lock between threads that knows who has it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owner = 0


#: By the process as well: a forked child must not wait for a thread that stayed behind in its parent.
_turns: WeakKeyDictionary[Store, dict[tuple[int, str], _Turn]] = WeakKeyDictionary()


@contextmanager
def turn(store: Store, key: str, limit: float | None) -> Iterator[KeyLock]:
    """Hold a key's lock between threads, then between processes; LockTimeoutError after ``limit`` seconds.

    Between the threads by ourselves: a store in memory has no other lock, and a thread must not wait for itself.
    """
    deadline = None if limit is None else real_clock() + limit
    mine = _turns.setdefault(store, {}).setdefault((os.getpid(), key), _Turn())
    me = threading.get_ident()
    if mine.owner == me:
        raise LockTimeoutError("this thread is within a session of it; change the state there", store.place(key))
    if not mine.lock.acquire(timeout=-1 if limit is None else min(limit, threading.TIMEOUT_MAX)):
        raise _too_long(store, key, limit)
    try:
        mine.owner = me
        lock, ours = take(store.lock, key, None if deadline is None else max(deadline - real_clock(), 0))
        if not ours:
            raise _too_long(store, key, limit)
        try:
            yield lock
        finally:
            lock.release()
    finally:
        mine.owner = 0
        mine.lock.release()


def _too_long(store: Store, key: str, limit: float | None) -> LockTimeoutError:
    return LockTimeoutError(f"another one held the lock for {limit} seconds", store.place(key))
