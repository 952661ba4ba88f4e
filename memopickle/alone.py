"""The quick way of a miss: compute and store, where no other call may join and nothing else is asked for.

For a function with ``single_flight=False`` whose results all have one ttl, what :mod:`memopickle.runner` and
:mod:`memopickle.keeper` do for a call that missed comes to the few steps below. They need half the calls, and as
little of the processor's caches as is left after a system call decides what a miss costs. Both ways return, raise,
store, count and tell the same, which tests/test_alone.py shows.
"""

from __future__ import annotations

from _thread import RLock

from memopickle.events import Raised
from memopickle.expiry import NEVER, SECOND, expires_at, microseconds
from memopickle.faces import SignedFace
from memopickle.header import CODE_SIZE, Facts
from memopickle.locks import stopwatch
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.codec import Codec
    from memopickle.context import Call, Context
    from memopickle.keeper import Keeper
    from memopickle.stores.base import Writer

__all__ = ["Alone", "make_alone"]


class Alone:
    """Runs one function for calls that missed; shared by all threads.

    Args:
        function: what is run.
        context: of the function.
        keeper: opens the writers, and gets what can't be stored.
        codec: makes the entries.
        ttl: of all results, in microseconds; None for ever.

    """

    def __init__(
        self, function: Callable[..., Any], context: Context, keeper: Keeper, codec: Codec, ttl: int | None
    ) -> None:
        self._function = function
        self._name = context.name
        self._keeper = keeper
        self._codec = codec
        self._ttl = ttl
        self._lasting = NEVER if ttl is None else ttl
        self._code = context.freshness.code or bytes(CODE_SIZE)
        self._flights = context.cache.flights
        self._clock = context.cache.clock
        self._counts = context.counts
        self._listener = context.listener
        self._trouble = context.trouble

    def missed(self, call: Call) -> Any:
        """Return what the function returns, stored if nothing comes in between."""
        # What Flight is where nobody can join: a clear or an invalidation takes it off the table.
        flying, publishing = self._flights.flying, RLock()
        flying[publishing] = call.key
        writer = None
        try:
            self._counts.misses += 1
            writer = self._keeper.open(call.key)
            began = stopwatch()
            try:
                value = self._function(*call.args, **call.kwargs)
            except Exception as error:
                self._counts.computations += 1
                self._listener.tell(Raised(self._name, call.key, type(error).__name__))
                raise
            cost = stopwatch() - began
            self._counts.computations += 1
            if writer is not None:
                self._keep(call, value, cost, writer, publishing, flying)
            return value
        finally:
            flying.pop(publishing, None)
            try:
                if writer is not None:
                    writer.close()
            except Exception:  # noqa: BLE001, S110  whatever fails here, the caller has the result
                pass

    def _keep(
        self, call: Call, value: Any, cost: int, writer: Writer, publishing: RLock, flying: dict[RLock, str]
    ) -> None:
        key = call.key
        try:
            created = microseconds(self._clock)
            expires = expires_at(created, self._ttl)
            facts = Facts(created, expires, cost, self._code, call.metadata(), self._lasting)
            chunks = self._codec.encode(key, value, facts)
            size = sum(map(len, chunks))
            with publishing:
                stored = publishing in flying and writer.publish(chunks, None if expires == NEVER else expires / SECOND)
            if stored:
                self._trouble.mended(key)
                self._listener.stored(key, size, cost)
            else:
                self._keeper.refused(key, writer.refusal)
        except Exception as error:  # noqa: BLE001  whatever a store does, the function's result reaches the caller
            self._keeper.failed(key, self._keeper.explained(error, value))


def make_alone(function: Callable[..., Any], context: Context, keeper: Keeper) -> Alone | None:
    """Return the quick way of a function, None where it can't have one."""
    options, freshness, face = context.options, context.freshness, context.face
    asks_for_more = options.single_flight or options.store_if is not None or options.migrate or options.exceptions
    if asks_for_more or freshness.window or callable(freshness.ttl) or freshness.ttl == 0:
        return None
    return Alone(function, context, keeper, face.codec, freshness.ttl) if type(face) is SignedFace else None
