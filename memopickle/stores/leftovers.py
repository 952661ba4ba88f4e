"""What killed writers left behind."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from memopickle.folders import remove_own_file
from memopickle.locks import FileKeyLock
from memopickle.stores.layout import LOCK, TEMPORARY, own_files

__all__ = ["remove_leftovers", "remove_orphan"]

#: Seconds after which a temporary file is that of a writer that died.
_ORPHAN_AGE = 3600


def remove_leftovers(folder: str) -> None:
    """Remove the temporary files and locks of writers that were killed from a function's folder."""
    for shard, name in list(own_files(folder, TEMPORARY)):
        remove_orphan(os.path.join(folder, shard, name))
    for shard, name in list(own_files(folder, LOCK)):
        lock = FileKeyLock(os.path.join(folder, shard, name))
        with suppress(OSError, RuntimeError):  # no file, or held by this very thread, which is computing
            if lock.acquire(0):
                lock.release()


def remove_orphan(path: str) -> None:
    """Remove a temporary file whose writer must have died."""
    with suppress(OSError):  # another prune was first, or it is no file
        if time.time() - os.lstat(path).st_mtime > _ORPHAN_AGE:
            remove_own_file(path)
