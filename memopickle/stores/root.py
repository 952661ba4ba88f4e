"""The directory that a cache is in: made, tagged and looked at."""

from __future__ import annotations

import os
import stat

from memopickle.errors import StoreError
from memopickle.files import POSIX, make_directories, write_file
from memopickle.notices import warn_once

__all__ = ["check_root", "make_root"]

_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory holds a cache of memopickle. It can be removed at any time.\n"
)


def make_root(path: str) -> None:
    """Make a cache directory, with its parents, and tag it for backups and git; StoreError."""
    try:
        make_directories(path)
        write_file(os.path.join(path, "CACHEDIR.TAG"), _TAG)
        write_file(os.path.join(path, ".gitignore"), "*\n")
    except OSError as error:
        raise StoreError(
            f"cannot make the cache directory ({error.strerror}); choose another path, or make it writable", path
        ) from error


def check_root(path: str, found: os.stat_result) -> None:
    """Raise StoreError for what can't be used, and warn once of a directory that others can write."""
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError("the cache directory is not a directory; choose another path, or move the file away", path)
    if not os.access(path, os.R_OK | os.X_OK):
        raise StoreError("the cache directory cannot be read; mend it with chmod u+rwx, or choose another path", path)
    if POSIX and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        warn_once(
            ("shared", path),
            f"others can write the cache directory {path}, and so delete entries or bring back old ones; "
            f"mend it with chmod go-w",
        )
