"""The index of a ``dbm.dumb``, which is written anew as a whole, the one before kept in ``.bak``."""

from __future__ import annotations

import dbm
import os

from memopickle.errors import StoreError

__all__ = ["lost_index", "restore_index"]


def lost_index(path: str) -> bool:
    """Tell whether the index of a dbm.dumb is gone or damaged: its writer was killed. The one before is in ``.bak``."""
    return _is_bad_index(path) and dbm.whichdb(path) in (None, "dbm.dumb")


def restore_index(path: str) -> None:
    """Take the index of before from ``.bak``; StoreError if there is none.

    Entries whose bytes were written since, perhaps half, do not pass for anything that they are not.
    """
    try:
        os.replace(f"{path}.bak", f"{path}.dir")
    except FileNotFoundError:
        raise StoreError("the shelf has lost its index (.dir); remove its .dat file to begin anew", path) from None


def _is_bad_index(path: str) -> bool:
    try:
        if not os.path.getsize(f"{path}.dat"):
            return False  # killed while it was made
        with open(f"{path}.dir", "rb") as index:
            first = index.read(1)
            if first:
                index.seek(-1, os.SEEK_END)
            return first not in (b"'", b'"') or index.read() != b"\n"
    except FileNotFoundError:
        return os.path.exists(f"{path}.dat")
