"""Opening the file of an entry, which is a regular file and nothing else."""

from __future__ import annotations

import os
import stat

from memopickle.errors import BadEntryError, StoreError
from memopickle.files import PEEK_FLAGS, READ_FLAGS, mode_of
from memopickle.typed import NoReturn  # noqa: TC001  loaded all the same

__all__ = ["check_regular", "open_entry_file", "peek_entry_file", "refuse"]


def open_entry_file(path: str, flags: int = READ_FLAGS) -> int | None:
    """Return the descriptor of what lies at a path, None if nothing does; BadEntryError, StoreError."""
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        refuse(path, error)


def peek_entry_file(path: str) -> int | None:
    """Do the same without making the entry look used, as far as that is permitted: to those who own the file."""
    try:
        return open_entry_file(path, PEEK_FLAGS)
    except StoreError:
        return open_entry_file(path)


def check_regular(found: os.stat_result, place: str) -> None:
    """Raise BadEntryError for a FIFO, a directory, a device."""
    if not stat.S_ISREG(found.st_mode):
        raise BadEntryError("not a regular file", place)


def refuse(path: str, error: OSError) -> NoReturn:
    """Raise what tells why a file that is there can't be opened as an entry: BadEntryError, StoreError."""
    found = mode_of(path)
    if stat.S_ISLNK(found):
        raise BadEntryError("a symlink, which is never followed", path) from error
    if found and not stat.S_ISREG(found):  # a socket cannot be opened at all
        raise BadEntryError("not a regular file", path) from error
    raise StoreError(f"cannot read the entry ({error.strerror}); mend its mode, or remove it", path) from error
