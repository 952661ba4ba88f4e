"""Keeping a cache directory within its limits: the least recently used entries go first.

docs/explanation/eviction.md says how, how exactly the limits hold, and what other caches do.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager

from memopickle import logs
from memopickle.errors import StoreError
from memopickle.files import file_time, is_directory
from memopickle.folders import remove_own_file, scan
from memopickle.forking import Guard
from memopickle.notices import warn_once
from memopickle.stores.account import Account
from memopickle.stores.lastuse import last_used
from memopickle.stores.layout import ENTRY, FUNCTION, shards
from memopickle.stores.usage import SLICES, Change, Usage, append
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Evictor"]

#: Nanoseconds by which a file may be from the future.
_SKEW = 300 * 10**9
#: A look ends with the slice in which it has cost this much: 1 for an entry, 4 for a folder.
_LOOK = 2048
#: So many entries are looked at for one that may be evicted, unless the look was at all of them.
_SAMPLE = 4
#: A process reads the account again when it has stored so large a part of a limit, or so many entries.
_PART, _UNREAD = 1024, 32
#: How many entries one call evicts at most.
_MOST = 256
#: One in so many stores looks, though nothing is to be evicted, to correct the account.
_SELDOM = 1024
#: Up to so many functions their folders are listed, instead of looking for one slice in each.
_FEW = 64


#: An entry in the order of eviction: first those from the future, whose times mean nothing, then by time. The rest is
#: its size, its slice and its path.
_Candidate = tuple[bool, int, int, int, str]


class Evictor(Account):
    """Evicts for one store; safe between threads, and together with those of other processes."""

    def __init__(self, root: str, max_bytes: int | None, max_entries: int | None) -> None:
        super().__init__(root)
        self._max_bytes = max_bytes
        self._slack = 0 if max_bytes is None else max_bytes // _PART
        self._max_entries = max_entries
        self._slack_entries = min(_UNREAD, _UNREAD if max_entries is None else max_entries // _PART)
        self._guard = Guard()  # of everything below
        self._usage = Usage(root)
        #: Appended since the account was read. Begins anywhere, so that short processes also come to read it.
        self._unread = self._slack * os.urandom(1)[0] // 256
        self._unread_entries = self._slack_entries * os.urandom(1)[0] // 256
        #: The last is the oldest.
        self._candidates: list[_Candidate] = []
        #: In which order slices are looked at, and which is next.
        self._order = _some_order()
        self._next = 0
        #: What was evicted and is not appended yet.
        self._evicted: list[Change] = []
        self._evicted_bytes = 0
        self._tellers: list[Callable[[str], object]] = []
        #: The keys of what was evicted and is not told yet.
        self._gone: list[str] = []

    def on_eviction(self, tell: Callable[[str], object]) -> None:
        self._tellers.append(tell)

    def check(self, size: int, place: str) -> None:
        if self._max_bytes is not None and size > self._max_bytes:
            raise StoreError(
                f"the entry has more than max_bytes={self._max_bytes} bytes; raise that limit to store it", place
            )

    def _is_kept(self) -> bool:
        return True

    def _note(self, changes: list[Change]) -> None:
        with self._guard, self._told():
            self._unread += sum(max(change.bytes, 0) for change in changes)
            self._unread_entries += len(changes)
            if self._unread_entries <= self._slack_entries and (self._max_bytes is None or self._unread <= self._slack):
                append(self._root, changes)
            else:
                self._read(changes)
                self._make_room()
        self._tell()

    def _read(self, changes: list[Change]) -> None:
        self._usage.update(changes)
        self._unread = self._unread_entries = 0

    def settle(self) -> int:
        removed = seen = 0
        with self._guard, self._told():
            self._read([])
            while seen < SLICES:
                seen += self._look()
            while evicted := self._make_room():
                removed += evicted
        self._tell()
        return removed

    def _tell(self) -> None:
        if not self._tellers:
            return
        with self._guard:
            gone, self._gone = self._gone, []
        for key in gone:
            for tell in self._tellers:
                tell(key)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            pass  # the cache directory was deleted
        except OSError as error:
            warn_once(
                ("evict", self._root),
                f"could not keep the cache directory {self._root} within its limits "
                f"({error.strerror or error}: {error.filename}); it may grow beyond them",
            )

    def _make_room(self) -> int:
        looked = not self._usage.complete or int.from_bytes(os.urandom(2), "big") % _SELDOM == 0
        if looked:
            self._look()
        removed = 0
        while removed < _MOST and self._is_over():
            if self._candidates:
                removed += self._evict(self._candidates.pop())
            elif looked:
                break
            else:
                looked = True
                self._look()
        self._flush()
        return removed

    def _is_over(self) -> bool:
        # Less the slack, which may be stored before the account is read again.
        entries, size = self._usage.total
        entries += self._slack_entries - len(self._evicted)
        size += self._slack - self._evicted_bytes
        too_many = self._max_entries is not None and entries > self._max_entries
        return too_many or (self._max_bytes is not None and size > self._max_bytes)

    def _evict(self, candidate: _Candidate) -> bool:
        _, used, size, slice_, path = candidate
        try:
            if last_used(os.lstat(path)) != used:
                return False  # a hit, or a newer value, since it was looked at
        except FileNotFoundError:
            return False
        if not remove_own_file(path):
            return False
        logs.log(lambda: f"evicted {path}: the directory is over its limit, and this was used least recently")
        self._evicted.append(Change(slice_, -1, -size))
        self._evicted_bytes += size
        if self._tellers:
            folder, shard, name = path.rsplit("/", 3)[-3:]
            self._gone.append(f"{folder}/{shard}{name}")
        return True

    def _flush(self) -> None:
        if self._evicted:
            evicted, self._evicted, self._evicted_bytes = self._evicted, [], 0
            self._usage.update(evicted)

    # -- looking at what is there --------------------------------------------------------------------------------

    def _look(self) -> int:
        """Count the next slices, and remember the oldest entries in them; return how many slices."""
        self._flush()  # or it would be taken off what is counted now
        found: list[_Candidate] = []
        counts: list[Change] = []
        cost = seen = 0
        folders_of = self._folders()
        latest = file_time() + _SKEW
        while seen < SLICES and cost < _LOOK:
            slice_ = self._order[self._next]
            self._next = (self._next + 1) % SLICES
            seen += 1
            folders = folders_of(slice_)
            entries = [entry for folder in folders for entry in _entries(folder, slice_, latest)]
            cost += 4 * len(folders) + len(entries)
            found += entries
            count = Change(slice_, len(entries), sum(entry[2] for entry in entries), counted=True)
            if self._usage.cell(slice_) != (count.entries, count.bytes):
                counts.append(count)
        self._usage.update(counts)
        found.sort(reverse=True)
        self._candidates = found if seen == SLICES else found[-max(len(found) // _SAMPLE, 1) :]
        return seen

    def _folders(self) -> Callable[[int], list[str]]:
        """Return what tells the folders of a slice."""
        functions = [
            entry.path
            for entry in scan(self._root)
            if FUNCTION.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
        if len(functions) > _FEW:
            return lambda slice_: [path for function in functions if is_directory(path := f"{function}/{slice_:02x}")]
        found: dict[str, list[str]] = {}
        for function in functions:
            for shard in shards(function):
                found.setdefault(shard.name, []).append(shard.path)
        return lambda slice_: found.get(f"{slice_:02x}", [])


def _entries(folder: str, slice_: int, latest: int) -> list[_Candidate]:
    found = []
    for entry in scan(folder):
        if not ENTRY.fullmatch(entry.name):
            continue
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(facts.st_mode):
            used = last_used(facts)
            found.append((used <= latest, used, facts.st_size, slice_, entry.path))
    return found


def _some_order() -> list[int]:
    # Another in each process, so that together they see everything. The random module would take 5 ms to import.
    start, step = os.urandom(2)
    return [(start + number * (step | 1)) % SLICES for number in range(SLICES)]
