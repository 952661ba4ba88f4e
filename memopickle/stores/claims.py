"""A memory tier, and who is about to put something into it that may be outdated by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.forking import Guard

if TYPE_CHECKING:
    from memopickle.stores.memory import MemoryStore, Record

__all__ = ["Claim", "Claims"]


class Claim:
    """What somebody reads from a lower tier, or computes, and will want to put into memory under a key."""

    __slots__ = ("key", "valid")

    def __init__(self, key: str) -> None:
        self.key: str = key
        #: False once the key was cleared, invalidated or replaced.
        self.valid: bool = True


class Claims:
    """Keeps values out of a MemoryStore that were read or computed before their key was cleared or replaced.

    A claim is made before the look below. Whoever removes or replaces a key does so in the tiers below first and then
    voids its claims here: a value that was read there before is not put here after. Safe between threads; a forked
    child keeps the claims of threads that it does not have, at the cost of a few bytes.
    """

    def __init__(self, memory: MemoryStore) -> None:
        self.memory = memory
        self._guard = Guard()  # of the set and of the claims in it
        self._claims: set[Claim] = set()

    def make(self, key: str) -> Claim:
        """Return a new claim, to be dropped in the end."""
        claim = Claim(key)
        with self._guard:
            self._claims.add(claim)
        return claim

    def drop(self, claim: Claim) -> None:
        """Forget a claim."""
        with self._guard:
            self._claims.discard(claim)

    def fill(self, claim: Claim, record: Record) -> None:
        """Remember what was found below, if the claim is still valid."""
        with self._guard:
            if claim.valid:
                self.memory.remember(claim.key, record)

    def replace(self, claim: Claim, record: Record | None) -> None:
        """Void the others' claims on the key, and remember the record if there is one and ours is still valid."""
        with self._guard:
            valid = claim.valid
            self._void(claim.key)
            claim.valid = valid
            if valid and record is not None:
                self.memory.remember(claim.key, record)
            else:
                self.memory.delete(claim.key)

    def delete(self, key: str) -> bool:
        """Remove a key and void the claims on it; return whether it was there."""
        with self._guard:
            self._void(key)
            return self.memory.delete(key)

    def clear(self, prefix: str) -> int:
        """Remove every key that begins with ``prefix`` and void the claims on them; return how many."""
        with self._guard:
            self._void(prefix)
            return self.memory.clear(prefix)

    def _void(self, prefix: str) -> None:
        for claim in list(self._claims):  # the end of an object, or a signal handler, may claim something meanwhile
            if claim.key.startswith(prefix):
                claim.valid = False
