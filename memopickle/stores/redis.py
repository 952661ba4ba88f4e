"""Entries on a Redis or Valkey server, shared by many machines.

What lies there under which name is told by ``names``, what is done in one step by ``scripts``, and what is done to
many values by ``inventory``.
"""

from __future__ import annotations

import math
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from memopickle.errors import BadEntryError, ConfigurationError, StoreError, UnknownFormatError
from memopickle.expiry import parse_duration, result_ttl
from memopickle.header import HEADER, read_header
from memopickle.locks import real_clock
from memopickle.storekey import FUNCTION_SIZE
from memopickle.stores.base import HEAD_SIZE, Store, Summary, Writer
from memopickle.stores.inventory import Inventory
from memopickle.stores.lease import LeaseLock, LeaseWriter
from memopickle.stores.names import Names, new_token
from memopickle.stores.scripts import BEGIN, CLEAR, DELETE
from memopickle.stores.server import Server
from memopickle.stores.serverurl import has_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memopickle.locks import KeyLock
    from memopickle.typed import Blob

__all__ = ["RedisStore"]

#: Seconds for which a clear removes what it has made unreachable, before it leaves the rest to prune and expiry.
SWEEP = 10.0
_MILLISECOND = 1000  # microseconds


class RedisStore(Store):
    """Entries on a Redis or Valkey server, one computation per key among all machines that share it.

    Args:
        url_or_client: ``redis://user:password@host:6379/0``, ``rediss://`` for TLS, ``unix:///path``, each with
            options such as ``?cluster=1`` or ``?ssl_ca_certs=/path``; or a client of redis-py or valkey-py, made with
            ``retry=None``, short timeouts and ``decode_responses=False``, which stays yours to close.
        prefix: what all keys begin with.
        ttl: for functions without one of their own; see :func:`memopickle.cached`.
        keep: how long the server keeps an entry that has no ttl, any form of ttl; None for ever. So that what nobody
            asks for again (the code has changed) goes away.
        max_value_bytes: larger results are returned and not stored; None for no limit but the server's 512 MB.
        timeout: seconds for connecting and for each answer, of a client made from a URL.
        lease: seconds after which the work of a process that was killed or cut off is taken over.

    When the server fails, one call waits for ``timeout``; then the server is left alone for a growing pause (0.5 to 30
    seconds), in which functions compute. Threads and processes may share a store; it can be pickled if it was made
    from a URL without a user or password, which no pickle is to hold. Constructing one does no I/O.

    """

    def __init__(
        self, url_or_client: Any, prefix: str = "memopickle:", *, ttl: object = None, keep: object = "365d",
        max_value_bytes: int | None = 32 << 20, timeout: float = 0.5, lease: object = 10.0,
    ) -> None:  # fmt: skip
        if not isinstance(prefix, str) or not re.fullmatch(r"[!-z|~]+", prefix):
            raise ConfigurationError(
                f"prefix={prefix!r}: give printable ASCII without spaces and braces, such as 'memopickle:'"
            )
        if max_value_bytes is not None and (type(max_value_bytes) is not int or max_value_bytes < 1):
            raise ConfigurationError(
                f"max_value_bytes={max_value_bytes!r}: give a whole number from 1, or None for no limit"
            )
        self.prefix = prefix
        self.ttl: int | None = result_ttl(ttl)
        self.max_value_bytes = max_value_bytes
        self._keep = None if keep is None else _milliseconds(keep, "keep")
        self._lease = _milliseconds(lease, "lease")
        self._options = {"keep": keep, "max_value_bytes": max_value_bytes, "timeout": timeout, "lease": lease}
        #: Internal: what sends the commands.
        self.server: Server = Server(url_or_client, _milliseconds(timeout, "timeout") / 1000)
        self._inventory = Inventory(self.server, prefix)
        #: The generation of each function when it was last seen; the server is asked along with each value.
        self._known: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"RedisStore({self.server.place!r}, prefix={self.prefix!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.server.url is None:
            raise TypeError("a RedisStore with a client can't be pickled; make it from a URL")
        if has_credentials(self.server.url):
            raise TypeError(
                f"{self!r} can't be pickled, as the pickle would hold its password; make the store in each process, "
                "or name it in MEMOPICKLE_STORE"
            )
        return _remake, (self.server.url, self.prefix, self.ttl, self._options)

    def open(self) -> None:
        self.server.open()

    def get(self, key: str) -> Blob | None:
        names = Names(self.prefix, key)
        function = key[:FUNCTION_SIZE]
        known = self._known.get(function, b"")
        generation, blob = self.server.ask("mget", names.generation, names.value(known))
        if generation is None:
            return None
        if generation != known:
            self._known[function] = generation
        elif blob is not None:
            return self._as_bytes(blob)
        # For another generation; else for the error, where there is something that is no value.
        found = self._ask(key, "get", names.value(generation))
        return None if found is None else self._as_bytes(found)

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        value = self.joined(chunks, key)
        names = Names(self.prefix, key)
        generation = BEGIN.run(self.server, [names.generation], new_token())
        life = self.life(expires_at)
        if life is None:
            self.server.ask("unlink", names.value(generation))
        else:
            self.server.ask("set", names.value(generation), value, px=life or None)

    def delete(self, key: str) -> bool:
        names = Names(self.prefix, key)
        generation = self._known.get(key[:FUNCTION_SIZE], b"")
        while True:
            found, removed = DELETE.run(self.server, [*names.keys(), names.value(generation)], generation)
            if found in (generation, b""):
                return bool(removed)
            generation = found

    def keys(self, prefix: str = "") -> Iterator[str]:
        return (key for batch in self._inventory.live(prefix) for key in batch)

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        blob: bytes = self._ask(key, "getrange", self._name(key), 0, size - 1)
        return blob or self.get(key)  # nothing, or of no bytes

    def size(self, key: str) -> int:
        return int(self._ask(key, "strlen", self._name(key)))

    def summary(self, prefix: str = "") -> Summary:
        found = self._inventory
        sizes = [size for batch in found.live(prefix) for size in found.sizes(list(batch.values()))]
        return Summary(len(sizes), sum(size or 0 for size in sizes))

    def clear(self, prefix: str = "") -> int:
        """Remove every key that begins with ``prefix``; return how many.

        For a function this takes effect, on all machines, with one command. What was made unreachable is then
        removed by scanning, for at most 10 seconds: on a server with very many keys the count is of those, and the
        rest goes with the next ``prune``, or expires.
        """
        if len(prefix) > FUNCTION_SIZE + 1:
            return super().clear(prefix)
        before = {function: self._start_generation(function) for function in self._inventory.functions(prefix)}
        count = 0
        with suppress(StoreError):  # cleared it is
            for removed in self._inventory.sweep(prefix, real_clock() + SWEEP):
                count += sum(before.get(function) == generation for function, generation in removed)
        return count

    def prune(self, now: int) -> int:
        found = self._inventory
        count = 0
        for batch in found.batches(""):
            found.unlink([value.name for value in batch if not value.live])
            names = [value.name for value in batch if value.live]
            heads = found.heads(names, HEADER.size)
            doomed = [name for name, head in zip(names, heads, strict=True) if _is_expired(head, now)]
            count += sum(one or 0 for one in found.unlink(doomed))
        return count

    def writer(self, key: str) -> Writer:
        return LeaseWriter(self, key, Names(self.prefix, key))

    def lock(self, key: str) -> KeyLock:
        return LeaseLock(self, Names(self.prefix, key), self._lease)

    def place(self, key: str) -> str:
        return f"{self.server.place} {self.prefix}{{{key[:FUNCTION_SIZE]}}}{key[FUNCTION_SIZE:]}"

    def close(self) -> None:
        self.server.close()

    # -- for its writers -----------------------------------------------------------------------------------------

    def joined(self, chunks: Iterable[Blob], key: str) -> bytes:
        """Return the whole value; StoreError if it is too large. Internal."""
        value = b"".join(chunks)
        if self.max_value_bytes is not None and len(value) > self.max_value_bytes:
            raise StoreError(
                f"the entry has {len(value)} bytes, above max_value_bytes={self.max_value_bytes}; "
                "raise that limit to store it",
                self.place(key),
            )
        return value

    def life(self, expires_at: float | None) -> int | None:
        """Return for how many milliseconds the server is to keep a value, 0 for ever; None if over. Internal."""
        if expires_at is None:
            return self._keep or 0
        left = math.ceil((expires_at - time.time()) * 1000)  # up: never gone before the entry says so
        return left if left > 0 else None

    # -- details -------------------------------------------------------------------------------------------------

    def _evict(self, key: str) -> bool:
        return bool(self.server.ask("unlink", self._name(key)))

    def _name(self, key: str) -> bytes:
        """Return the name of the value of a key in the generation of now."""
        return Names(self.prefix, key).value(self._inventory.generation(key) or b"")

    def _as_bytes(self, blob: object) -> bytes:
        if not isinstance(blob, bytes):
            raise StoreError("the client returned text; make it with decode_responses=False", self.server.place)
        return blob

    def _start_generation(self, function: str) -> bytes | None:
        old: bytes | None = CLEAR.run(self.server, [Names(self.prefix, function).generation], new_token())
        return old

    def _ask(self, key: str, command: str, *arguments: Any) -> Any:
        try:
            return self.server.ask(command, *arguments)
        except StoreError as error:
            if "WRONGTYPE" not in error.message:
                raise
            raise BadEntryError("not a string (WRONGTYPE)", self.place(key)) from error


def _remake(url: str, prefix: str, ttl: int | None, options: dict[str, Any]) -> RedisStore:
    store = RedisStore(url, prefix, **options)
    store.ttl = ttl
    return store


def _milliseconds(value: object, name: str) -> int:
    duration = parse_duration(value, name) // _MILLISECOND
    if duration < 1:
        raise ConfigurationError(f"{name}={value!r}: give at least a millisecond")
    return duration


def _is_expired(head: bytes | None, now: int) -> bool:
    try:
        return read_header(head or b"").expires <= now
    except UnknownFormatError:
        return False  # not ours to judge: verify reports it, clear removes it
