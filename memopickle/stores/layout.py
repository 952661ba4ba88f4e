"""How a cache directory is laid out, and which of its files are ours."""

from __future__ import annotations

import os

from memopickle.pattern import pattern
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Pattern

__all__ = [
    "ASIDE",
    "ENTRY",
    "FUNCTION",
    "LOCK",
    "STATISTICS",
    "TEMPORARY",
    "USAGE",
    "USAGE_TEMPORARY",
    "is_ours",
    "open_directory",
    "own_files",
    "remove_directory",
    "remove_file",
    "remove_own_file",
    "scan",
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

#: Whether names can be relative to an open directory. On Windows a path must do: a folder that is cleared, and made
#: again, while a value is being computed may receive that value there.
_HAS_DIR_FD = hasattr(os, "O_DIRECTORY") and {os.open, os.mkdir, os.rename, os.unlink} <= os.supports_dir_fd


def open_directory(path: str) -> tuple[int | None, str]:
    """Open a directory, which must not be a symlink; return its descriptor and what names below it begin with.

    Without descriptors of directories they are None and the path.
    """
    if _HAS_DIR_FD:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC), ""
    os.scandir(path).close()  # raises what opening would
    return None, f"{path}/"


def scan(path: str) -> Iterator[os.DirEntry[str]]:
    """Iterate over a directory; over nothing if it is gone."""
    try:
        with os.scandir(path) as found:
            yield from found
    except (FileNotFoundError, NotADirectoryError):
        return


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


def remove_file(path: str, dir_fd: int | None = None) -> bool:
    """Remove a file; return whether it was there."""
    try:
        os.unlink(path, dir_fd=dir_fd)
    except FileNotFoundError:
        return False
    return True


def remove_own_file(path: str) -> bool:
    """Remove a file of ours; a directory under one of our names stays."""
    try:
        return remove_file(path)
    except (IsADirectoryError, PermissionError):
        return False  # a directory under one of our names is somebody else's


def remove_directory(path: str, dir_fd: int | None = None) -> bool:
    """Remove a directory if it is empty; return whether it is gone."""
    try:
        os.rmdir(path, dir_fd=dir_fd)
    except OSError:
        return False
    return True
