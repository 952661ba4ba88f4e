"""Stores by URL, for the environment, the command line and configuration files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.errors import ConfigurationError
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.memory import MemoryStore
from memopickle.stores.shelf import ShelveStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.stores.base import Store

__all__ = ["open_store"]


def open_store(url: str) -> Store:
    """Return the store that a URL names; like making it by hand, this does no I/O.

    ``dir:PATH``, ``shelve:PATH``, ``memory:``, each with options as in ``dir:/var/cache/app?ttl=7d&durable=1`` or
    ``memory:?maxsize=1000``. ConfigurationError for an unknown scheme or option.
    """
    from urllib.parse import parse_qsl, unquote  # 4 ms, only where a URL is given

    scheme, separator, rest = url.partition(":")
    if not separator or scheme not in _MAKERS:
        known = ", ".join(f"{name}:" for name in _MAKERS)
        raise ConfigurationError(f"store URL {url!r}: begin it with one of {known}, such as dir:/var/cache/app")
    path, _, query = rest.partition("?")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise ConfigurationError(f"store URL {url!r}: {error}; write options as ?ttl=7d&durable=1") from None
    store = _MAKERS[scheme](unquote(path), options)
    if options:
        raise ConfigurationError(f"store URL {url!r}: {scheme}: has no option {next(iter(options))!r}")
    return store


def _directory(path: str, options: dict[str, str]) -> Store:
    durable = options.pop("durable", "0") not in ("", "0", "false", "no")
    return DirectoryStore(path, _ttl(options), durable=durable)


def _shelf(path: str, options: dict[str, str]) -> Store:
    return ShelveStore(path, _ttl(options))


def _memory(path: str, options: dict[str, str]) -> Store:
    if path:
        raise ConfigurationError(f"memory: takes no path, but {path!r} was given")
    return MemoryStore(_whole(options, "maxsize"), _whole(options, "max_bytes"), _ttl(options))


_MAKERS: dict[str, Callable[[str, dict[str, str]], Store]] = {"dir": _directory, "shelve": _shelf, "memory": _memory}


def _ttl(options: dict[str, str]) -> object:
    text = options.pop("ttl", None)
    return float(text) if text is not None and text.replace(".", "", 1).isdigit() else text


def _whole(options: dict[str, str], name: str) -> int | None:
    text = options.pop(name, None)
    if text is None:
        return None
    if not text.isdigit():
        raise ConfigurationError(f"{name}={text!r}: give a whole number of at least 0")
    return int(text)
