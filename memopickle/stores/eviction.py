"""Keeping a cache directory within its limits: the least recently used entries go first.

docs/explanation/eviction.md says how, how exactly the limits hold, and what other caches do.
"""

from __future__ import annotations

import atexit
import os
from _weakrefset import WeakSet  # as weakref has it, with much else
from contextlib import suppress

from memopickle import logs
from memopickle.folders import remove_own_file
from memopickle.forking import Guard, renew_in_child
from memopickle.locks import real_clock
from memopickle.notices import warn_once
from memopickle.stores.account import ENDLESS, Account
from memopickle.stores.candidates import Candidates
from memopickle.stores.lastuse import last_used
from memopickle.stores.layout import key_of
from memopickle.stores.look import Lookout
from memopickle.stores.usage import SLICES, Usage, append
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from memopickle.stores.look import Candidate
    from memopickle.stores.usage import Change

__all__ = ["Evictor"]

#: A process reads the account again, and evicts as far below a limit, when it has stored so large a part of it, or so
#: many entries.
_PART, _FEW = 256, 64
#: How many entries one call evicts at least, if there is too much, and at most.
_LEAST, _MOST = 2, 256
#: How many entries it tries to evict; others may have removed them, or used them again.
_TRIES = 2048
#: Seconds after which a call evicts no more than the least: where removing a file waits for the disk, it takes long.
_PATIENCE = 0.01
#: One in so many stores looks, though nothing is to be evicted, to correct the account.
_SELDOM = 1024
_live: WeakSet[Evictor] = WeakSet()


