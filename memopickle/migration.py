"""Upgrading what was stored under an older version, instead of computing it again."""

from __future__ import annotations

from memopickle.expiry import microseconds
from memopickle.lookup import MISSING
from memopickle.notices import warn_once
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memopickle.callkey import CallKeys
    from memopickle.context import Context
    from memopickle.flight import Flight
    from memopickle.keeper import Keeper
    from memopickle.lookup import Lookup
    from memopickle.runner import Call

__all__ = ["Migration"]


class Migration:
    """The ``migrate=`` of one function: ``{1: f}`` makes of a value of version 1 one of version 2."""

    def __init__(self, context: Context, keys: CallKeys, lookup: Lookup, keeper: Keeper) -> None:
        self._name = context.name
        self._steps = context.options.migrate
        self._version = context.options.version
        self._keys = keys
        self._lookup = lookup
        self._keeper = keeper
        # An older version is of older code: that is what it is for.
        self._freshness = context.freshness._replace(code=None)
        self._clock = context.cache.clock

    def value(self, flight: Flight, call: Call) -> Any:
        """Return the newest older value of this call, upgraded and stored, or MISSING; a failing step is told."""
        for version in sorted(self._steps, reverse=True):
            found = self._lookup.any_entry(self._keys.of_version(call.key, version))
            if found is None or found.raises or self._freshness.stale(found, microseconds(self._clock)):
                continue
            try:
                value = self._upgraded(found.value(), version)
            except Exception as error:  # noqa: BLE001  the user's code: what fails is computed
                self._tell(version, error)
                continue
            flight.writer = self._keeper.open(call.key)
            self._keeper.keep(flight, call, value, found.cost, created=found.created)
            return value
        return MISSING

    def _upgraded(self, value: Any, version: int) -> Any:
        while version in self._steps:
            value = self._steps[version](value)
            version += 1
        return value

    def _tell(self, version: int, error: Exception) -> None:
        warn_once(
            ("migrate", self._name, version, type(error)),
            f"could not migrate a result of {self._name} from version {version} to {self._version} "
            f"({type(error).__name__}: {error}); it is computed again",
        )
