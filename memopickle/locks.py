"""The lock of one key between processes, through filelock.

A lock only saves work: every entry is right without it. The lock file exists while somebody computes. Its holder
removes it, or writes the entry into it and gives it the entry's name, while still holding it. That is safe because
whoever locks a file looks then whether it is still the lock file, and begins again if not.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from functools import partial

from memopickle.errors import LockTimeoutError
from memopickle.typed import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

__all__ = [
    "FileKeyLock",
    "KeyLock",
    "NoLock",
    "locked_file",
    "real_clock",
    "remove_free_locks",
    "shared",
    "stopwatch",
    "take",
    "undisturbed",
]

#: Seconds between two looks at a lock that another process holds.
POLL = 0.02
#: The same where it is held for a moment only.
_FILE_POLL = 0.002
#: How often something is tried in a folder that others keep clearing away.
_ATTEMPTS = 10


def _pick_clocks() -> tuple[Callable[[], float], Callable[[], int]]:
    # freezegun replaces time.monotonic everywhere, and a wait measured with it would never end.
    if hasattr(time, "clock_gettime"):
        which = time.CLOCK_MONOTONIC
        return partial(time.clock_gettime, which), partial(time.clock_gettime_ns, which)
    return time.monotonic, time.monotonic_ns


#: In seconds, and in nanoseconds.
real_clock: Callable[[], float]
stopwatch: Callable[[], int]
real_clock, stopwatch = _pick_clocks()


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
    """A lock file at ``path``; ``make_folder`` makes its folder where that is missing."""

    def __init__(self, path: str, make_folder: Callable[[str], object] | None = None) -> None:
        self.handed_over: bool = False
        self.waited: bool = False
        from memopickle.lockfile import LockFile  # on a miss only

        #: Of the lock file.
        self.path: str = path
        self._file = LockFile(path)
        self._make_folder = make_folder
        #: What the file is that we hold. As long as it is open no other gets its inode's number.
        self._mine: os.stat_result | None = None
        #: Whether anything may have been written into it.
        self._used = False
        #: What the file was when it was first waited for.
        self._before: tuple[int, int, int] | None = None

    def acquire(self, limit: float | None) -> bool:
        try:
            return self._take() or self._wait(limit)
        except FileNotFoundError:
            if self._make_folder is None:
                raise
        self._make_folder(os.path.dirname(self.path))
        return self._take() or self._wait(limit)

    def _take(self) -> bool:
        found = self._file.take(is_new=True, joins=self.waited)
        if found is None:
            return False
        # A holder that ended properly removed its file, a killed one left it for us, with what it had written.
        self.handed_over = self.waited and not found.st_size and self._before != _identity(found)
        if self._file.shared and not self.handed_over:
            self._file.let_go()  # by those who shared it when we came: they are waited for
            return False
        self._mine = found
        return True

    def _wait(self, limit: float | None) -> bool:
        if not self.waited:  # tasks come again and again, with no time to wait
            self._before = _look(self.path)
            self.waited = True
        return not self._file.is_mine() and polled(self._take, limit, POLL)

    def held(self) -> bool:
        # A child forked while computing inherits this object, but not the lock.
        return self._mine is not None and self._file.pid == os.getpid() and self._file.is_there(self._mine)

    def is_blank(self) -> bool:
        """Tell whether this lock is held, and has made its file, so that nobody else may have written into that."""
        return self._mine is not None and self._file.made and not self._used

    def write(self, fill: Callable[[int], int]) -> int | None:
        """Have ``fill`` write an entry into the blank file, which is then to be renamed; return what it returned.

        That can be done once, and neither in a forked child nor once the lock was let go of: None then. OSError.
        """
        if self._mine is None or self._used:
            return None
        self._used = True
        return self._file.write(self._mine, fill)

    def renamed(self) -> bool:
        """Take note that the lock file has another name, and return whether it was ours that was renamed.

        It was not if an invalidation removed it between the look and the renaming, and another took the lock.
        """
        found, self._mine = self._mine, None
        return found is not None and self._file.has_name(found)

    def share(self) -> bool:
        """Let those who wait have the lock too; return whether an invalidation, which removes the file, is still told.

        That is by ``held``. The last of them removes the file, and nobody else gets the lock until then.
        """
        self._used = True
        if self._file.shared:
            return True
        if not self._file.can_share:
            return False
        if not self._file.share():
            self._mine = None  # another has locked it
        return self._mine is not None

    def release(self) -> None:
        try:
            # Between the look and the removal a clear may put another's file here: that one then computes twice.
            if self.held() and (not self._file.shared or self._file.is_last()):
                os.unlink(self.path)
        except OSError:
            pass  # the folder went away, or became read-only: the next one locks the file that stays
        finally:
            self._mine = None
            self._file.let_go()


def remove_free_locks(folder: str) -> None:
    """Remove the lock files in a folder that nobody holds: those of killed processes."""
    with os.scandir(folder) as entries:
        paths = [entry.path for entry in entries if entry.name.endswith(".lock")]
    for path in paths:
        lock = FileKeyLock(path)
        with suppress(OSError):  # it is no file
            if lock.acquire(0):
                lock.release()


def polled(attempt: Callable[[], bool], limit: float | None, pause: float) -> bool:
    """Try every ``pause`` seconds until it succeeds, at most ``limit`` seconds (None: without limit)."""
    deadline = None if limit is None else real_clock() + limit
    while deadline is None or real_clock() < deadline:
        time.sleep(pause)
        if attempt():
            return True
    return False


def take(make: Callable[[str], KeyLock], key: str, limit: float | None) -> tuple[KeyLock, bool]:
    """Make the lock of a key and acquire it; return it and whether it is ours now."""

    def attempt(key: str) -> tuple[KeyLock, bool]:
        lock = make(key)
        return lock, lock.acquire(limit)

    return undisturbed(attempt, key)


def shared(lock: KeyLock) -> KeyLock:
    """Let those who wait have a lock too; return what still tells whether an invalidation took it away, if anything."""
    share = getattr(lock, "share", None)
    if share is not None and share():
        return lock
    lock.release()
    return NoLock()


def undisturbed(attempt: Callable[[str], T], key: str) -> T:
    """Return what ``attempt`` returns for a key; try again where a clear took its folder away between two steps."""
    for _ in range(_ATTEMPTS):
        try:
            return attempt(key)
        except (FileNotFoundError, FileExistsError):
            continue
    return attempt(key)


@contextmanager
def locked_file(path: str, patience: float) -> Iterator[None]:
    """Hold the lock file at ``path``, which stays; LockTimeoutError after ``patience`` seconds."""
    from memopickle.lockfile import LockFile  # on a miss only

    file = LockFile(path)

    def taken() -> bool:
        return file.take() is not None

    if not taken():
        if file.is_mine():
            raise LockTimeoutError("this thread holds the lock itself", path)
        if not polled(taken, patience, _FILE_POLL):
            raise LockTimeoutError(
                f"another process held the lock for {patience} seconds; if it is stopped, end it", path
            )
    try:
        yield
    finally:
        file.let_go()


def _look(path: str) -> tuple[int, int, int] | None:
    try:
        return _identity(os.stat(path))
    except OSError:
        return None


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    # The inode alone is not enough: file systems give a freed number to the next new file.
    return found.st_dev, found.st_ino, found.st_mtime_ns
