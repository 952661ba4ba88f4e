"""One lock file, locked by filelock on a descriptor of our own.

filelock's lock classes would do, but take a hundred microseconds, where this takes ten, and twenty frames of stack:
near its end they may have taken the lock and find no room to say so, or to let go of it. Here every step after the
lock is taken is one call.
"""

from __future__ import annotations

import errno
import os
import stat
from _thread import get_ident  # as threading has it
from contextlib import suppress

from filelock import lock_descriptor, unlock_descriptor  # 33 ms: this module is imported on a miss only

from memopickle.files import POSIX, close, keep_private
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LockFile"]

# Neither a link nor a FIFO nor a lease on the file may make us wait, or lock something else.
_FLAGS = os.O_RDWR | os.O_CREAT
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    _FLAGS |= getattr(os, _name, 0)

#: The owner may read and write.
_OWNERS = stat.S_IRUSR | stat.S_IWUSR
#: What this process has open, and which of its threads opened it.
_open: dict[int, int] = {}


class LockFile:
    """The lock on the file at ``path``, which is made if need be; for one thread. Letting go leaves the file."""

    #: The descriptor of the open file, -1 without. Here, since an interrupt may come at the beginning of __init__.
    fd: int = -1
    #: Whether it was this object that made the file that is open.
    made: bool = False
    #: Whether several can lock it.
    can_share: bool = POSIX
    #: Whether others may have locked it too.
    shared: bool = False

    def __init__(self, path: str) -> None:
        self.path = path
        #: The process that may have it open.
        self.pid: int = os.getpid()

    def take(self, *, is_new: bool = False, joins: bool = False) -> os.stat_result | None:
        """Take the lock if it is free, and return what the file is; None if another holds it, or removes it just now.

        ``is_new``: the file is rather not there yet, and ``made`` is to tell. ``joins``: those who share it are joined.

        Raises OSError if the file can't be opened or locked.
        """
        found = None
        try:
            fd = self.fd = os.open(self.path, _FLAGS | os.O_EXCL if is_new else _FLAGS, 0o600)
            self.made = is_new
        except FileExistsError:
            fd = self.fd = os.open(self.path, _FLAGS, 0o600)
            self.made = False
        try:
            _open[fd] = get_ident()
            self.shared = False
            if lock_descriptor(fd, blocking=False) or (joins and self.can_share and self.share()):
                found = self._checked(fd)
        finally:
            if found is None:
                self.let_go()
        return found

    def is_there(self, found: os.stat_result) -> bool:
        """Tell whether the path still leads to the file that was found there, and is open."""
        try:
            return os.path.samestat(os.stat(self.path), found)
        except OSError:
            return False

    def has_name(self, found: os.stat_result) -> bool:
        """Tell whether the file that was found, and is open, has whatever name."""
        try:
            now = os.fstat(self.fd)
        except OSError:
            return False
        return os.path.samestat(now, found) and now.st_nlink > 0

    def write(self, found: os.stat_result, fill: Callable[[int], int]) -> int | None:
        """Have ``fill`` write into the file that was found, and return what it returned; None if it was let go of.

        Through a descriptor of this call: another thread may let go of the file meanwhile, and what is opened next get
        the number of ours. Closing it also tells what a file system tells then only. Raises OSError.
        """
        try:
            fd = os.dup(self.fd)
        except OSError as error:
            if error.errno == errno.EBADF:
                return None
            raise
        try:
            _open[fd] = get_ident()
            return fill(fd) if os.path.samestat(os.fstat(fd), found) else None
        finally:
            _open.pop(fd, None)
            close(fd)

    def is_mine(self) -> bool:
        """Tell whether this very thread has the file locked through another object: it must not wait for itself."""
        me = get_ident()
        try:
            there = os.stat(self.path)
            return any(os.path.samestat(there, os.fstat(fd)) for fd, owner in _open.copy().items() if owner == me)
        except OSError:
            return False

    def share(self) -> bool:
        """Let others share the lock, whom nobody can lock out then; False if one did that just now, and it is lost."""
        self.shared = _locked(self.fd, alone=False)
        return self.shared

    def is_last(self) -> bool:
        """Tell whether nobody shares the lock any more, which is then ours alone; else it is lost."""
        return _locked(self.fd, alone=True)

    def let_go(self) -> None:
        """Unlock the file, if it is locked; nothing happens in a forked child, whose parent holds it."""
        fd, self.fd = self.fd, -1
        if fd < 0 or self.pid != os.getpid():
            return
        _open.pop(fd, None)
        try:
            # Closing is not enough where a library has forked, past Python, a process that has the descriptor too.
            unlock_descriptor(fd)
        except OSError:
            pass
        finally:
            try:  # noqa: SIM105  a call of suppress() needs stack
                os.close(fd)
            except OSError:
                pass

    def _checked(self, fd: int) -> os.stat_result | None:
        """Look at the file once it is locked: None if it is not the lock file any more, and others lock another.

        Its last holder may have removed it meanwhile, or written an entry into it and given it the entry's name.
        """
        found = os.fstat(fd)
        if not found.st_nlink or (found.st_size and not self.is_there(found)):
            return None
        if POSIX and found.st_mode & _OWNERS != _OWNERS:  # an umask took it away
            keep_private(fd)
        return found

    def __del__(self) -> None:
        # An interrupt may have come between taking the lock and noting it where it is let go of.
        self.let_go()


def _locked(fd: int, *, alone: bool) -> bool:
    import fcntl  # where there is such; filelock locks for one alone only

    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _close_in_child() -> None:
    # A child that lives on must not keep what its parent held when that was killed.
    for fd in _open:
        with suppress(OSError):
            os.close(fd)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
