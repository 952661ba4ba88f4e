"""Times to live: the forms a user may write, and when an entry is too old.

Inside memopickle a time is an integer count of microseconds since the epoch and a ttl an integer count of
microseconds. Integers, because a float of today's epoch is only good to a quarter of a microsecond, so that
``created + ttl - created`` may come out smaller than ``ttl``: a hit where the contract says miss.
"""

from __future__ import annotations

import time

from memopickle.errors import ConfigurationError
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    TTL = float | int | str | timedelta | None | Callable[[Any], float | int | str | timedelta | None]

__all__ = [
    "NEVER",
    "SECOND",
    "expires_at",
    "is_fresh",
    "microseconds",
    "parse_duration",
    "parse_ttl",
    "result_ttl",
    "wall_clock",
]

SECOND = 1_000_000
#: The recorded expiry of what never expires; the largest time that an entry's header can hold.
NEVER = 2**63 - 1
#: How far in the future an entry may lie (clocks of two machines differ) and still count as new.
SKEW = 300 * SECOND

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_FORMS = 'seconds, a timedelta, or text such as "90s", "1h30m" or "7d"'


def wall_clock() -> float:
    """Return the seconds since the epoch.

    The attribute is looked up at each call, so that freezegun, which replaces ``time.time``, works.
    """
    return time.time()


def microseconds(clock: Callable[[], float]) -> int:
    """Return what the clock says, in whole microseconds."""
    return round(clock() * SECOND)


def parse_duration(value: object, name: str = "ttl") -> int:
    """Turn seconds, a timedelta or text into microseconds; raise ConfigurationError naming ``name``."""
    seconds = _seconds(value, name)
    if not 0 <= seconds < float("inf"):
        raise ConfigurationError(f"{name}={value!r}: must be finite and not negative; give {_FORMS}")
    return round(min(seconds * SECOND, NEVER))


def parse_ttl(value: object) -> int | Callable[[Any], object] | None:
    """Turn any form of ttl into microseconds, None (for ever), or the given callable of the result."""
    return value if callable(value) else result_ttl(value)


def result_ttl(value: object) -> int | None:
    """Turn what a ttl callable returned, or a ttl that can't be one, into microseconds or None (for ever)."""
    return None if value is None else parse_duration(value)


def expires_at(created: int, ttl: int | None) -> int:
    """Return the time from which an entry made at ``created`` is expired."""
    return NEVER if ttl is None else min(created + ttl, NEVER)


def is_fresh(created: int, ttl: int | None, now: int) -> bool:
    """Tell whether an entry made at ``created`` may be used at ``now``; from the far future it may not."""
    age = now - created
    if age < 0:
        return age >= -SKEW and ttl != 0
    return ttl is None or age < ttl


def _seconds(value: object, name: str) -> float:
    if isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r}: a bool is not a time; give {_FORMS}")
    if isinstance(value, int | float):
        return _as_float(value, name)
    if isinstance(value, str):
        return _from_text(value, name)
    total = getattr(value, "total_seconds", None)
    if total is None:
        raise ConfigurationError(f"{name}={value!r}: a {type(value).__name__} is not a time; give {_FORMS}")
    return float(total())


def _as_float(value: float, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ConfigurationError(f"{name}: the number is too large; use None to keep for ever") from None


def _from_text(text: str, name: str) -> float:
    # Without a regular expression: decorating imports nothing, and needs no slow import before.
    seconds, rest = 0.0, text.strip().lower()
    while True:
        number, rest = _cut(rest, "0123456789.")
        unit, rest = _cut(rest.lstrip(), "mshdw")
        if unit not in _UNITS or not number.replace(".", "", 1).isdigit() or "." in (number[0], number[-1]):
            raise ConfigurationError(f"{name}={text!r}: not understood; give {_FORMS}")
        seconds += float(number) * _UNITS[unit]
        rest = rest.lstrip()
        if not rest:
            return seconds


def _cut(text: str, letters: str) -> tuple[str, str]:
    """Return what a text begins with, of these characters, and the rest."""
    rest = text.lstrip(letters)
    return text[: len(text) - len(rest)], rest
