"""How old the entries are: from their headers, which say when each was stored wherever its file went since."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from memopickle.errors import StoreError
from memopickle.expiry import SECOND
from memopickle.header import HEADER, read_header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memopickle.header import Header
    from memopickle.stores.base import Store

__all__ = ["Ages", "Span", "ages_of"]

_HOUR, _DAY = 3600, 86400
#: Where one span of ages ends and the next begins: seconds, and how one writes them.
_BOUNDS = (
    (_HOUR, "1 h"), (6 * _HOUR, "6 h"), (_DAY, "1 d"), (2 * _DAY, "2 d"), (7 * _DAY, "7 d"), (14 * _DAY, "14 d"),
    (30 * _DAY, "30 d"), (90 * _DAY, "90 d"), (365 * _DAY, "1 y"),
)  # fmt: skip


class Span(NamedTuple):
    """Ages from one bound to the next, None where there is none, and how many entries are of them."""

    begin: str | None
    end: str | None
    entries: int


class Ages(NamedTuple):
    """The ages of entries; nothing of it is verified."""

    spans: list[Span]
    #: Entries that have outlived the ttl that they were stored under.
    expired: int
    #: Entries whose header can't be read.
    unreadable: int


def ages_of(store: Store, keys: Iterable[str], now: float) -> Ages:
    """Return the ages of entries at ``now``, seconds since the epoch; no payload is read if ``head`` reads none."""
    counts = [0] * (len(_BOUNDS) + 1)
    bounds = [seconds for seconds, _ in _BOUNDS]
    expired = unreadable = 0
    for key in keys:
        try:
            header = _header(store, key)
        except (StoreError, OSError):
            unreadable += 1
            continue
        if header is not None:
            counts[bisect_right(bounds, now - header.created / SECOND)] += 1
            expired += header.expires <= now * SECOND
    return Ages(_spans(counts), expired, unreadable)


def _header(store: Store, key: str) -> Header | None:
    head = store.head(key, HEADER.size)
    return None if head is None else read_header(head)


def _spans(counts: list[int]) -> list[Span]:
    names = [None, *(name for _, name in _BOUNDS), None]
    return [Span(*found) for found in zip(names, names[1:], counts, strict=False)]
