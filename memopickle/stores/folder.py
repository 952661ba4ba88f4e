"""One entry on its way into a directory, through a descriptor that a clear takes along."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from functools import partial

from memopickle.errors import StoreError
from memopickle.files import POSIX, WRITE_FLAGS, byte_count, close, make_directory, replace, write_whole
from memopickle.folders import open_directory, remove_directory, remove_file
from memopickle.locks import FileKeyLock, stopwatch
from memopickle.storekey import FUNCTION_SIZE
from memopickle.stores.base import Writer
from memopickle.stores.misses import MOMENT
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memopickle.locks import KeyLock
    from memopickle.stores.account import Account
    from memopickle.stores.directory import DirectoryStore
    from memopickle.typed import Blob

__all__ = ["FolderWriter"]

#: Of an entry.
_MODE = 0o600
#: Where the two digits of a key are that name the folder in its function's folder.
_SHARD = slice(FUNCTION_SIZE + 1, FUNCTION_SIZE + 3)


class _Umask:
    """Whether the umask leaves a new file the mode that it was made with, which no call of the system tells.

    That it did a moment ago is believed, as setting the mode of each file costs a store 4 %. Whoever then has just set
    one that takes from the owner gets files that he can't read: those calls compute, and store, once more.
    """

    #: By the stopwatch.
    harmless_until = 0

    def correct(self, fd: int) -> None:
        if stat.S_IMODE(os.fstat(fd).st_mode) == _MODE:
            self.harmless_until = stopwatch() + MOMENT
        else:
            os.fchmod(fd, _MODE)


_umask = _Umask()


class FolderWriter(Writer):
    """Publishes through a descriptor of the function's folder, opened before the value was computed.

    A clear renames the folder aside, and a late value goes along with it instead of into the new folder.
    """

    _lock: FileKeyLock | None = None

    def __init__(self, account: Account, store: DirectoryStore, key: str, path: str) -> None:
        self._path = path
        self._account = account
        self._durable = store.durable
        folder = f"{store.path}/{key[:FUNCTION_SIZE]}"
        try:
            self._fd, base = open_directory(folder)
        except FileNotFoundError:
            store.make_folder(os.path.dirname(path))
            self._fd, base = open_directory(folder)
        self._shard = f"{base}{key[_SHARD]}"
        self._target = f"{self._shard}/{key[_SHARD.stop :]}"

    def use_lock(self, lock: KeyLock) -> bool:
        if self._fd is None or not isinstance(lock, FileKeyLock) or lock.path != f"{self._path}.lock":
            return False
        if self._account.renames_locks and lock.is_blank():
            self._lock = lock
        return self._lock is not None

    def publish(self, chunks: Iterable[Blob], expires_at: float | None) -> bool:
        if self._lock is not None:
            return self._publish_locked(self._lock, chunks)
        temporary = f"{self._shard}/.mpk-{os.urandom(8).hex()}.tmp"
        try:
            fd = self._create(temporary)
        except FileNotFoundError:
            return False  # the folder was set aside and is gone
        try:
            try:
                if POSIX and stopwatch() >= _umask.harmless_until:
                    _umask.correct(fd)
                size = self._fill(chunks, fd)
            finally:
                close(fd)
            before = self._account.weigh(self._target, self._fd)
            (self._show_durably if self._durable else self._show)(temporary)
        except BaseException as error:
            remove_file(temporary, self._fd)
            if isinstance(error, FileNotFoundError):
                return False
            raise
        if before is not None:
            self._account.stored(self._path, size, before)
        return True

    def _publish_locked(self, lock: FileKeyLock, chunks: Iterable[Blob]) -> bool:
        """Write the entry into the file of its lock, and rename that: one file less to make, and one to remove.

        Whatever fails before leaves a lock file, which is removed when the lock is released.
        """
        size = lock.write(partial(self._fill, chunks))
        before = self._account.weigh(self._target, self._fd)
        if size is None or not lock.held():
            return False
        try:
            (self._show_durably if self._durable else self._show)(f"{self._target}.lock")
        except FileNotFoundError:
            return False  # an invalidation removed it, or the folder was set aside and is gone
        except OSError:
            self._account.renames_locks = False  # perhaps since it is open; the next are written beside
            raise
        if not lock.renamed():
            remove_file(self._target, self._fd)
            return False
        if before is not None:
            self._account.stored(self._path, size, before)
        return True

    def retract(self) -> None:
        self._account.remove(self._path)

    def close(self) -> None:
        fd = self._fd
        if fd is not None and fd >= 0:
            # Before it is closed, as its number may be another's after; and not None, the working directory.
            self._fd = -1
            try:  # noqa: SIM105  suppress() would cost more than the close
                os.close(fd)
            except OSError:  # nothing was written through it
                pass

    def _create(self, temporary: str) -> int:
        try:
            return os.open(temporary, WRITE_FLAGS, _MODE, dir_fd=self._fd)
        except FileNotFoundError:
            make_directory(self._shard, self._fd)
            return os.open(temporary, WRITE_FLAGS, _MODE, dir_fd=self._fd)

    def _fill(self, chunks: Iterable[Blob], fd: int) -> int:
        size = 0
        for chunk in chunks:
            count = byte_count(chunk)
            size += count
            if size > self._account.largest:
                self._account.refuse(self._path)
            write_whole(fd, chunk, count)
        if self._durable:
            os.fsync(fd)
        return size

    def _show_durably(self, temporary: str) -> None:
        if self._fd is None:
            self._show(temporary)
            return
        # Opened before: after the rename nothing may fail but the flush itself.
        shard = os.open(self._shard, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            self._show(temporary)
            self._flush(shard)
        finally:
            with suppress(OSError):  # nothing was written through it
                os.close(shard)

    def _show(self, temporary: str) -> None:
        try:
            replace(temporary, self._target, self._fd)
        except IsADirectoryError as error:
            # An empty one is no loss to anybody. What lies in another is not ours to remove.
            if not remove_directory(self._target, self._fd):
                raise StoreError(
                    "a directory that is not empty has the name of an entry; move it away", self._path
                ) from error
            replace(temporary, self._target, self._fd)

    def _flush(self, shard: int) -> None:
        try:
            os.fsync(shard)
        except OSError:  # a promise that can't be kept is taken back
            remove_file(self._target, self._fd)
            raise
