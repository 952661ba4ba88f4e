"""How a cache directory is laid out, and which of its files are ours."""

from __future__ import annotations

from memopickle.folders import scan
from memopickle.pattern import pattern
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from re import Pattern

__all__ = [
    "ASIDE",
    "ENTRY",
    "FUNCTION",
    "LOCK",
    "SHARD",
    "STATISTICS",
    "TEMPORARY",
    "USAGE",
    "USAGE_TEMPORARY",
    "is_ours",
    "own_files",
    "shards",
]

FUNCTION = pattern(r"[0-9a-f]{40}")
SHARD = pattern(r"[0-9a-f]{2}")
ENTRY = pattern(r"[0-9a-f]{62}\.[0-9a-f]{16}")
LOCK = pattern(r"[0-9a-f]{62}\.[0-9a-f]{16}\.lock")
TEMPORARY = pattern(r"\.mpk-[0-9a-f]{16}\.tmp")
ASIDE = pattern(r"\.mpk-[0-9a-f]{16}\.cleared")
STATISTICS = ".mpk-statistics"
USAGE = ".mpk-usage"
USAGE_TEMPORARY = pattern(r"\.mpk-usage-[0-9a-f]{16}\.tmp")


def shards(folder: str) -> Iterator[os.DirEntry[str]]:
    """Iterate over the two-digit folders of a function's folder."""
    for entry in scan(folder):
        if SHARD.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            yield entry


def own_files(folder: str, pattern: Pattern[str]) -> Iterator[tuple[str, str]]:
    """Iterate over (shard, name) of the files whose names fit one of our patterns."""
    for shard in shards(folder):
        for entry in scan(shard.path):
            if pattern.fullmatch(entry.name):
                yield shard.name, entry.name


def is_ours(name: str) -> bool:
    """Tell whether a file name is one that we give."""
    return any(pattern.fullmatch(name) for pattern in (ENTRY, LOCK, TEMPORARY))
