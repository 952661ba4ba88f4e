"""Stores by URL, for the environment, the command line and configuration files."""

from __future__ import annotations

import re
from functools import partial

from memopickle.errors import ConfigurationError
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.memory import MemoryStore
from memopickle.stores.shelf import ShelveStore
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.stores.base import Store

__all__ = ["open_store"]


def open_store(url: str) -> Store:
    """Return the store that a URL names; like making it by hand, this does no I/O.

    ``dir:PATH``, ``shelve:PATH``, ``memory:``, each with options as in ``dir:/var/cache/app?ttl=7d&durable=1`` or
    ``memory:?maxsize=1000``; ``redis://HOST:PORT/DB``, ``rediss://...``, ``unix:///PATH``, with the options of
    :class:`memopickle.RedisStore` and of its URLs; ``s3://BUCKET/PREFIX``, ``gs://...``, ``az://CONTAINER/PREFIX``,
    with the options of :class:`memopickle.ObjectStore`, without credentials. Joined by ``+`` they are the tiers of a
    :class:`memopickle.TieredStore`, as in ``memory:?ttl=30s+dir:/var/cache/app``; ``readonly:`` before one is a
    :class:`memopickle.ReadOnlyStore`. ConfigurationError for an unknown scheme or option.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"store URL {url!r}: give text, such as dir:/var/cache/app")
    tiers = [_single(part) for part in re.split(_NEXT, url)]
    if len(tiers) == 1:
        return tiers[0]
    from memopickle.stores.tiered import TieredStore

    return TieredStore(*tiers)


def _single(url: str) -> Store:
    scheme, separator, rest = url.partition(":")
    if separator and scheme == "readonly":
        from memopickle.stores.readonly import ReadOnlyStore

        return ReadOnlyStore(_single(rest))
    if scheme in _SERVERS:
        from memopickle.stores.redisurl import open_redis  # half as much again as the rest of the package

        return open_redis(url)
    if not separator or scheme not in _MAKERS:
        raise ConfigurationError(f"store URL {_shown(url)!r}: {_advice(scheme)}")
    path, _, query = rest.partition("?")
    options = _options(url, query)
    store = _MAKERS[scheme](path, options)
    if options:
        raise ConfigurationError(f"store URL {_shown(url)!r}: {scheme}: has no option {next(iter(options))!r}")
    return store


def _options(url: str, query: str) -> dict[str, str]:
    from urllib.parse import parse_qsl  # 4 ms, only where a URL is given

    try:
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise ConfigurationError(f"store URL {_shown(url)!r}: {error}; write options as ?ttl=7d&durable=1") from None


def _advice(scheme: str) -> str:
    """Say which URL was probably meant."""
    from difflib import get_close_matches

    known = (*_MAKERS, *_SERVERS, "readonly")
    if scheme == "file":
        return "a directory is dir:/path"
    nearest = get_close_matches(scheme.lower(), known, 1)
    if nearest:
        return f"{scheme}: is not known; did you mean {nearest[0]}:?"
    return f"begin it with one of {', '.join(f'{name}:' for name in known)}, such as dir:/var/cache/app"


def _shown(url: str) -> str:
    """Return a URL as it may be shown in a message: whatever it is, what looks like a password stays out."""
    if not re.search("@|password|secret|token|key", url):
        return url
    from memopickle.stores.serverurl import masked

    return masked(url.partition("?")[0])


def _directory(path: str, options: dict[str, str]) -> Store:
    return DirectoryStore(
        _unquoted(path),
        _ttl(options),
        max_bytes=options.pop("max_bytes", None),
        max_entries=_whole(options, "max_entries"),
        durable=_flag(options, "durable"),
        mmap=_flag(options, "mmap"),
    )


def _shelf(path: str, options: dict[str, str]) -> Store:
    return ShelveStore(_unquoted(path), _ttl(options))


def _memory(path: str, options: dict[str, str]) -> Store:
    if path:
        raise ConfigurationError(
            f"memory: takes no path, but {path!r} was given; write options as in memory:?maxsize=1000"
        )
    return MemoryStore(_whole(options, "maxsize"), _whole(options, "max_bytes"), _ttl(options))


def _bucket(scheme: str, path: str, options: dict[str, str]) -> Store:
    from memopickle.stores.bucket import is_credential
    from memopickle.stores.object import ObjectStore

    for name in options:
        if is_credential(name):
            raise ConfigurationError(f"{scheme}: {name} does not belong in a URL; set it in the environment")
    ttl, timeout = _ttl(options), _number(options, "timeout", 10.0)
    # What is left is for obstore, which names what it does not know when the store is opened.
    config = {name: options.pop(name) for name in list(options)}
    return ObjectStore(f"{scheme}:{path}", ttl, timeout=timeout, **config)


def _unquoted(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path)


_SERVERS = ("redis", "rediss", "unix")
_MAKERS: dict[str, Callable[[str, dict[str, str]], Store]] = {
    "dir": _directory,
    "shelve": _shelf,
    "memory": _memory,
    "s3": partial(_bucket, "s3"),
    "gs": partial(_bucket, "gs"),
    "az": partial(_bucket, "az"),
}
#: Where the next tier begins: a path may hold a ``+``, too.
_NEXT = rf"\+(?=(?:{'|'.join((*_MAKERS, *_SERVERS, 'readonly'))}):)"


def _ttl(options: dict[str, str]) -> object:
    text = options.pop("ttl", None)
    return float(text) if text is not None and text.replace(".", "", 1).isdigit() else text


def _flag(options: dict[str, str], name: str) -> bool:
    return options.pop(name, "0") not in ("", "0", "false", "no")


def _whole(options: dict[str, str], name: str) -> int | None:
    text = options.pop(name, None)
    if text is None:
        return None
    if not text.isdigit():
        raise ConfigurationError(f"{name}={text!r}: give a whole number of at least 0")
    return int(text)


def _number(options: dict[str, str], name: str, default: float) -> float:
    text = options.pop(name, None)
    try:
        return default if text is None else float(text)
    except ValueError:
        raise ConfigurationError(f"{name}={text!r}: give a number of seconds") from None
