"""One entry on its way into a directory, through a descriptor that a clear takes along."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memopickle.stores.base import Writer
from memopickle.stores.files import WRITE_FLAGS, keep_private, make_directory, write_all
from memopickle.stores.layout import open_directory, remove_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memopickle.stores.base import Blob
    from memopickle.stores.directory import DirectoryStore

__all__ = ["FolderWriter"]


class FolderWriter(Writer):
    """Publishes through a descriptor of the function's folder, opened before the value was computed.

    A clear renames the folder aside, and a late value goes along with it instead of into the new folder.
    """

    def __init__(self, store: DirectoryStore, key: str) -> None:
        self._path = store.place(key)
        self._durable = store.durable
        folder = os.path.dirname(os.path.dirname(self._path))
        try:
            self._fd, base = open_directory(folder)
        except FileNotFoundError:
            store.make_folder(os.path.dirname(self._path))
            self._fd, base = open_directory(folder)
        self._shard, self._name = f"{base}{key[41:43]}", key[43:]

    def publish(self, chunks: Iterable[Blob], expires_at: float | None) -> bool:
        temporary = f"{self._shard}/.mpk-{os.urandom(8).hex()}.tmp"
        try:
            fd = self._create(temporary)
        except FileNotFoundError:
            return False  # the folder was set aside and is gone
        try:
            self._fill(fd, chunks)
            os.replace(temporary, f"{self._shard}/{self._name}", src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except BaseException as error:
            remove_file(temporary, self._fd)
            if isinstance(error, FileNotFoundError):
                return False
            raise
        if self._durable and self._fd is not None:
            self._sync_shard(self._fd)
        return True

    def retract(self) -> None:
        remove_file(self._path)

    def close(self) -> None:
        if self._fd is not None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1  # and not None: names would be relative to the working directory

    def _create(self, temporary: str) -> int:
        try:
            return os.open(temporary, WRITE_FLAGS, 0o600, dir_fd=self._fd)
        except FileNotFoundError:
            make_directory(self._shard, self._fd)
            return os.open(temporary, WRITE_FLAGS, 0o600, dir_fd=self._fd)

    def _fill(self, fd: int, chunks: Iterable[Blob]) -> None:
        try:
            keep_private(fd)
            write_all(fd, chunks)
            if self._durable:
                os.fsync(fd)
        finally:
            os.close(fd)

    def _sync_shard(self, folder: int) -> None:
        fd = os.open(self._shard, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