class Evictor(Account):
    """Evicts for one store; safe between threads, and together with those of other processes."""

    _is_own = True

    def __init__(self, root: str, max_bytes: int | None, max_entries: int | None) -> None:
        super().__init__(root)
        self._max_entries = ENDLESS if max_entries is None else max_entries
        self.largest: int = ENDLESS if max_bytes is None else max_bytes
        #: How much may be stored before the account is read again, and how far below a limit one call may go.
        self._slack_entries = min(_FEW, self._max_entries // _PART)
        self._slack_bytes = self.largest // _PART
        self._guard = Guard()  # of everything in ``renew``
        self._tellers: list[Callable[[str], object]] = []
        self.renew()
        renew_in_child(self)
        _live.add(self)

    def __del__(self) -> None:
        if self._pending:  # nothing is left when the interpreter ends, of which parts may be gone by now
            self.flush()

    def renew(self) -> None:
        """Begin with nothing known; also in a forked child, whose parent takes account of what it did itself."""
        self._usage = Usage(self._root)
        #: What the directory holds, as far as this process knows.
        self._entries = self._bytes = 0
        #: How many changes were made since the account was read, and with how many bytes it is read again. Both begin
        #: anywhere, so that short processes also come to read it.
        self._unread = (self._slack_entries + 1) * os.urandom(1)[0] // 256
        self._due_bytes = self._slack_bytes * os.urandom(1)[0] // 256
        #: What is still to be appended to the account, and how many may be: at first none, for short processes.
        self._pending: list[Change] = []
        self._held_back = 0
        self._lookout = Lookout(self._root)
        self._candidates = Candidates()
        #: The paths of what was evicted and is not told yet.
        self._gone: list[str] = []

    def on_eviction(self, tell: Callable[[str], object]) -> None:
        self._tellers.append(tell)

    def cleared(self, counts: Mapping[str, int], folders: Sequence[str]) -> None:
        self.flush()  # what was just stored is of that too
        super().cleared(counts, folders)

    def flush(self) -> None:
        """Append to the account what is still to be; when this process ends, it would be lost."""
        with self._guard, suppress(OSError):
            self._flush()

    def settle(self) -> int:
        removed = slices = idle = 0
        try:
            # Step by step, as other threads that store meanwhile wait for one.
            while slices < SLICES:
                with self._guard:
                    slices += self._look()
            while idle < SLICES and (evicted := self._work_off()) is not None:
                removed += evicted
                idle = 0 if evicted else idle + 1
                self._tell()
        except OSError as error:
            self._complain(error)
        self._tell()
        return removed

    def _work_off(self) -> int | None:
        """Evict something of what is too much; None if nothing is."""
        with self._guard:
            self._read()
            return self._make_room() if self._is_over() else None

    def _note(self, changes: list[Change]) -> None:
        try:
            with self._guard:
                self._pending += changes  # others get to know with the next write
                for _, _, entries, size in changes:
                    self._entries += entries
                    self._bytes += size
                self._unread += len(changes)
                if self._is_due():
                    self._catch_up()
                    self._make_room(sum([change[3] for change in changes]))
                elif len(self._pending) > self._held_back:
                    self._held_back += 1
                    self._flush()
        except OSError as error:
            self._complain(error)
        if self._gone:
            self._tell()

    def _is_due(self) -> bool:
        return (
            self._unread > self._slack_entries
            or self._entries > self._max_entries
            or self._bytes > self._due_bytes
            or self._usage.behind
        )

    def _catch_up(self) -> None:
        """Read the account, and correct it with a look where it is incomplete, or by chance."""
        changes = self._unread
        self._read()
        by_chance = int.from_bytes(os.urandom(2), "big") < 65536 * changes // _SELDOM
        if not self._usage.complete or (by_chance and not self._is_over()):  # what evicts looks anyway
            self._look()

    def _read(self) -> None:
        pending, self._pending = self._pending, []
        self._update(pending)
        self._unread = 0

    def _update(self, changes: list[Change]) -> None:
        self._usage.update(changes)
        self._entries, self._bytes = self._usage.total
        self._due_bytes = min(self._bytes + self._slack_bytes, self.largest)

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if pending:
            append(self._root, pending)

    def _look(self) -> int:
        """Count some entries more, and remember the oldest of them; return how many slices were seen to their end."""
        self._read()  # what is listed from now on is told from what changes meanwhile
        if self._usage.behind:
            return 0
        sight = self._lookout.step(self._usage)
        if sight.counts:
            self._update(sight.counts)
        self._candidates.add(sight, self._usage.total[0])
        return sight.slices

    def _make_room(self, least: int = 0) -> int:
        """Evict what is too much, and some more, so that the next stores need not; return how many entries."""
        if not self._is_over():
            return 0
        until = real_clock() + _PATIENCE
        try:
            removed = self._evict_excess(least, until)
            if not (self._is_over() or self._usage.behind):
                removed += self._evict_ahead(min(self._slack_entries, _MOST - removed), until)
            return removed
        finally:
            self._flush()

    def _is_over(self) -> bool:
        return self._entries > self._max_entries or self._bytes > self.largest

    def _evict_excess(self, least: int, until: float) -> int:
        """Evict what is too much: ``least`` bytes, and more while that is not too long."""
        removed = freed = slices = 0
        for _ in range(_TRIES):
            if not self._is_over() or self._usage.behind or removed >= _MOST:
                break
            if removed >= _LEAST and freed >= least and real_clock() > until:
                break
            if candidate := self._candidates.pop():
                if self._evict(candidate):
                    removed, freed = removed + 1, freed + candidate[2]
            elif slices <= SLICES and (not slices or real_clock() < until):  # the first may have been begun before
                slices += self._look()
            else:
                break
        return removed

    def _evict_ahead(self, most: int, until: float) -> int:
        """Evict some of those that are next, unless they are large, or it takes long, or a look would be needed."""
        entries, size = self._max_entries - self._slack_entries, self.largest - self._slack_bytes
        least = self._bytes - self._slack_bytes  # also where it is the entries that are too many
        removed = 0
        for _ in range(most):
            if (self._entries <= entries and self._bytes <= size) or self._bytes <= least or real_clock() > until:
                break
            candidate = self._candidates.pop(self._slack_bytes)
            if candidate is None:
                break
            removed += self._evict(candidate)
        return removed

    def _evict(self, candidate: Candidate) -> bool:
        _, used, size, slice_, folder, name = candidate
        path = f"{folder}/{name}"
        try:
            found = os.lstat(path)
            if last_used(found) != used or found.st_size != size:
                return False  # a hit, or a newer value, since it was looked at
        except FileNotFoundError:
            return False
        if not remove_own_file(path):
            return False
        self._pending.append((slice_, False, -1, -size))
        self._entries -= 1
        self._bytes -= size
        self._gone.append(path)
        return True

    def _tell(self) -> None:
        """Tell what was evicted, without the guard: hooks and log handlers may wait for another thread that stores."""
        with self._guard:
            gone, self._gone = self._gone, []
        if self._tellers or logs.is_on():  # asked once, not of each
            for path in gone:
                self._tell_of(path)

    def _tell_of(self, path: str) -> None:
        logs.log(lambda: f"evicted {path}: the directory is over its limit, and this was used least recently")
        key = key_of(path)
        for tell in self._tellers:
            tell(key)

    def _complain(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # or else the cache directory was deleted
            warn_once(
                ("evict", self._root),
                f"could not keep the cache directory {self._root} within its limits "
                f"({error.strerror or error}: {error.filename}); it may grow beyond them",
            )


def _flush_all() -> None:
    for evictor in list(_live):
        evictor.flush()


atexit.register(_flush_all)
