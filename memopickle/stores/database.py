"""The file behind a shelf: opened by whichever dbm made it, or will."""

from __future__ import annotations

import dbm
import errno
import os
import stat
import time
from contextlib import suppress

from memopickle.errors import LockTimeoutError, StoreError
from memopickle.locks import real_clock
from memopickle.stores.dumbindex import lost_index, restore_index
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Literal

    Database = MutableMapping[bytes, bytes]

__all__ = ["check_files", "is_of_no_kind", "make_room", "open_database"]

#: What a dbm may add to the path.
_ENDINGS = ("", ".db", ".dat", ".dir", ".bak", ".pag")
#: Calls on the stack that one access takes, and some more.
_ROOM = 50
#: Seconds between two attempts to open a file that its dbm has locked.
_POLL = 0.005


def check_files(path: str) -> None:
    """StoreError if there is a pipe or a device in the place of a file: to open one may take for ever."""
    for ending in _ENDINGS:
        with suppress(OSError):
            if not stat.S_ISREG(os.stat(path + ending).st_mode):
                raise StoreError("the shelf is not a regular file; choose another path", path + ending)


def is_of_no_kind(path: str) -> bool:
    """Tell whether there is a file that no dbm known here has made. Left empty, it may become one of any kind."""
    return dbm.whichdb(path) == "" and not _is_unmade(path)


def make_room(frames: int = _ROOM) -> None:
    """Raise RecursionError unless so many calls have room: out of stack, a dbm would leave its files half written."""
    if frames:
        make_room(frames - 1)


def open_database(path: str, patience: float) -> Any:
    """Open the file, which is made if need be; wait at most ``patience`` seconds for a program that has it open."""
    check_files(path)
    if lost_index(path):
        restore_index(path)
    deadline = real_clock() + patience
    flag: Literal["n", "c"] = "n" if _is_unmade(path) else "c"
    while True:
        try:
            return dbm.open(path, flag, 0o600)
        except Exception as error:  # a damaged file makes a dbm raise anything
            # gdbm lets one writer in, or readers: a program that uses the shelf without us may be at it.
            if getattr(error, "errno", None) != errno.EAGAIN:
                raise StoreError(
                    f"cannot open the shelf ({type(error).__name__}: {error}); if it is damaged, remove its files", path
                ) from error
            if real_clock() >= deadline:
                raise LockTimeoutError(
                    f"a program has had the shelf open for {patience:.0f} seconds; close it there", path
                ) from error
        time.sleep(_POLL)


def _is_unmade(path: str) -> bool:
    """Tell whether there is an empty file of no kind yet: whoever made it was killed."""
    try:
        return os.path.getsize(path) == 0 and dbm.whichdb(path) == ""
    except OSError:
        return False
