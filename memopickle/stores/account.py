"""What a store without a limit does for others that have one on the same directory: it tells them what it changes."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from memopickle.errors import StoreError
from memopickle.folders import remove_file
from memopickle.locks import stopwatch
from memopickle.stores.layout import USAGE, shard_of
from memopickle.stores.misses import MOMENT
from memopickle.stores.usage import Usage, append
from memopickle.typed import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from memopickle.stores.usage import Change

__all__ = ["ENDLESS", "Account"]

#: No limit.
ENDLESS = 1 << 62


class Account:
    """The usage of a directory, as one store sees it; Evictor is that of a store with a limit.

    Nothing is written where nobody keeps account. No method raises OSError, but for ``remove``.
    """

    #: Whether the account is this one's own, and kept in any case.
    _is_own = False

    def __init__(self, root: str) -> None:
        self._root = root
        #: How many bytes an entry may have; see ``refuse``.
        self.largest: int = ENDLESS
        #: Whether the file system renames a file that is open, until it refused to; see FolderWriter.
        self.renames_locks: bool = True
        #: What is there if anybody keeps account.
        self._file = f"{root}/{USAGE}"
        #: How many accounts this process had made when it saw that nobody keeps one here, and until when, by the
        #: stopwatch, that is believed: asking costs a store 2 %.
        self._alone = 0, 0

    def weigh(self, path: str, dir_fd: int | None = None) -> tuple[int, int] | None:
        """Return entries (0 or 1) and bytes at the path of an entry; None if nobody keeps account."""
        if not self._is_own:
            made, until = self._alone
            if 0 < until - stopwatch() <= MOMENT and made == Usage.made:  # no more: the clock may have been frozen
                return None
            if not self._is_kept():
                return None
        if not os.access(path, os.F_OK, dir_fd=dir_fd):  # as a rule, which costs less than the exception
            return 0, 0
        try:
            found = os.lstat(path, dir_fd=dir_fd)
        except OSError:
            return 0, 0
        return (1, found.st_size) if stat.S_ISREG(found.st_mode) else (0, 0)

    def refuse(self, place: str) -> NoReturn:
        """Raise StoreError for an entry with more bytes than ``largest``."""
        raise StoreError(f"the entry has more than max_bytes={self.largest} bytes; raise that limit to store it", place)

    def stored(self, path: str, size: int, before: tuple[int, int]) -> None:
        """Take account of a new entry of ``size`` bytes; ``before`` is what was weighed there."""
        self._note([(int(shard_of(path), 16), False, 1 - before[0], size - before[1])])

    def remove(self, path: str) -> bool:
        """Remove an entry, and take account of it; return whether it was there."""
        before = self.weigh(path)
        removed = remove_file(path)
        if removed and before is not None:
            self._note([(int(shard_of(path), 16), False, -before[0], -before[1])])
        return removed

    def cleared(self, counts: Mapping[str, int], folders: Sequence[str]) -> None:
        """Take account of so many entries removed from each shard, which are in these folders set aside."""
        if not self._is_own and not self._is_kept():
            return
        from memopickle.stores.look import size_of  # where something is cleared

        with suppress(OSError):
            usage = Usage(self._root)
            usage.update(make=False)
            while usage.behind:
                usage.update(make=False)
            changes: list[Change] = []
            for shard, count in counts.items():
                entries, size = usage.cell(int(shard, 16)) or (0, 0)
                if count < entries:  # others remain, which may be of other sizes
                    size = sum(size_of(f"{folder}/{shard}") for folder in folders)
                if count and entries > 0:
                    changes.append((int(shard, 16), False, -count, -size))
            self._note(changes)

    def on_eviction(self, tell: Callable[[str], object]) -> None:
        """Have ``tell`` called with the key of what is evicted."""

    def settle(self) -> int:
        """Evict all that is too much; return how many entries went."""
        return 0

    def _is_kept(self) -> bool:
        made = Usage.made  # before looking: another thread may be making it
        kept = os.access(self._file, os.F_OK)
        self._alone = made, 0 if kept else stopwatch() + MOMENT
        return kept

    def _note(self, changes: list[Change]) -> None:
        with suppress(OSError):  # made good when the slice is counted again
            append(self._root, changes)
