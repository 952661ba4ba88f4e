"""Which entries are meant: by function, age, size and expiry, read from heads; no payload is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memopickle.catalog import describe, function_names, matches
from memopickle.expiry import SECOND, microseconds, parse_duration, wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memopickle.catalog import EntryInfo
    from memopickle.stores.base import Store

__all__ = ["Selection", "parts"]


class Selection(NamedTuple):
    """Filters, which must all apply; ages in any form of ttl, sizes in bytes.

    An entry whose head can't be read has no age and no size: it is selected only where no filter asks for one.
    """

    function: str | None = None
    older_than: object = None
    newer_than: object = None
    larger_than: int | None = None
    smaller_than: int | None = None
    expired: bool = False

    @property
    def needs_heads(self) -> bool:
        """Whether keys alone don't tell."""
        return self[1:] != Selection()[1:]

    def keys(self, store: Store, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys of the selected entries."""
        found = self.candidates(store, prefix)
        return (info.key for info in self.entries(store, found)) if self.needs_heads else found

    def candidates(self, store: Store, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that fit ``function``; the other filters need heads."""
        for part in parts(store, prefix, self.function):
            yield from store.keys(part)

    def entries(
        self, store: Store, candidates: Iterable[str], clock: Callable[[], float] = wall_clock
    ) -> Iterator[EntryInfo]:
        """Iterate over the heads of those candidates that fit the other filters, by the clock of a cache."""
        takes = self._rule(microseconds(clock))
        for key in candidates:
            info = describe(store, key)
            if info is not None and takes(info):
                yield info

    def _rule(self, now: int) -> Rule:
        oldest = None if self.newer_than is None else now - parse_duration(self.newer_than, "newer_than")
        newest = None if self.older_than is None else now - parse_duration(self.older_than, "older_than")
        return Rule(oldest, newest, self.larger_than, self.smaller_than, now if self.expired else None)


class Rule(NamedTuple):
    """A selection at one moment; times in microseconds."""

    oldest: int | None
    newest: int | None
    larger_than: int | None
    smaller_than: int | None
    expired_at: int | None

    def __call__(self, info: EntryInfo) -> bool:
        """Tell whether an entry is selected."""
        created = info.created * SECOND
        return (
            (self.newest is None or created <= self.newest)
            and (self.oldest is None or created > self.oldest)
            and (self.larger_than is None or info.size > self.larger_than)
            and (self.smaller_than is None or info.size < self.smaller_than)
            and (self.expired_at is None or (info.expires is not None and info.expires * SECOND <= self.expired_at))
        )


def parts(store: Store, prefix: str, function: str | None) -> list[str]:
    """Return the key prefixes of the functions that a dotted name or wildcard means; None means all."""
    if function is None:
        return [prefix]
    return [part for part, name in function_names(store, prefix).items() if matches(name, function)]
