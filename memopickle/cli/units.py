"""Bytes, times and durations as people read them, and text that a terminal may safely be given."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from memopickle.errors import ConfigurationError
from memopickle.expiry import SECOND, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "age",
    "clean",
    "counted",
    "duration",
    "moment",
    "plural",
    "readable",
    "seconds_of",
    "share",
    "size",
    "size_of",
]

_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES |= {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
#: Seconds in a unit, and how many of it are still written in it.
_UNITS = (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48), ("d", 86400, 730))
_YEAR = 365.25 * 86400
_THOUSAND = 1000


def size(count: float) -> str:
    """Write a number of bytes: ``512 B``, ``1.5 kB``, ``23.4 GB``."""
    if count < _THOUSAND:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= _THOUSAND
        if round(count, 1) < _THOUSAND:
            return f"{count:.1f} {unit}"
    return f"{count / _THOUSAND:.1f} TB"


def duration(seconds: float) -> str:
    """Write a duration with a precision that suits it: ``3.2 ms``, ``4.5 s``, ``90 min``, ``12 d``."""
    if seconds == 0:
        return "0 s"
    if seconds < 0.001:  # noqa: PLR2004
        return "<1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 10 and seconds % 1:  # noqa: PLR2004  with a decimal below ten
        return f"{seconds:.1f} s"
    for unit, length, most in _UNITS:
        if seconds < length * most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / _YEAR:.0f} y"


def age(then: float, now: float) -> str:
    """Write how long ago something was, or how far ahead it is."""
    ahead = then - now
    if ahead > 0:
        return f"in {duration(ahead)}"
    return f"{duration(max(-ahead, 0) // 1)} ago"


def moment(seconds: float | None) -> str | None:
    """Write a time as ISO 8601, UTC, to the second; None stays None."""
    if seconds is None:
        return None
    try:
        found = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (OverflowError, ValueError, OSError):  # a damaged or hostile head may say any number
        return f"{seconds:.0f}"
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def share(part: float) -> str:
    """Write a part of a whole as a percentage; 100 % only if it is all, 0 % only if it is nothing."""
    return f"{min(max(part * 100, 0.1), 99.9) if 0 < part < 1 else part * 100:.1f}%".replace(".0%", "%")


def plural(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun: ``1 entry``, ``2,000 entries``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def counted(counts: Mapping[str, int], names: Iterable[str]) -> list[str]:
    """Write those of the counts that are not 0, each with its name: ``["2 damaged", "1 unreadable"]``."""
    return [f"{counts[name]:,} {name}" for name in names if counts[name]]


def readable(name: str) -> str:
    """Return what a terminal shows of a name that an entry tells."""
    return clean(name) or "(cannot be read)"


def clean(text: str) -> str:
    """Return text without anything that a terminal would obey; names in entries may come from anybody."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def seconds_of(text: str) -> float:
    """Read an age such as ``7d``, ``12h`` or ``90`` (seconds); ConfigurationError."""
    return parse_duration(float(text) if text.replace(".", "", 1).isdigit() else text, "age") / SECOND


def size_of(text: str) -> int:
    """Read a size such as ``500``, ``10kB``, ``1.5MB`` or ``2GiB``; ConfigurationError."""
    compact = text.replace(" ", "").lower()
    number = compact.rstrip("bkmgti")
    try:
        return int(float(number) * _SIZES[compact[len(number) :]])
    except (KeyError, ValueError, OverflowError):
        raise ConfigurationError(f"size={text!r}: not understood; give bytes, or such as 10kB, 1.5MB or 2GiB") from None
