"""Entries on a Redis or Valkey server, shared by many machines.

What lies there under which name is told by ``names``, and what is done in one step by ``scripts``.
"""

from __future__ import annotations

import math
import re
import time
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from memopickle.entry import HEADER, read_header
from memopickle.errors import BadEntryError, ConfigurationError, StoreError, UnknownFormatError
from memopickle.expiry import parse_duration, result_ttl
from memopickle.locks import real_clock
from memopickle.storekey import FUNCTION_SIZE
from memopickle.stores.base import HEAD_SIZE, Store, Summary, Writer
from memopickle.stores.lease import LeaseLock, LeaseWriter
from memopickle.stores.names import Names, Value, generations_pattern, new_token, values_pattern
from memopickle.stores.scripts import BEGIN, CLEAR, DELETE
from memopickle.stores.server import Server, has_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memopickle.locks import KeyLock
    from memopickle.stores.base import Blob

__all__ = ["RedisStore"]

#: Keys that are looked at in one round trip while scanning.
_BATCH = 1000
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
            raise ConfigurationError(f"prefix={prefix!r}: give printable ASCII without spaces and braces")
        if max_value_bytes is not None and (type(max_value_bytes) is not int or max_value_bytes < 1):
            raise ConfigurationError(f"max_value_bytes={max_value_bytes!r}: give a whole number from 1, or None")
        self.prefix = prefix
        self.ttl = result_ttl(ttl)
        self.max_value_bytes = max_value_bytes
        self._keep = None if keep is None else _milliseconds(keep, "keep")
        self._lease = _milliseconds(lease, "lease")
        self._options = {"keep": keep, "max_value_bytes": max_value_bytes, "timeout": timeout, "lease": lease}
        #: Internal: what sends the commands.
        self.server = Server(url_or_client, _milliseconds(timeout, "timeout") / 1000)
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
        return (key for batch in self._live(prefix) for key in batch)

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        blob: bytes = self._ask(key, "getrange", self._name(key), 0, size - 1)
        return blob or self.get(key)  # nothing, or of no bytes

    def size(self, key: str) -> int:
        return int(self._ask(key, "strlen", self._name(key)))

    def summary(self, prefix: str = "") -> Summary:
        sizes = [size for batch in self._live(prefix) for size in self._pipelined("strlen", list(batch.values()))]
        return Summary(len(sizes), sum(size or 0 for size in sizes))

    def clear(self, prefix: str = "") -> int:
        """Remove every key that begins with ``prefix``; return how many.

        For a function this takes effect, on all machines, with one command. What was made unreachable is then
        removed by scanning, for at most 10 seconds: on a server with very many keys the count is of those, and the
        rest goes with the next ``prune``, or expires.
        """
        if len(prefix) > FUNCTION_SIZE + 1:
            return super().clear(prefix)
        before = {function: self._start_generation(function) for function in self._functions(prefix)}
        count = 0
        with suppress(StoreError):  # cleared it is
            for removed in self._sweep(prefix, real_clock() + SWEEP):
                count += sum(before.get(function) == generation for function, generation in removed)
        return count

    def prune(self, now: int) -> int:
        count = 0
        for batch in self._batches(""):
            self._unlink([value.name for value in batch if not value.live])
            names = [value.name for value in batch if value.live]
            heads = self._pipelined("getrange", names, 0, HEADER.size - 1)
            doomed = [name for name, head in zip(names, heads, strict=True) if _is_expired(head, now)]
            count += sum(one or 0 for one in self._unlink(doomed))
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
        """Return the whole value; StoreError if it is too large."""
        value = b"".join(chunks)
        if self.max_value_bytes is not None and len(value) > self.max_value_bytes:
            raise StoreError(
                f"{len(value)} bytes are more than max_value_bytes={self.max_value_bytes}", self.place(key)
            )
        return value

    def life(self, expires_at: float | None) -> int | None:
        """Return the milliseconds for which the server is to keep a value, 0 for ever; None if they are over."""
        if expires_at is None:
            return self._keep or 0
        left = math.ceil((expires_at - time.time()) * 1000)  # up: never gone before the entry says so
        return left if left > 0 else None

    # -- details -------------------------------------------------------------------------------------------------

    def _evict(self, key: str) -> bool:
        return bool(self.server.ask("unlink", self._name(key)))

    def _name(self, key: str) -> bytes:
        """Return the name of the value of a key in the generation of now."""
        return Names(self.prefix, key).value(self._generation(key) or b"")

    def _generation(self, key: str) -> bytes | None:
        generation: bytes | None = self.server.ask("get", Names(self.prefix, key).generation)
        return generation

    def _as_bytes(self, blob: object) -> bytes:
        if not isinstance(blob, bytes):
            raise StoreError("the client returned text; make it with decode_responses=False", self.server.place)
        return blob

    def _start_generation(self, function: str) -> bytes | None:
        old: bytes | None = CLEAR.run(self.server, [Names(self.prefix, function).generation], new_token())
        return old

    def _functions(self, prefix: str) -> list[str]:
        if len(prefix) >= FUNCTION_SIZE:
            return [prefix[:FUNCTION_SIZE]]
        tag = len(self.prefix) + 1
        found = self._scan(generations_pattern(self.prefix, prefix))
        return list({name[tag:-3].decode("ascii") for batch in found for name in batch})

    def _ask(self, key: str, command: str, *arguments: Any) -> Any:
        try:
            return self.server.ask(command, *arguments)
        except StoreError as error:
            if "WRONGTYPE" not in error.message:
                raise
            raise BadEntryError("not a string (WRONGTYPE)", self.place(key)) from error

    def _live(self, prefix: str) -> Iterator[dict[str, bytes]]:
        """Iterate over the names of the values of now, by store key."""
        seen: set[str] = set()  # the server may name a key more than once
        for batch in self._batches(prefix):
            fresh = {value.key: value.name for value in batch if value.live and value.key not in seen}
            seen.update(fresh)
            yield fresh

    def _sweep(self, prefix: str, deadline: float) -> Iterator[list[tuple[str, bytes]]]:
        """Remove the values of generations that are over, until a time; yields their functions and generations."""
        for batch in self._batches(prefix):
            dead = [value for value in batch if not value.live]
            removed = self._unlink([value.name for value in dead])
            yield [(value.function, value.generation) for value, gone in zip(dead, removed, strict=True) if gone]
            if real_clock() > deadline:
                return

    def _batches(self, prefix: str) -> Iterator[list[Value]]:
        """Iterate over the values on the server."""
        for names in self._scan(values_pattern(self.prefix, prefix)):
            values = [Value(name, name[len(self.prefix) :]) for name in names if name.isascii()]
            # Asked after the names were seen: a generation that is not the one of now is then an older one.
            current = {function: self._generation(function) for function in {value.function for value in values}}
            for value in values:
                value.live = value.generation == current[value.function]
            yield values

    def _scan(self, pattern: bytes) -> Iterator[list[bytes]]:
        names = self.server.ask("scan_iter", match=pattern, count=_BATCH)  # asks the server when iterated over
        while batch := self.server.attempt(lambda _: list(islice(names, _BATCH))):
            yield batch

    def _unlink(self, names: list[bytes]) -> list[int | None]:
        return self._pipelined("unlink", names)

    def _pipelined(self, command: str, names: list[bytes], *arguments: int) -> list[Any]:
        """Send a command for each name at once; None where the server refused one."""

        def send(client: Any) -> list[Any]:
            with client.pipeline(transaction=False) as pipeline:
                for name in names:
                    getattr(pipeline, command)(name, *arguments)
                answers = pipeline.execute(raise_on_error=False)
            return [None if isinstance(answer, Exception) else answer for answer in answers]

        return self.server.attempt(send) if names else []


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
