"""Limits as users write them: whole numbers, and sizes such as ``"500MB"``."""

from __future__ import annotations

from memopickle.errors import ConfigurationError

__all__ = ["parse_limit", "parse_size"]

_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", 1)}
_UNITS |= {f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", 1)}


def parse_limit(value: object, name: str) -> int | None:
    """Return a limit given as a whole number of at least 0, or None for no limit; ConfigurationError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"{name}={value!r}: give a whole number of at least 0, or None for no limit")
    return value


def parse_size(value: object, name: str) -> int | None:
    """Return a limit in bytes, also of text such as ``"500MB"`` (of 1000) or ``"1.5 GiB"`` (of 1024)."""
    if not isinstance(value, str):
        return parse_limit(value, name)
    text = value.strip().lower()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit, number = text[len(number) :], number.rstrip()
    if unit not in _UNITS or not number.isascii() or not number.replace(".", "", 1).isdigit():
        raise ConfigurationError(f'{name}={value!r}: give bytes, or a size such as "500MB" or "1GiB"')
    whole, _, fraction = number.partition(".")
    return int(f"{whole}{fraction}") * _UNITS[unit] // int("1" + "0" * len(fraction))
