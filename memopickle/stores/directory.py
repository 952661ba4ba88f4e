"""Entries as files: a folder for each function, written beside and renamed into place.

``root/<function>/<2 digits>/<the rest of the arguments>.<variant>``. A hit opens one file, takes no lock and writes
nothing, but for one file time per entry and hour where there is a limit. Only files with names of ours are removed.
"""

from __future__ import annotations

import os
from functools import partial

from memopickle.errors import BadEntryError, ConfigurationError, StoreError
from memopickle.expiry import result_ttl
from memopickle.files import READ_FLAGS, close, full_path, make_directory, read_rest, read_small
from memopickle.folders import remove_file, scan
from memopickle.forking import Guard
from memopickle.locks import FileKeyLock, stopwatch
from memopickle.storekey import FUNCTION_SIZE, is_key
from memopickle.stores.base import HEAD_SIZE, Store, Summary, Writer
from memopickle.stores.entryfile import check_regular, open_entry_file, peek_entry_file, refuse
from memopickle.stores.lastuse import touch
from memopickle.stores.layout import ASIDE, ENTRY, FUNCTION, STATISTICS, USAGE_TEMPORARY, own_files
from memopickle.stores.misses import Misses
from memopickle.stores.root import check_root, make_root
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memopickle.locks import KeyLock
    from memopickle.stores.account import Account
    from memopickle.stores.folder import FolderWriter
    from memopickle.typed import Blob

__all__ = ["DirectoryStore"]

_guard = Guard()  # of making an account
#: How many paths are remembered; each is a few hundred bytes.
_PLACES = 4096
#: What ``_set_up`` makes, and a pickled store does without.
_MADE = ("_account", "_limited", "_misses", "_new_writer", "_places")


