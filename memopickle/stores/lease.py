"""Locks and writers that last as long as they are renewed: a killed process lets go by itself.

A lost lease costs a second computation, never a value: what is stored is decided by the claim, see ``scripts``.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from memopickle.errors import StoreError
from memopickle.locks import real_clock
from memopickle.stores.base import Writer
from memopickle.stores.names import TOKEN_SIZE, new_token
from memopickle.stores.renewer import Renewer
from memopickle.stores.scripts import ACQUIRE, CLAIM, HELD, PUBLISH, RELEASE, RENEW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memopickle.stores.names import Names
    from memopickle.stores.redis import RedisStore
    from memopickle.typed import Blob

__all__ = ["LeaseLock", "LeaseWriter"]

#: Milliseconds after which the claim of a killed process is forgotten.
CLAIM_LIFE = 3_600_000
#: Milliseconds for which those who wait can see that a holder ended properly.
GRACE = 5_000
#: Seconds between two looks at a lock that another holds: a tenth of the wait so far, within these.
LEAST_POLL = 0.005
MOST_POLL = 0.25

_renewer = Renewer()


class LeaseLock:
    """The lock of one key among all machines: a key on the server that expires unless it is renewed.

    Used by one thread. In a forked child it is not held.
    """

    def __init__(self, store: RedisStore, names: Names, lease: int) -> None:
        self.handed_over: bool = False
        self.waited: bool = False
        self.interval: float = lease / 3000
        self._server = store.server
        self._keys = names.keys()
        self._lease = lease
        self._token = new_token()
        #: Generation and token, once acquired: our name among the claims, and in the lock.
        self._name = b""
        #: Who held it when we last looked.
        self._holder = b""
        self._pid = os.getpid()

    def acquire(self, limit: float | None) -> bool:
        began = real_clock()
        while not self._try():
            self.waited = True
            passed = real_clock() - began
            if limit is not None and passed >= limit:
                return False
            pause = min(MOST_POLL, max(LEAST_POLL, passed / 10)) * random.uniform(0.7, 1.3)  # noqa: S311  no secret
            time.sleep(pause if limit is None else min(pause, limit - passed))
        _renewer.keep(self)
        return True

    def held(self) -> bool:
        # A child forked while computing inherits this object, but not the lock.
        if not self._name or self._pid != os.getpid():
            return False
        return bool(HELD.run(self._server, self._keys[:2], self._name[:-TOKEN_SIZE], self._name))

    def release(self) -> None:
        if not self._name or self._pid != os.getpid():
            return
        _renewer.drop(self)
        release = partial(RELEASE.run, self._server, self._keys[1:], self._name, GRACE)
        self._name = b""
        try:
            release()
        except StoreError:
            _renewer.keep(_Leaving(release, self._lease / 1000))

    def extend(self) -> bool:
        name = self._name
        # Who was let pass holds the claim only.
        lease = 0 if self.handed_over else self._lease
        generation = name[:-TOKEN_SIZE]
        arguments = (generation, name, CLAIM_LIFE, lease)
        return bool(name and RENEW.run(self._server, self._keys, *arguments, insists=True))

    def _try(self) -> bool:
        state, name = ACQUIRE.run(
            self._server, self._keys, new_token(), self._token, CLAIM_LIFE, self._lease, self._holder
        )
        if state == b"busy":
            self._holder = name
            return False
        # Passed: the holder ended, having stored the value or not. Who waited looks, and needs no lock for that.
        self.handed_over = state == b"passed"
        self._name = name
        return True


class _Leaving:
    """The release of a lock, tried again while the server can't be used and others would wait for the lease's end."""

    interval = 0.5

    def __init__(self, release: Callable[..., object], lease: float) -> None:
        self._release = release
        self._end = real_clock() + lease

    def extend(self) -> bool:
        if real_clock() < self._end:
            self._release(insists=True)
        return False


class LeaseWriter(Writer):
    """Publishes a value unless its key was cleared or invalidated since the writer was opened."""

    interval: float = CLAIM_LIFE / 3000

    def __init__(self, store: RedisStore, key: str, names: Names) -> None:
        super().__init__(store, key)
        self._redis = store
        self._names = names
        token = new_token()
        self._generation: bytes = CLAIM.run(store.server, names.keys()[:2], new_token(), token, CLAIM_LIFE)
        self._name = self._generation + token
        self._open = True
        _renewer.keep(self)

    def publish(self, chunks: Iterable[Blob], expires_at: float | None) -> bool:
        value = self._redis.joined(chunks, self._key)
        life = self._redis.life(expires_at)
        if life is None:
            return True  # expired before it was stored
        keys = [*self._names.keys()[:2], self._names.value(self._generation)]
        published = bool(PUBLISH.run(self._redis.server, keys, self._generation, self._name, life, value))
        self._end()
        return published

    def retract(self) -> None:
        self._redis.server.ask("unlink", self._names.value(self._generation))

    def close(self) -> None:
        if self._open:
            self._end()
            with suppress(StoreError):  # then the claim ends by itself
                self._redis.server.ask("srem", self._names.keys()[1], self._name)

    def extend(self) -> bool:
        arguments = (self._generation, self._name, CLAIM_LIFE, 0)
        return bool(RENEW.run(self._redis.server, self._names.keys(), *arguments, insists=True))

    def _end(self) -> None:
        self._open = False
        _renewer.drop(self)
