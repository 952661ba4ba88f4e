"""Entries as files: a folder for each function, written beside and renamed into place.

``root/<function>/<2 digits>/<the rest of the arguments>.<variant>``. A hit opens one file, takes no lock and writes
nothing. Everything of ours is recognised by name; other files are never removed.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from memopickle.errors import BadEntryError, ConfigurationError, StoreError
from memopickle.expiry import result_ttl
from memopickle.locks import FileKeyLock, KeyLock
from memopickle.notices import warn_once
from memopickle.storekey import FUNCTION_SIZE, KEY
from memopickle.stores.base import Store, Writer
from memopickle.stores.files import POSIX, READ_FLAGS, close, make_directories, make_directory, read_rest, write_file
from memopickle.stores.folder import FolderWriter
from memopickle.stores.layout import (
    ASIDE,
    ENTRY,
    FUNCTION,
    LOCK,
    TEMPORARY,
    is_ours,
    own_files,
    remove_directory,
    remove_file,
    remove_own_file,
    scan,
    shards,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memopickle.stores.base import Blob

__all__ = ["DirectoryStore"]

#: Seconds after which a temporary file is that of a writer that died.
_ORPHAN_AGE = 3600
_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory holds a cache of memopickle. It can be removed at any time.\n"
)


class DirectoryStore(Store):
    """Entries as files below a directory, shared by threads and processes of one machine.

    Args:
        path: the directory; made (mode 0700) when first used, with its parents, and then tagged as a cache for
            backups and git. It may be a symlink.
        ttl: for functions without one of their own; see :func:`memopickle.cached`.
        durable: flush each entry to the disk before it becomes visible. Without, a power loss costs the newest
            entries: they are found damaged, and computed again.

    Can be pickled. Constructing one does no I/O.

    """

    def __init__(self, path: str | os.PathLike[str], ttl: object = None, *, durable: bool = False) -> None:
        text = os.fspath(path)
        if not isinstance(text, str) or not text or "\0" in text:
            raise ConfigurationError(f"path={path!r}: give the directory as text that is not empty, or as a Path")
        self.path = os.path.abspath(os.path.expanduser(text))
        self.ttl = result_ttl(ttl)
        self.durable = bool(durable)

    def __repr__(self) -> str:
        return f"DirectoryStore({self.path!r})"

    def open(self) -> None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            self._make_root()
            return
        except OSError as error:
            raise StoreError(f"cannot use the cache directory ({error.strerror})", self.path) from error
        self._check_root(found)

    def get(self, key: str) -> Blob | None:
        path = self.place(key)
        try:
            fd = os.open(path, READ_FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._refuse(key, error)
        try:
            return read_rest(fd, _check_regular(fd, path))
        finally:
            close(fd)

    def head(self, key: str, size: int = 4096) -> Blob | None:
        try:
            fd = os.open(self.place(key), READ_FLAGS)
        except FileNotFoundError:
            return None
        try:
            _check_regular(fd, self.place(key))
            return os.read(fd, size)
        finally:
            close(fd)

    def size(self, key: str) -> int:
        try:
            return os.lstat(self.place(key)).st_size
        except OSError:
            return 0

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        with self.writer(key) as writer:
            writer.publish(chunks, expires_at)

    def delete(self, key: str) -> bool:
        path = self.place(key)
        # The lock file first: whoever computes this key sees that the lock is lost, and does not publish.
        remove_file(f"{path}.lock")
        return remove_file(path)

    def keys(self, prefix: str = "") -> Iterator[str]:
        for folder in self._folders(prefix[:FUNCTION_SIZE]):
            for shard, name in own_files(folder.path, ENTRY):
                key = f"{folder.name}/{shard}{name}"
                if key.startswith(prefix):
                    yield key

    def functions(self, prefix: str = "") -> Iterator[str]:
        return (folder.name for folder in self._folders(prefix))

    def clear(self, prefix: str = "") -> int:
        if len(prefix) > FUNCTION_SIZE + 1:
            return super().clear(prefix)
        return sum(self._clear_folder(folder) for folder in list(self._folders(prefix[:FUNCTION_SIZE])))

    def prune(self, now: int) -> int:
        removed = super().prune(now)
        for entry in scan(self.path):
            if ASIDE.fullmatch(entry.name):
                self._empty(entry.path, None)
        for folder in list(self._folders("")):
            self._remove_leftovers(folder.path)
        return removed

    def writer(self, key: str) -> Writer:
        return FolderWriter(self, key)

    def lock(self, key: str) -> KeyLock:
        path = self.place(key)
        if not os.path.isdir(os.path.dirname(path)):
            self.make_folder(os.path.dirname(path))
        return FileKeyLock(f"{path}.lock")

    def place(self, key: str) -> str:
        if not KEY.fullmatch(key):
            raise ConfigurationError(
                f"key={key!r}: a store key is 40 hex digits, '/', 64 hex digits, '.', 16 hex digits"
            )
        return f"{self.path}/{key[:40]}/{key[41:43]}/{key[43:]}"

    def make_folder(self, path: str) -> None:
        """Make a folder below the root, and the root again if it was deleted while running."""
        if not os.path.isdir(self.path):
            self._make_root()
        make_directory(os.path.dirname(path))
        make_directory(path)

    def _refuse(self, key: str, error: OSError) -> NoReturn:
        found = _mode(self.place(key))
        if stat.S_ISLNK(found):
            raise BadEntryError("a symlink, which is never followed", self.place(key)) from error
        if found and not stat.S_ISREG(found):  # a socket cannot be opened at all
            raise BadEntryError("not a regular file", self.place(key)) from error
        raise StoreError(f"cannot read the entry ({error.strerror})", self.place(key)) from error

    def _make_root(self) -> None:
        try:
            make_directories(self.path)
            write_file(os.path.join(self.path, "CACHEDIR.TAG"), _TAG)
            write_file(os.path.join(self.path, ".gitignore"), "*\n")
        except OSError as error:
            raise StoreError(
                f"cannot make the cache directory ({error.strerror}); choose another path, or make it writable",
                self.path,
            ) from error

    def _check_root(self, found: os.stat_result) -> None:
        if not stat.S_ISDIR(found.st_mode):
            raise StoreError(
                "the cache directory is not a directory; choose another path, or move the file away", self.path
            )
        if not os.access(self.path, os.R_OK | os.X_OK):
            raise StoreError(
                "the cache directory cannot be read; mend it with chmod u+rwx, or choose another path", self.path
            )
        if POSIX and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
            warn_once(
                ("shared", self.path),
                f"others can write the cache directory {self.path}, and so delete entries or bring back old ones; "
                f"mend it with chmod go-w",
            )

    def _evict(self, key: str) -> bool:
        return remove_file(self.place(key))

    def _is_expired(self, key: str, now: int) -> bool:
        try:
            return super()._is_expired(key, now)
        except (OSError, BadEntryError):
            return False  # something else under one of our names must not stop the pruning of the rest

    def _folders(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        for entry in scan(self.path):
            if entry.name.startswith(prefix) and FUNCTION.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                yield entry

    def _clear_folder(self, folder: os.DirEntry[str]) -> int:
        # Renamed aside first: at once there is nothing to find, and writers that opened the folder before, which
        # publish through their descriptor, put their late values into what is being deleted.
        aside = os.path.join(self.path, f".mpk-{os.urandom(8).hex()}.cleared")
        try:
            os.rename(folder.path, aside)
        except FileNotFoundError:
            return 0
        return self._empty(aside, folder.path)

    def _empty(self, aside: str, origin: str | None) -> int:
        """Delete what is ours in a folder set aside; move the rest back, or leave it where the origin is not known."""
        count = 0
        for shard in list(shards(aside)):
            for entry in list(scan(shard.path)):
                removed = is_ours(entry.name) and remove_own_file(entry.path)
                count += removed and bool(ENTRY.fullmatch(entry.name))
            remove_directory(shard.path)
        if not remove_directory(aside) and origin is not None:
            self._move_back(aside, origin)
        return count

    def _move_back(self, aside: str, origin: str) -> None:
        for folder, below, names in os.walk(aside, topdown=False):
            # A link to a directory is listed among the directories, but is a thing to move.
            for name in (*names, *(name for name in below if os.path.islink(os.path.join(folder, name)))):
                target = os.path.join(origin, os.path.relpath(folder, aside), name)
                if not is_ours(name) and not os.path.lexists(target):
                    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
                    os.rename(os.path.join(folder, name), target)
            remove_directory(folder)

    def _remove_leftovers(self, folder: str) -> None:
        """Remove temporary files and locks of writers that were killed."""
        now = time.time()
        for shard, name in list(own_files(folder, TEMPORARY)):
            path = os.path.join(folder, shard, name)
            with suppress(OSError):  # another prune was first, or it is no file
                if now - os.lstat(path).st_mtime > _ORPHAN_AGE:
                    remove_own_file(path)
        for shard, name in list(own_files(folder, LOCK)):
            lock = FileKeyLock(os.path.join(folder, shard, name))
            with suppress(OSError, RuntimeError):  # no file, or held by this very thread, which is computing
                if lock.acquire(0):
                    lock.release()


def _mode(path: str) -> int:
    """Return the mode of what lies at a path, 0 if that cannot be seen."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def _check_regular(fd: int, place: str) -> int:
    """Return the size of a regular file; BadEntryError for a FIFO, a directory, a device."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise BadEntryError("not a regular file", place)
    return found.st_size
