"""RedisStore by URL: the options of the store beside those of the connection."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from memopickle.stores.redis import RedisStore

__all__ = ["open_redis"]

_OPTIONS = {"ttl", "keep", "timeout", "lease", "max_value_bytes"}


def open_redis(url: str) -> RedisStore:
    """Return the store that a URL names; ConfigurationError for what is wrong with it."""
    base, _, query = url.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    own: dict[str, Any] = {name: _number(options.pop(name)) for name in _OPTIONS & options.keys()}
    if "prefix" in options:
        own["prefix"] = options.pop("prefix")
    return RedisStore(base + (f"?{urlencode(options)}" if options else ""), **own)


def _number(text: str) -> object:
    if text.isdigit():
        return int(text)
    return float(text) if text.replace(".", "", 1).isdigit() else text
