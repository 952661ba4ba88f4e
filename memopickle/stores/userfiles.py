"""What stores without a place of their own for it keep of a user on a machine: locks between processes, statistics."""

from __future__ import annotations

import os
import stat
import sys

from blake3 import blake3

from memopickle.errors import StoreError
from memopickle.files import POSIX, make_directories
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.locks import KeyLock

__all__ = ["lock_directory", "user_lock", "user_statistics_path"]


def user_lock(name: str) -> KeyLock:
    """Return the lock of this name among the processes of this user on this machine."""
    from memopickle.locks import FileKeyLock  # on a miss only

    return FileKeyLock(os.path.join(lock_directory(), f"{_digest(name)}.lock"))


def user_statistics_path(name: str) -> str:
    """Return the path of the statistics of this name, in a directory that is made; OSError if it can't be."""
    import platformdirs  # 16 ms: never on a hit

    folder = os.path.join(platformdirs.user_state_dir("memopickle", appauthor=False), "statistics")
    make_directories(folder)
    return os.path.join(folder, _digest(name))


def _digest(name: str) -> str:
    return blake3(name.encode("utf-8", "surrogateescape")).hexdigest(16)


def lock_directory() -> str:
    """Return a directory for lock files that belongs to this user alone, made if need be.

    Raises StoreError if there is none: another user's directory could hold planted links.
    """
    uid = os.getuid() if hasattr(os, "getuid") else 0  # what lstat says on Windows
    problem = ""
    for path, *above in _lock_directories(uid):
        problem = next(filter(None, (_problem(one, uid) for one in (*above, path))), "")
        if not problem:
            return path
    raise StoreError(f"no directory for lock files ({problem}); set XDG_RUNTIME_DIR to one of your own")


def _lock_directories(uid: int) -> Iterator[tuple[str, ...]]:
    """Give each directory that may do, and those above it that have to be this user's, too."""
    if sys.platform in ("darwin", "win32"):
        import platformdirs  # 16 ms: only on a miss

        yield (platformdirs.user_runtime_dir("memopickle"),)
    elif os.path.isabs(runtime := os.environ.get("XDG_RUNTIME_DIR", "")):
        # Not from platformdirs, which warns of one that others can read, and guesses another.
        yield os.path.join(runtime, "memopickle"), runtime
    import tempfile  # 5 ms, with all that it imports

    yield (os.path.join(tempfile.gettempdir(), f"memopickle-{uid}"),)


def _problem(path: str, uid: int) -> str:
    """Make a directory if need be; return why there can be no locks in it, ``""`` if there can."""
    try:
        make_directories(path)
        found = os.lstat(path)
    except OSError as error:
        return str(error)
    if stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not (POSIX and found.st_mode & 0o022):
        return ""
    return f"{path} is writable by others or is not yours"
