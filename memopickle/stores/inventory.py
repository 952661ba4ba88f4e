"""What a Redis server holds of a RedisStore: listed, measured and removed, many values in one round trip."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from memopickle.locks import real_clock
from memopickle.storekey import FUNCTION_SIZE
from memopickle.stores.names import Names, Value, generations_pattern, values_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.stores.server import Server

__all__ = ["Inventory"]

#: Keys that are looked at in one round trip while scanning.
_BATCH = 1000


class Inventory:
    """The values and generations below a prefix on a server. Raises StoreError; safe between threads."""

    def __init__(self, server: Server, prefix: str) -> None:
        self._server = server
        self._prefix = prefix

    def generation(self, key: str) -> bytes | None:
        """Return the generation of now of a key's function, None if it has none."""
        generation: bytes | None = self._server.ask("get", Names(self._prefix, key).generation)
        return generation

    def functions(self, prefix: str) -> list[str]:
        """Return the function parts that begin with ``prefix``, of those that have a generation."""
        if len(prefix) >= FUNCTION_SIZE:
            return [prefix[:FUNCTION_SIZE]]
        tag = len(self._prefix) + 1
        found = self._scan(generations_pattern(self._prefix, prefix))
        return list({name[tag:-3].decode("ascii") for batch in found for name in batch})

    def live(self, prefix: str) -> Iterator[dict[str, bytes]]:
        """Iterate over the names of the values of now, by store key."""
        seen: set[str] = set()  # the server may name a key more than once
        for batch in self.batches(prefix):
            fresh = {value.key: value.name for value in batch if value.live and value.key not in seen}
            seen.update(fresh)
            yield fresh

    def sweep(self, prefix: str, deadline: float) -> Iterator[list[tuple[str, bytes]]]:
        """Remove the values of generations that are over, until a time; yields their functions and generations."""
        for batch in self.batches(prefix):
            dead = [value for value in batch if not value.live]
            removed = self.unlink([value.name for value in dead])
            yield [(value.function, value.generation) for value, gone in zip(dead, removed, strict=True) if gone]
            if real_clock() > deadline:
                return

    def batches(self, prefix: str) -> Iterator[list[Value]]:
        """Iterate over the values of any generation whose store keys begin with ``prefix``."""
        for names in self._scan(values_pattern(self._prefix, prefix)):
            values = [Value(name, name[len(self._prefix) :]) for name in names if name.isascii()]
            # Asked after the names were seen: a generation that is not the one of now is then an older one.
            current = {function: self.generation(function) for function in {value.function for value in values}}
            for value in values:
                value.live = value.generation == current[value.function]
            yield values

    def sizes(self, names: list[bytes]) -> list[int | None]:
        """Return the size of each value in bytes, 0 if it is gone."""
        return self._pipelined("strlen", names)

    def heads(self, names: list[bytes], size: int) -> list[bytes | None]:
        """Return the first bytes of each value, none if it is gone."""
        return self._pipelined("getrange", names, 0, size - 1)

    def unlink(self, names: list[bytes]) -> list[int | None]:
        """Remove each value; return 1 for each that was there."""
        return self._pipelined("unlink", names)

    def _scan(self, pattern: bytes) -> Iterator[list[bytes]]:
        names = self._server.ask("scan_iter", match=pattern, count=_BATCH)  # asks the server when iterated over
        while batch := self._server.attempt(lambda _: list(islice(names, _BATCH))):
            yield batch

    def _pipelined(self, command: str, names: list[bytes], *arguments: int) -> list[Any]:
        """Send a command for each name at once; None where the server refused one."""

        def send(client: Any) -> list[Any]:
            with client.pipeline(transaction=False) as pipeline:
                for name in names:
                    getattr(pipeline, command)(name, *arguments)
                answers = pipeline.execute(raise_on_error=False)
            return [None if isinstance(answer, Exception) else answer for answer in answers]

        return self._server.attempt(send) if names else []
