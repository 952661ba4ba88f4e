"""Whose turn it is to change the snapshots of a name: one thread's of one process at a time."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from memopickle.errors import LockTimeoutError
from memopickle.forking import Guard
from memopickle.locks import FileKeyLock, real_clock, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.locks import KeyLock
    from memopickle.stores.base import Store

__all__ = ["turn"]


class _Turn:
    """A lock between threads that knows who has it, and how many want it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owner = 0
        self.users = 0


_guard = Guard()  # of the turns
#: By the process as well: a forked child must not wait for a thread that stayed behind in its parent.
_turns: WeakKeyDictionary[Store, dict[tuple[int, str], _Turn]] = WeakKeyDictionary()


@contextmanager
def turn(store: Store, key: str, limit: float | None) -> Iterator[KeyLock]:
    """Hold a key's lock between threads, then between processes; LockTimeoutError after ``limit`` seconds."""
    deadline = None if limit is None else real_clock() + limit
    with _between_threads(store, key, limit):
        lock = _taken(store, key, limit, deadline)
        try:
            yield lock
        finally:
            lock.release()


def _taken(store: Store, key: str, limit: float | None, deadline: float | None) -> KeyLock:
    while True:
        lock, ours = take(store.lock, key, None if deadline is None else max(deadline - real_clock(), 0))
        if not ours:
            raise _refusal(store, key, limit)
        # A lease lets all pass who waited for one computation, since they only want its result. A turn is for one.
        if not lock.handed_over or isinstance(lock, FileKeyLock):
            return lock
        lock.release()


@contextmanager
def _between_threads(store: Store, key: str, limit: float | None) -> Iterator[None]:
    # By ourselves: a store in memory has no other lock, and a thread must never wait for itself.
    place = os.getpid(), key
    with _guard:
        turns = _turns.setdefault(store, {})
        mine = turns.setdefault(place, _Turn())
        mine.users += 1
    try:
        if mine.owner == threading.get_ident():
            raise _refusal(store, key, None)
        if not mine.lock.acquire(timeout=-1 if limit is None else min(limit, threading.TIMEOUT_MAX)):
            raise _refusal(store, key, limit)
        try:
            mine.owner = threading.get_ident()
            yield
        finally:
            mine.owner = 0
            mine.lock.release()
    finally:
        with _guard:
            mine.users -= 1
            if not mine.users:  # there may be a name for each of a million users
                turns.pop(place, None)


def _refusal(store: Store, key: str, limit: float | None) -> LockTimeoutError:
    why = (
        f"another held the lock for {limit:g} seconds; raise lock_timeout="
        if limit is not None
        else "by this thread's own session; change its state, which is saved at its end"
    )
    return LockTimeoutError(f"the snapshots of this name are locked: {why}", store.place(key))
