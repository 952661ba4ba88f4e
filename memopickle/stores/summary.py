"""How many entries a cache directory holds, their bytes and ages: from the directory alone, no file is opened."""

from __future__ import annotations

import stat

from memopickle.folders import scan
from memopickle.stores.base import Summary
from memopickle.stores.layout import ENTRY, shards
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

__all__ = ["summarize"]


def summarize(folders: Iterable[str]) -> Summary:
    """Return the summary of the folders of functions; their ages are those of the files."""
    entries, size, oldest, newest = 0, 0, float("inf"), 0.0
    for found in _entries(folders):
        entries += 1
        size += found.st_size
        oldest = min(oldest, found.st_mtime)
        newest = max(newest, found.st_mtime)
    return Summary(entries, size, oldest, newest) if entries else Summary(0, 0)


def _entries(folders: Iterable[str]) -> Iterator[os.stat_result]:
    fits = ENTRY.fullmatch
    for folder in folders:
        for shard in shards(folder):
            for entry in scan(shard.path):
                if fits(entry.name):
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # removed meanwhile
                    if stat.S_ISREG(found.st_mode):
                        yield found
