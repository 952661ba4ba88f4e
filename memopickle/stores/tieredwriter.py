"""One value on its way into several tiers, and the lock under which it is computed."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from memopickle.locks import KeyLock, NoLock, shared, take, undisturbed
from memopickle.stores.base import Writer
from memopickle.stores.tier import attempt_each, skip_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memopickle.stores.memory import Record
    from memopickle.stores.tier import Tier
    from memopickle.stores.tiered import TieredStore
    from memopickle.typed import Blob

__all__ = ["TieredLock", "TieredWriter"]


class TieredWriter(Writer):
    """Publishes into every tier that takes bytes, the last first; a clear of any one takes the value out of all."""

    def __init__(self, store: TieredStore, key: str) -> None:
        super().__init__(store, key)
        self._claims = store.claims
        self._claim = store.claims.make(key) if store.claims is not None else None
        self._writers: dict[Tier, Writer] = {}
        failures = attempt_each(store.writable, self._open)[1]
        #: Why there is no tier to publish into, though there should be.
        self._failure = failures[0][1] if failures and not self._writers else None
        if self._failure is None:
            skip_all(failures)
        elif store.memory is None:
            raise self._failure

    def _open(self, tier: Tier) -> None:
        self._writers[tier] = undisturbed(tier.store.writer, self._key)

    def takes_bytes(self) -> bool:
        """Tell whether there are tiers to publish into, be it that they fail."""
        return bool(self._writers) or self._failure is not None

    def publish(self, chunks: Iterable[Blob], expires_at: float | None) -> bool:
        if self._failure is not None:
            raise self._failure
        pieces = list(chunks)
        try:
            done, failures = attempt_each([*self._writers][::-1], partial(self._publish, pieces, expires_at))
        finally:
            self.keep(None)  # what memory had under this key is outdated
        if failures and not done:
            raise failures[0][1]
        skip_all(failures)
        if not all(done):
            self.retract()
        return bool(done) and all(done)

    def _publish(self, pieces: list[Blob], expires_at: float | None, tier: Tier) -> bool:
        try:
            return self._writers[tier].publish(pieces, tier.expiry(expires_at))
        except Exception:
            with suppress(Exception):  # what the tier held before must not outlive what the others hold now
                self._writers[tier].retract()
            raise

    def keep(self, record: Record | None) -> bool:
        """Replace what memory has under this key, unless it was cleared since the writer was opened."""
        if self._claims is None or self._claim is None:
            return False
        self._claims.replace(self._claim, record)
        return self._claim.valid

    def retract(self) -> None:
        attempt_each([*self._writers], lambda tier: self._writers[tier].retract())
        if self._claims is not None:
            self._claims.delete(self._key)

    def close(self) -> None:
        attempt_each([*self._writers], lambda tier: self._writers[tier].close())
        if self._claims is not None and self._claim is not None:
            self._claims.drop(self._claim)


class TieredLock:
    """The lock of the last tier that has one and can be reached."""

    def __init__(self, levels: list[Tier], key: str) -> None:
        self.handed_over: bool = False
        self.waited: bool = False
        self._levels = levels
        self._key = key
        self._lock: KeyLock = NoLock()

    def acquire(self, limit: float | None) -> bool:
        for tier in reversed(self._levels):
            try:
                lock, ours = take(tier.store.lock, self._key, limit)
            except Exception as error:  # noqa: BLE001  a narrower lock saves most of the work, too
                tier.skip(error)
                continue
            if not isinstance(lock, NoLock):
                self._lock = lock
                self.handed_over, self.waited = lock.handed_over, lock.waited
                return ours
        return True

    def held(self) -> bool:
        return self._lock.held()

    def share(self) -> bool:
        """See :func:`memopickle.locks.shared`."""
        self._lock = shared(self._lock)
        return True

    def release(self) -> None:
        self._lock.release()
