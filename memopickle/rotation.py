"""Signing stored entries anew, with another secret: one by one, each the old bytes or the new, at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.audit import Auditor, Checked, State
from memopickle.errors import BadEntryError
from memopickle.expiry import NEVER, SECOND
from memopickle.header import HEADER, read_header
from memopickle.locks import take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.entry import Entry
    from memopickle.signing import Signer
    from memopickle.stores.base import Store, Writer
    from memopickle.typed import Blob

__all__ = ["BUSY", "CURRENT", "RESIGNED", "Resigner", "head_of", "key_id"]

RESIGNED = "re-signed"
#: It was signed with the first secret before.
CURRENT = "current"
#: It is being computed right now, and will be replaced by whoever does.
BUSY = "busy"


class Resigner:
    """Signs with the first of several secrets what was signed with the others.

    What a stopped run has done, the next one skips by the key id in the head. An entry keeps its times and its bytes;
    one that is cleared, invalidated or computed anew meanwhile is not brought back.
    """

    def __init__(self, store: Store, signers: Sequence[Signer]) -> None:
        self._store = store
        self._current = signers[0].key_id
        self._auditor = Auditor(store, signers)

    def resign(self, key: str) -> Checked:
        """Sign one entry anew; the state is RESIGNED, CURRENT, BUSY, or why it can't be."""
        if key_id(head_of(self._store, key)) == self._current:
            return Checked(key, CURRENT)
        # Who computes this key holds its lock, and replaces the entry when done.
        lock, ours = take(self._store.lock, key, 0)
        if not ours:
            return Checked(key, BUSY)
        try:
            # Opened before the entry is read: a clear in between takes along what is published through it.
            with self._store.writer(key) as writer:
                found = self._auditor.check(key)
                if found.state != State.GOOD or found.entry is None:
                    return found
                published = lock.held() and self._publish(key, found, found.entry, writer)
                # Looked at again: an invalidation between the first look and the write found the old bytes to remove.
                if published and not lock.held():
                    writer.retract()
                    published = False
            return Checked(key, RESIGNED if published else State.GONE)
        finally:
            lock.release()

    def _publish(self, key: str, found: Checked, entry: Entry, writer: Writer) -> bool:
        chunks = self._auditor.codec(found.data).resign(key, entry)
        return writer.publish(chunks, None if entry.expires == NEVER else entry.expires / SECOND)


def head_of(store: Store, key: str) -> Blob:
    """Return the bytes of an entry's header, ``b""`` where there are none to read."""
    try:
        return store.head(key, HEADER.size) or b""
    except (BadEntryError, OSError):
        return b""


def key_id(head: Blob) -> bytes:
    """Return which secret an entry says it was signed with, unverified; ``b""`` for what is no entry."""
    try:
        return read_header(head).key_id
    except BadEntryError:
        return b""
