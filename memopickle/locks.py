"""The lock of one key between processes, through filelock.

A lock only saves work: every entry is right without it. The lock file exists while somebody computes. Its holder
removes it while still holding it, which filelock (since 3.30) makes safe: after locking it looks whether the file
is still linked, and begins again if not.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from memopickle.errors import LockTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filelock import BaseFileLock

T = TypeVar("T")

__all__ = ["FileKeyLock", "KeyLock", "NoLock", "locked_file", "real_clock", "take", "undisturbed"]

#: Seconds between two looks at a lock that another process holds.
POLL = 0.02
#: How often something is tried in a folder that others keep clearing away.
_ATTEMPTS = 10


def _pick_clock() -> Callable[[], float]:
    # freezegun replaces time.monotonic everywhere, and a wait measured with it would never end.
    if hasattr(time, "clock_gettime"):
        return lambda: time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic


real_clock = _pick_clock()


class KeyLock(Protocol):
    """A lock on one key, used by one thread."""

    #: True if the lock was waited for and its last holder ended properly, without being killed.
    handed_over: bool
    #: True if the lock was not free at once.
    waited: bool

    def acquire(self, limit: float | None) -> bool:
        """Wait at most ``limit`` seconds (None: as long as the holder lives); return whether it is ours now."""
        ...

    def held(self) -> bool:
        """Tell whether it is still ours: not after a clear, an invalidation, or a deleted lock file."""
        ...

    def release(self) -> None:
        """Let the next one in."""
        ...


class NoLock:
    """For stores that no other process can see."""

    handed_over = False
    waited = False

    def acquire(self, limit: float | None) -> bool:
        return True

    def held(self) -> bool:
        return True

    def release(self) -> None:
        pass


class FileKeyLock:
    """A lock file at ``path``, whose folder exists."""

    def __init__(self, path: str) -> None:
        self.handed_over = self.waited = False
        self._path = path
        self._mine: tuple[int, int, int] | None = None
        self._lock: BaseFileLock | None = None
        self._pid = os.getpid()

    def acquire(self, limit: float | None) -> bool:
        import filelock  # 33 ms: only on a miss

        lock = filelock.FileLock(
            self._path, mode=0o600, thread_local=False, fallback_to_soft=False, on_acquired=self._acquired
        )
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            if not self._wait(lock, limit):
                return False
        self._lock = lock
        return True

    def _wait(self, lock: BaseFileLock, limit: float | None) -> bool:
        import filelock

        self.waited = True
        before = _identity(self._path)
        deadline = None if limit is None else real_clock() + limit
        expired = None if deadline is None else lambda: real_clock() >= deadline
        try:
            lock.acquire(poll_interval=POLL, cancel_check=expired)
        except (filelock.Timeout, RuntimeError):  # the second: this thread holds it itself, and would wait for ever
            return False
        # A holder that ended properly removed its file, a killed one left it for us.
        self.handed_over = before != self._mine
        return True

    def _acquired(self, fd: int) -> None:
        self._mine = _identity(fd)

    def held(self) -> bool:
        # A child forked while computing inherits this object, but not the lock.
        return self._mine is not None and self._pid == os.getpid() and _identity(self._path) == self._mine

    def release(self) -> None:
        if self._lock is None or self._pid != os.getpid():
            return
        try:
            # Between the look and the removal a clear may put another's file here: that one then computes twice.
            if self.held():
                os.unlink(self._path)
        except OSError:
            pass  # the folder went away, or became read-only: the next one locks the file that stays
        finally:
            self._lock.release()
            self._lock = self._mine = None


def take(make: Callable[[str], KeyLock], key: str, limit: float | None) -> tuple[KeyLock, bool]:
    """Make the lock of a key and acquire it; return it and whether it is ours now."""

    def attempt() -> tuple[KeyLock, bool]:
        lock = make(key)
        return lock, lock.acquire(limit)

    return undisturbed(attempt)


def undisturbed(attempt: Callable[[], T]) -> T:
    """Return what ``attempt`` returns; try again where a clear took its folder away between two steps."""
    for _ in range(_ATTEMPTS):
        with suppress(FileNotFoundError, FileExistsError):
            return attempt()
    return attempt()


@contextmanager
def locked_file(path: str, patience: float) -> Iterator[None]:
    """Hold the lock file at ``path``, which stays; LockTimeoutError after ``patience`` seconds."""
    import filelock

    deadline = real_clock() + patience
    lock = filelock.FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(poll_interval=0.002, cancel_check=lambda: real_clock() >= deadline)
    except filelock.Timeout:
        raise LockTimeoutError(f"another process held the lock for {patience} seconds", path) from None
    try:
        yield
    finally:
        lock.release()


def _identity(file: str | int) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    # The inode alone is not enough: file systems give a freed number to the next new file.
    return found.st_dev, found.st_ino, found.st_mtime_ns