class DirectoryStore(Store):
    """Entries as files below a directory, shared by threads and processes of one machine.

    Args:
        path: the directory; made (mode 0700) when first used, with its parents, and then tagged as a cache for
            backups and git. It may be a symlink.
        ttl: for functions without one of their own; see :func:`memopickle.cached`.
        durable: flush each entry to the disk before it becomes visible. Without, a power loss costs the newest
            entries: they are found damaged, and computed again.
        max_bytes: how much all entries together may have, in bytes or as ``"500MB"`` or ``"1GiB"``; an entry that is
            larger by itself is not stored. The sizes of files are counted, not the blocks that they take.
        max_entries: how many entries there may be.
        mmap: whether large arrays are mapped instead of read.

    Beyond a limit the least recently used entries are evicted, of whatever function, and up to 64 more (1/256 of the
    limit at most), so that most stores need not. One process never exceeds its limits, save that one call evicts 256
    entries at most: a lowered limit is worked off by the calls that follow, or by :meth:`Cache.prune`. Several may
    exceed it for a moment by what each is storing. Of 0 nothing is kept. All on one directory should have the same one.

    Can be pickled. Safe between threads and processes. Constructing one does no I/O.

    """

    def __init__(
        self, path: str | os.PathLike[str], ttl: object = None, *, max_bytes: int | str | None = None,
        max_entries: int | None = None, durable: bool = False, mmap: bool = False,
    ) -> None:  # fmt: skip
        self.path: str = full_path(path, "directory")
        self.ttl: int | None = result_ttl(ttl)
        self.max_bytes: int | None = None
        self.max_entries: int | None = None
        if max_bytes is not None or max_entries is not None:
            from memopickle.stores.limits import parse_limit, parse_size  # where there are some

            self.max_bytes = parse_size(max_bytes, "max_bytes")
            self.max_entries = parse_limit(max_entries, "max_entries")
        self.durable: bool = bool(durable)
        self.mmap: bool = bool(mmap)
        self._set_up()

    def _set_up(self) -> None:
        self._places: dict[str, str] = {}
        self._misses = Misses()
        self._limited = self.max_bytes is not None or self.max_entries is not None
        self._account: Account | None = None
        self._new_writer: Callable[[DirectoryStore, str, str], FolderWriter] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name not in _MADE}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._set_up()

    def __repr__(self) -> str:
        return f"DirectoryStore({self.path!r})"

    def open(self) -> None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            make_root(self.path)
            return
        except OSError as error:
            raise StoreError(
                f"cannot use the cache directory ({error.strerror}); choose another path, or make it accessible",
                self.path,
            ) from error
        check_root(self.path, found)

    @property
    def account(self) -> Account:
        """What the directory holds, as far as this store has to know; made when something changes. Internal."""
        if self._account is None:
            with _guard:
                self._account = self._account or self._make_account()
        return self._account

    def _make_account(self) -> Account:
        if not self._limited:
            from memopickle.stores.account import Account  # for what a hit does without

            return Account(self.path)
        from memopickle.stores.eviction import Evictor

        return Evictor(self.path, self.max_bytes, self.max_entries)

    def get(self, key: str) -> Blob | None:
        path = self._places.get(key)
        if path is None:
            path = self._place(key)
            if stopwatch() < self._misses.until and self._misses.is_absent(path):
                return None
        try:  # as open_entry_file does it, without its call for each hit
            fd = os.open(path, READ_FLAGS)
        except FileNotFoundError:
            self._misses.note()
            return None
        except OSError as error:
            refuse(path, error)
        try:
            if not self._limited and (data := read_small(fd)):
                return data
            return read_rest(fd, self._check(fd, path))
        finally:
            close(fd)

    def is_absent(self, key: str) -> bool:
        return type(self).get is DirectoryStore.get and self._misses.is_still_absent(self.place(key))

    def open_entry(self, key: str) -> int | None:
        """Open an entry as ``get`` does, which counts as a hit; return the descriptor of a regular file, or None.

        The caller closes it. Raises BadEntryError, StoreError. Internal.
        """
        path = self.place(key)
        fd = open_entry_file(path)
        if fd is not None:
            try:
                self._check(fd, path)
            except BaseException:
                close(fd)
                raise
        return fd

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        path = self.place(key)
        fd = peek_entry_file(path)
        if fd is None:
            return None
        try:
            check_regular(os.fstat(fd), path)
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
        return self.account.remove(path)

    def keys(self, prefix: str = "") -> Iterator[str]:
        for folder in self._folders(prefix[:FUNCTION_SIZE]):
            for shard, name in own_files(folder.path, ENTRY):
                key = f"{folder.name}/{shard}{name}"
                if key.startswith(prefix):
                    yield key

    def functions(self, prefix: str = "") -> Iterator[str]:
        return (folder.name for folder in self._folders(prefix))

    def summary(self, prefix: str = "") -> Summary:
        if len(prefix) > FUNCTION_SIZE + 1:
            return super().summary(prefix)
        from memopickle.stores.summary import summarize  # for those who ask

        return summarize(folder.path for folder in self._folders(prefix[:FUNCTION_SIZE]))

    def statistics_path(self) -> str | None:
        return f"{self.path}/{STATISTICS}"

    def clear(self, prefix: str = "") -> int:
        if len(prefix) > FUNCTION_SIZE + 1:
            return super().clear(prefix)
        from collections import Counter

        from memopickle.stores.aside import remove_aside, set_aside

        aside, counts = [], Counter[str]()
        for folder in list(self._folders(prefix[:FUNCTION_SIZE])):
            if found := set_aside(self.path, folder.path):
                aside.append(found[0])
                counts += found[1]
        self.account.cleared(counts, aside)
        remove_aside(aside, counts.total())
        return counts.total()

    def prune(self, now: int) -> int:
        from memopickle.stores.aside import empty
        from memopickle.stores.leftovers import remove_leftovers, remove_orphan

        removed = super().prune(now)
        for entry in list(scan(self.path)):
            if ASIDE.fullmatch(entry.name):
                empty(entry.path)
            elif USAGE_TEMPORARY.fullmatch(entry.name):
                remove_orphan(entry.path)
        for folder in list(self._folders("")):
            remove_leftovers(folder.path)
        return removed + self.account.settle()

    def writer(self, key: str) -> Writer:
        if self._new_writer is None:
            from memopickle.stores.folder import FolderWriter  # on a miss only

            self._new_writer = partial(FolderWriter, self.account)
        return self._new_writer(self, key, self._places.get(key) or self._place(key))

    def lock(self, key: str) -> KeyLock:
        return FileKeyLock(f"{self.place(key)}.lock", self.make_folder)

    def place(self, key: str) -> str:
        return self._places.get(key) or self._place(key)

    def _place(self, key: str) -> str:
        if not is_key(key):
            raise ConfigurationError(
                f"key={key!r}: a store key is 40 hex digits, '/', 64 hex digits, '.', 16 hex digits"
            )
        if len(self._places) >= _PLACES:
            self._places.clear()
        found = self._places[key] = f"{self.path}/{key[:43]}/{key[43:]}"
        return found

    def on_eviction(self, tell: Callable[[str], object]) -> None:
        self.account.on_eviction(tell)

    def make_folder(self, path: str) -> None:
        """Make a folder below the root, and the root again if it was deleted while running. Internal."""
        if not os.path.isdir(self.path):
            make_root(self.path)
        make_directory(os.path.dirname(path))
        make_directory(path)

    def _check(self, fd: int, path: str) -> int:
        """Return the size of an open entry, and record the hit where there is a limit."""
        found = os.fstat(fd)
        check_regular(found, path)
        if self._limited:
            touch(fd, path, found)
        return found.st_size

    def _evict(self, key: str) -> bool:
        return self.account.remove(self.place(key))

    def _is_expired(self, key: str, now: int) -> bool:
        try:
            return super()._is_expired(key, now)
        except (OSError, BadEntryError):
            return False  # something else under one of our names must not stop the pruning of the rest

    def _folders(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        for entry in scan(self.path):
            if entry.name.startswith(prefix) and FUNCTION.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                yield entry
