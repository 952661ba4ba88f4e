"""Looking for what to evict: slice after slice, in steps that cost about the same however much there is."""

from __future__ import annotations

import os
from stat import S_ISREG

from memopickle.files import close, file_time, is_directory
from memopickle.folders import open_directory, scan
from memopickle.stores.lastuse import last_used
from memopickle.stores.layout import ENTRY, FUNCTION, shards
from memopickle.stores.usage import SLICES
from memopickle.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memopickle.stores.usage import Change, Usage

__all__ = ["Candidate", "Lookout", "Sight", "size_of"]

#: Nanoseconds by which a file may be from the future.
_SKEW = 300 * 10**9
#: A step ends when it has cost so much: 1 for an entry or for a folder that is not there, 4 for one that is. The
#: second is for directories that one of the first cost can't see whole.
_WHOLE, _STEP = 2048, 512
#: So many entries of a folder are looked at before the cost is asked for.
_PART = 256
#: Up to so many functions all their folders are listed, if one step may see everything, instead of asking each
#: function for its folder of a slice. The second is for directories of which one can't know yet.
_FEW, _VERY_FEW = 512, 64

#: An entry: its place in the order of eviction, when it was last used, its size, its slice, its folder and its name.
#: The place is the time, but those from the future, whose times mean nothing, come before all others.
Candidate = tuple[int, int, int, int, str, str]
#: Later than any time, in nanoseconds.
_NEVER = 1 << 64


class Sight(NamedTuple):
    """What a step saw."""

    entries: list[Candidate]
    #: What differs from the account.
    counts: list[Change]
    #: How many slices were seen to their end.
    slices: int
    #: Whether the first of them was begun by an earlier step.
    resumed: bool

    @property
    def whole(self) -> bool:
        """Whether the entries are those of the whole directory."""
        return self.slices == SLICES and not self.resumed


class Lookout:
    """Goes round the slices of a directory; not safe between threads."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._order = _some_order()
        self._next = 0
        #: The slice that the last step did not see to its end.
        self._begun: _Slice | None = None

    def step(self, usage: Usage) -> Sight:
        """Look at some entries more; ``usage`` was read just before. Raises OSError.

        A slice that nobody counted yet is seen to its end: of what is evicted from it nobody could take account.
        """
        entries: list[Candidate] = []
        counts: list[Change] = []
        latest = file_time() + _SKEW
        cost = slices = 0
        most = _STEP if usage.total[0] > _WHOLE else _WHOLE
        resumed = self._begun is not None
        folders_of = None
        while slices < SLICES and (cost < most or (self._begun and not self._begun.was_known)):
            if self._begun is None:
                folders_of = folders_of or self._folders(usage)
                self._begun = self._begin(usage, folders_of)
            slice_, self._begun = self._begun, None  # given up if it can't be read
            cost += slice_.look(entries, latest)
            if not slice_.ended:
                self._begun = slice_
                continue
            slices += 1
            if count := slice_.count(usage):
                counts.append(count)
        return Sight(entries, counts, slices, resumed)

    def _begin(self, usage: Usage, folders_of: Callable[[int], Iterator[str]]) -> _Slice:
        number = self._order[self._next]
        self._next = (self._next + 1) % SLICES
        return _Slice(number, folders_of(number), usage.cell(number))

    def _folders(self, usage: Usage) -> Callable[[int], Iterator[str]]:
        """Return what tells the folders of a slice, with "" for those that are not there."""
        functions = [
            entry.path
            for entry in scan(self._root)
            if FUNCTION.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
        few = _FEW if usage.complete else _VERY_FEW
        if len(functions) > few or usage.total[0] > _WHOLE:
            return lambda slice_: (
                path if is_directory(path := f"{function}/{slice_:02x}") else "" for function in functions
            )
        found: dict[str, list[str]] = {}
        for function in functions:
            for shard in shards(function):
                found.setdefault(shard.name, []).append(shard.path)
        return lambda slice_: iter(found.get(f"{slice_:02x}", []))


class _Slice:
    """A slice that is being looked at, and what was found in it so far."""

    def __init__(self, number: int, folders: Iterator[str], known: tuple[int, int] | None) -> None:
        self.ended = False
        self._number = number
        self._folders = folders
        self._known = known
        #: The folder being looked at, and which of its entries are still to be.
        self._folder = ""
        self._names: list[str] = []
        self._listed = self._seen = self._bytes = 0

    @property
    def was_known(self) -> bool:
        return self._known is not None

    def look(self, entries: list[Candidate], latest: int) -> int:
        """Add some entries more; return what that cost."""
        if not self._names:
            return self._list_next()
        names = self._names[-_PART:]
        del self._names[-_PART:]
        before = len(entries)
        size, others = _add_entries(self._number, self._folder, names, latest, entries)
        self._bytes += size
        self._listed -= others
        self._seen += len(entries) - before
        return len(names)

    def _list_next(self) -> int:
        folder = next(self._folders, None)
        if folder is None:
            self.ended = True
            return 0
        if not folder:
            return 1
        self._folder = folder
        self._names = _entry_names(folder)
        self._listed += len(self._names)
        return 4

    def count(self, usage: Usage) -> Change | None:
        """Return what is in the slice, if that differs from the account; None too if it can't be told.

        What was stored and removed after the slice was begun is in the account only. An entry that was removed before
        it was looked at is taken to have been of average size.
        """
        entries, size = self._listed, self._bytes * self._listed // max(self._seen, 1)
        now = usage.cell(self._number)
        if self._known:
            if now is None:
                return None
            entries += now[0] - self._known[0]
            size += now[1] - self._known[1]
        return None if now == (entries, size) else (self._number, True, entries, size)


def size_of(folder: str) -> int:
    """Return how many bytes the entries in a folder have. Raises OSError."""
    return _add_entries(0, folder, _entry_names(folder), 0, [])[0]


def _entry_names(folder: str) -> list[str]:
    # Without asking what each is, which costs as much as the name: a stat will tell.
    try:
        return list(filter(ENTRY.fullmatch, os.listdir(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _add_entries(slice_: int, folder: str, names: list[str], latest: int, entries: list[Candidate]) -> tuple[int, int]:
    """Add those of the names that are still there; return their bytes, and how many are no files."""
    size = others = 0
    try:
        fd, base = open_directory(folder)
    except (FileNotFoundError, NotADirectoryError):
        return size, others
    try:
        for name in names:
            try:
                facts = os.lstat(base + name, dir_fd=fd)
            except FileNotFoundError:
                continue
            if not S_ISREG(facts.st_mode):
                others += 1
                continue
            used = last_used(facts)
            size += facts.st_size
            place = used if used <= latest else used - _NEVER
            entries.append((place, used, facts.st_size, slice_, folder, name))
    finally:
        if fd is not None:
            close(fd)
    return size, others


def _some_order() -> list[int]:
    # Another in each process, so that together they see everything. The random module would take 5 ms to import.
    start, step = os.urandom(2)
    return [(start + number * (step | 1)) % SLICES for number in range(SLICES)]
