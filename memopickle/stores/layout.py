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
    "are_entries",
    "is_ours",
    "key_of",
    "own_files",
    "shard_of",
    "shards",
]

FUNCTION = pattern(r"[0-9a-f]{40}")
SHARD = pattern(r"[0-9a-f]{2}")
ENTRY = pattern(r"[0-9a-f]{62}\.[0-9a-f]{16}")
LOCK = pattern(r"[0-9a-f]{62}\.[0-9a-f]{16}\.lock")
TEMPORARY = pattern(r"\.mpk-[0-9a-f]{16}\.tmp")
ASIDE = pattern(r"\.mpk-[0-9a-f]{16}\.cleared")
#: The length of an entry's name and what separates it from the next one, and where its dot is.
_WIDTH, _DOT = 80, 62
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
        names = [entry.name for entry in scan(shard.path)]
        if pattern is not ENTRY or not are_entries(names):
            names = [name for name in names if pattern.fullmatch(name)]
        for name in names:
            yield shard.name, name


def shard_of(path: str) -> str:
    """Return the two digits that name the folder of an entry at a path, with whatever separators."""
    return path[-82:-80]


def key_of(path: str) -> str:
    """Return the key of an entry at a path, with whatever separators."""
    return f"{path[-123:-83]}/{shard_of(path)}{path[-79:]}"


def are_entries(names: list[str]) -> bool:
    """Tell whether all names of a shard fit ENTRY, in a tenth of the time that asking for each takes."""
    count = len(names)
    joined = "/".join([*names, ""]).encode(errors="replace")  # there is no slash in a name
    # So many dots and so many ends in their places, and nothing else but digits.
    return (
        joined[_DOT::_WIDTH] == b"." * count
        and joined[_WIDTH - 1 :: _WIDTH] == b"/" * count
        and len(joined.translate(None, b"0123456789abcdef")) == 2 * count
    )


def is_ours(name: str) -> bool:
    """Tell whether a file name is one that we give."""
    return any(pattern.fullmatch(name) for pattern in (ENTRY, LOCK, TEMPORARY))
