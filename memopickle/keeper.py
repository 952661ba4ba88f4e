"""Storing what was computed; whatever goes wrong is told, and the caller still has the value."""

from __future__ import annotations

from memopickle.events import NotStored
from memopickle.expiry import NEVER, expires_at, microseconds, result_ttl
from memopickle.failures import freeze, thaw
from memopickle.formats import open_serializer
from memopickle.header import CODE_SIZE, EXCEPTION, VALUE, Facts
from memopickle.locks import undisturbed
from memopickle.serializers import in_process
from memopickle.stores.base import Writer
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memopickle.context import Call, Context
    from memopickle.culprit import Explainer
    from memopickle.flight import Flight

__all__ = ["Keeper"]


class Keeper:
    """Stores the values of one function."""

    def __init__(self, context: Context) -> None:
        self._name = context.name
        self._clock = context.cache.clock
        self._listener = context.listener
        self._face = context.face
        self._ttl = context.freshness.ttl
        self._exception_ttl = context.freshness.exception_ttl
        self._window = context.freshness.window
        self._store_if = context.options.store_if
        self._serializer = open_serializer(context.options.serializer)
        self._explainer: Explainer | None = None
        self._code = context.freshness.code or bytes(CODE_SIZE)
        self._trouble = context.trouble
        self._store = context.cache.store

    def open(self, key: str) -> Writer | None:
        """Return the writer for a key, to be opened before its value is computed; None if there can't be one."""
        try:
            try:
                return self._store.writer(key)
            except (FileNotFoundError, FileExistsError):
                return undisturbed(self._store.writer, key)
        except Exception as error:  # noqa: BLE001  whatever a store does, the function's result reaches the caller
            self.failed(key, error)
            return None

    def keep(
        self, flight: Flight, call: Call, value: Any, cost: int, *, raised: bool = False, created: int | None = None
    ) -> None:
        """Store a value, unless its key was cleared or invalidated since the flight began.

        ``cost`` is the nanoseconds that computing it took; ``raised``: it is an exception; ``created``: when it was
        computed, in microseconds, if not now.
        """
        if flight.writer is None:
            return
        try:
            facts = self._facts(call, value, cost, raised, created)
            if isinstance(facts, str):
                self.refused(flight.key, facts)
                return
            with flight.publishing:
                stored = not flight.is_dropped() and self._publish(value, facts, flight, flight.writer)
            if not stored:
                self.refused(flight.key, flight.writer.refusal)
        except Exception as error:  # noqa: BLE001
            self.failed(flight.key, error if raised else self.explained(error, value))

    def _facts(self, call: Call, value: Any, cost: int, raised: bool, created: int | None) -> Facts | str:
        """Return what is signed along, or why the value is not to be stored."""
        if not (self._store_if is None or raised or self._store_if(value)):
            return "store_if said no"
        ttl, window = (self._exception_ttl, 0) if raised else (self._ttl, self._window)
        if callable(ttl):
            ttl = result_ttl(ttl(value))
        if ttl == 0:
            return "its ttl is 0"
        if created is None:
            created = microseconds(self._clock)
        expires = NEVER if ttl is None else expires_at(created, ttl + window)
        lasting = NEVER if ttl is None else ttl
        return Facts(created, expires, cost, self._code, call.metadata(), lasting, EXCEPTION if raised else VALUE)

    def _publish(self, value: Any, facts: Facts, flight: Flight, writer: Writer) -> bool:
        # A store of somebody's own may have writers that do not derive from ours.
        guards = isinstance(writer, Writer) and writer.use_lock(flight.lock)
        if not guards and not flight.lock.held():
            return False
        payload = value if facts.kind == VALUE else self._frozen(value)
        size = self._face.write(writer, flight.key, payload, facts)
        if size is None:
            return False
        # Looked at again: an invalidation between the first look and the write found nothing to remove.
        if not guards and not flight.lock.held():
            writer.retract()
            return False
        self._trouble.mended(flight.key)
        self._listener.stored(flight.key, size, facts.cost)
        return True

    def _frozen(self, error: Exception) -> Any:
        """Return what is stored of an exception; TypeError for one that would not come back as it was raised."""
        frozen = freeze(error)
        copier = in_process(self._serializer)
        again = thaw(copier.decode(copier.encode_whole(frozen)))
        if type(again) is not type(error) or again.args != error.args:
            raise TypeError(f"a {type(error).__name__} comes back from {copier.name} with other arguments")
        return frozen

    def explained(self, error: Exception, value: Any) -> Exception:
        """Return why a value can't be stored: the error, or one that says which part of the value is at fault."""
        if self._explainer is None:
            try:
                from memopickle.culprit import Explainer  # for the results that can't be stored
            except (ImportError, OSError):  # no descriptors left to import it
                return error
            self._explainer = Explainer(self._serializer)
        return self._explainer.explained(error, value)

    def failed(self, key: str, error: Exception) -> None:
        """Tell that a value is not stored, as storing it failed."""
        try:
            reason = f"{type(error).__name__}: {error}"
        except Exception:  # noqa: BLE001  an exception of the user's, raised in pickling, that can't say what it is
            reason = f"{type(error).__name__}, which has no text"
            error = RuntimeError(reason)
        self.refused(key, reason)
        self._trouble.unwritable(error)

    def refused(self, key: str, reason: str) -> None:
        """Tell that a value is not stored, and why."""
        self._listener.tell(NotStored(self._name, key, reason))
