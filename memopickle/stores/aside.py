"""Clearing a function's folder: set aside at once, emptied afterwards."""

from __future__ import annotations

import os
import threading
from collections import Counter

from memopickle.folders import remove_directory, remove_own_file, scan
from memopickle.notices import warn_once
from memopickle.stores.layout import ENTRY, SHARD, are_entries, is_ours, shards
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["empty", "remove_aside", "set_aside"]

#: Up to so many entries are removed before the clear returns.
_FEW = 1000


def set_aside(root: str, folder: str) -> tuple[str, Counter[str]] | None:
    """Rename a function's folder aside; return its new path and how many entries each shard held, None if it is gone.

    At once there is nothing to find, and writers that opened the folder before, which publish through their
    descriptor, put their late values into what is being removed. Files that are not ours are moved back.
    """
    aside = os.path.join(root, f".mpk-{os.urandom(8).hex()}.cleared")
    try:
        os.rename(folder, aside)
    except FileNotFoundError:
        return None
    counts: Counter[str] = Counter()
    foreign = False
    for shard in scan(aside):
        if SHARD.fullmatch(shard.name) and shard.is_dir(follow_symlinks=False):
            counts[shard.name], others = _count(shard.path)
            foreign = foreign or others
        else:
            foreign = True
    if foreign:
        _move_back(aside, folder)
    return aside, counts


def _count(shard: str) -> tuple[int, bool]:
    """Return how many entries are in a shard, and whether there is something that is not ours."""
    # A directory is not ours, whatever its name.
    names = ["" if entry.is_dir(follow_symlinks=False) else entry.name for entry in scan(shard)]
    if are_entries(names):
        return len(names), False
    return sum(1 for name in names if ENTRY.fullmatch(name)), not all(map(is_ours, names))


def _move_back(aside: str, origin: str) -> None:
    for folder, below, names in os.walk(aside, topdown=False):
        # A link to a directory is listed among the directories, but is a thing to move.
        for name in (*names, *(name for name in below if os.path.islink(os.path.join(folder, name)))):
            target = os.path.join(origin, os.path.relpath(folder, aside), name)
            if not is_ours(name) and not os.path.lexists(target):
                os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
                os.rename(os.path.join(folder, name), target)
        remove_directory(folder)


def remove_aside(folders: Iterable[str], count: int) -> None:
    """Remove folders set aside: a few entries now, more in a thread that the interpreter waits for when it ends.

    Where the process is killed before, prune removes the rest.
    """
    if count > _FEW:
        try:
            threading.Thread(target=_empty_quietly, args=(folders,), name="memopickle clear").start()
        except RuntimeError:  # no thread to be had, or the interpreter is ending
            pass
        else:
            return
    for folder in folders:
        empty(folder)


def _empty_quietly(folders: Iterable[str]) -> None:
    for folder in folders:
        try:
            empty(folder)
        except OSError as error:
            warn_once(("clear", folder), f"could not remove {folder} ({error.strerror}), which prune will try again")


def empty(aside: str) -> None:
    """Remove what is ours in a folder set aside, and the folder if nothing else is in it."""
    for shard in list(shards(aside)):
        for entry in list(scan(shard.path)):
            if is_ours(entry.name):
                remove_own_file(entry.path)
        remove_directory(shard.path)
    remove_directory(aside)
