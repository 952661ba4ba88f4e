"""How much is measured and where, and the caches that the workloads make."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from memopickle import Cache, DirectoryStore, Secret
from suite.fresh import Fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SECRET", "Setting", "disk_cache"]

SECRET = "the secret of the benchmark, 32 bytes"


@dataclass
class Setting:
    """What every workload is told."""

    #: An empty directory for whatever is stored.
    root: str
    rounds: int = 21
    #: Rounds of what takes a large part of a second.
    few: int = 7
    #: How often each contender has its turn in a round.
    turns: int = 4
    #: Nanoseconds that a contender's calls take in one turn, about; a single call may take longer.
    aim: float = 2e6
    #: Divides what is made by the hundred thousand, and the large array.
    smaller: int = 1
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @cached_property
    def fresh(self) -> Fresh:
        """What runs programs in processes of their own."""
        return Fresh(self.folder())

    def folder(self) -> str:
        """Make a new, empty folder."""
        path = os.path.join(self.root, str(next(self._numbers)))
        os.mkdir(path)
        return path


def disk_cache(folder: str, algorithm: str = "blake3", **options: Any) -> Cache:
    """Return a cache over a directory, that raises where it can't do what is measured; ``options`` are the store's."""
    return Cache(DirectoryStore(folder, **options), secret=Secret(SECRET, algorithm), on_error="raise")
