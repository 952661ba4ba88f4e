"""Copying entries from one store to another, byte for byte: who shares namespace and secret can use them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.audit import Auditor, Checked, State
from memopickle.expiry import NEVER, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.signing import Signer
    from memopickle.stores.base import Store

__all__ = ["COPIED", "EXPIRED", "PRESENT", "Copier"]

COPIED = "copied"
PRESENT = "already there"
EXPIRED = "expired"


class Copier:
    """Copies verified entries; what is there already is left alone, so that a copy that was stopped can be run again.

    Args:
        source, target: the stores.
        signers: what verifies; no entry is copied whose signature does not match.
        now: microseconds; entries expired by then, by the expiry recorded in them, are not copied.

    Each entry appears in the target whole or not at all, and keeps the expiry that it has.

    """

    def __init__(self, source: Store, target: Store, signers: Sequence[Signer], now: int) -> None:
        self._source = source
        self._target = target
        self._auditor = Auditor(source, signers)
        self._now = now

    def plan(self, prefixes: Sequence[str] = ("",)) -> tuple[list[str], int]:
        """Return the keys below these prefixes that the target lacks, and how many it has."""
        lacking: list[str] = []
        present = 0
        for part in (part for prefix in prefixes for part in self._source.functions(prefix)):
            # Asked once for each function: once for each key would be a round trip each, where it is a server.
            there = set(self._target.keys(part))
            keys = list(self._source.keys(part))
            lacking += (key for key in keys if key not in there)
            present += sum(key in there for key in keys)
        return lacking, present

    def copy(self, key: str) -> Checked:
        """Copy one entry; the state is COPIED, EXPIRED, or why it was not. Raises StoreError, OSError of the target."""
        found = self._auditor.check(key)
        if found.state != State.GOOD or found.entry is None:
            return found
        expires = found.entry.expires
        if expires <= self._now:
            return Checked(key, EXPIRED)
        with self._target.writer(key) as writer:
            published = writer.publish([found.data], None if expires == NEVER else expires / SECOND)
        # Not if the target was cleared in this very moment: then it shall not appear there.
        return Checked(key, COPIED if published else State.GONE, "", found.data)
