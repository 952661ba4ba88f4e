"""What this user cleared on this machine, for stores whose place can't tell who cleared what."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from blake3 import blake3

from memopickle.stores.userfiles import lock_directory

__all__ = ["ClearLog", "Mark", "user_log"]

#: Bytes from which the file begins anew.
_LONG = 1 << 20
_TOKEN = 33


class Mark(NamedTuple):
    """How far a log went."""

    #: What its file begins with, which tells it from later ones; empty where there was none.
    token: bytes
    size: int


class ClearLog:
    """A file of key prefixes, one a line, to which every clear and every invalidation appends before it removes.

    Who computes a value marks how far it goes, before, and reads what came since, after publishing: either the
    removal came later and took the value along, or it is in the log. A file that is not the one that was marked, or
    is gone, counts as a clear of everything: that costs a computation. Safe between threads and processes.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def note(self, prefix: str) -> None:
        """Append a prefix; ``""`` stands for all keys. Raises OSError."""
        with suppress(FileNotFoundError):
            if os.stat(self._path).st_size >= _LONG:
                os.unlink(self._path)
        try:
            self._append(self._path, prefix, 0)
        except FileNotFoundError:
            self._begin()
            self._append(self._path, prefix, os.O_CREAT)

    def mark(self) -> Mark:
        """Return how far the log goes now. Raises OSError."""
        try:
            with open(self._path, "rb") as file:
                return Mark(file.read(_TOKEN), os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            return Mark(b"", 0)

    def names(self, key: str, mark: Mark) -> bool:
        """Tell whether a key was cleared or invalidated since a mark. Raises OSError."""
        try:
            with open(self._path, "rb") as file:
                if mark.token and file.read(_TOKEN) != mark.token:
                    return True
                file.seek(max(mark.size, _TOKEN))
                prefixes = file.read().decode("ascii", "replace").split("\n")[:-1]
        except FileNotFoundError:
            return bool(mark.token)
        return any(map(key.startswith, prefixes))

    def _begin(self) -> None:
        # Linked into place whole: what another process appended before the token would be taken for it.
        token = os.urandom(_TOKEN // 2).hex()
        beside = f"{self._path}.{token}"
        self._append(beside, token, os.O_CREAT | os.O_EXCL)
        try:
            with suppress(FileExistsError):
                os.link(beside, self._path)
        finally:
            os.unlink(beside)

    def _append(self, path: str, line: str, flags: int) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | flags, 0o600)
        try:
            os.write(fd, f"{line}\n".encode("ascii"))
        finally:
            os.close(fd)


def user_log(name: str) -> ClearLog:
    """Return this user's log on this machine of the place of this name; StoreError if there is no directory for it."""
    digest = blake3(name.encode("utf-8", "surrogateescape")).hexdigest(16)
    return ClearLog(os.path.join(lock_directory(), f"{digest}.cleared"))
