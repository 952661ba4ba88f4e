"""The libraries that are compared: each caches one function on one server, as its documentation has it.

Their defaults, with the protection against computing twice switched on where there is one.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["LIBRARIES", "Cached"]

TTL = 300


class Cached(NamedTuple):
    """A cached function: called once, and called many times in a row."""

    call: Callable[[int], Any]
    repeat: Callable[[int, int], None]


def memopickle(port: int, compute: Callable[[int], Any]) -> Cached:
    """Return it in this library, with a client made from a URL."""
    from memopickle import Cache, RedisStore

    cache = Cache(RedisStore(f"redis://127.0.0.1:{port}/0"), secret="s" * 32)
    return _plain(cache.cached(compute, key=str, ttl=TTL))


def dogpile(port: int, compute: Callable[[int], Any]) -> Cached:
    """Return it in dogpile.cache, with its lock on the server."""
    from dogpile.cache import make_region

    arguments = {"host": "127.0.0.1", "port": port, "distributed_lock": True, "lock_timeout": 10}
    arguments["thread_local_lock"] = False
    region = make_region().configure("dogpile.cache.redis", expiration_time=TTL, arguments=arguments)

    def generator(_namespace: object, _function: object, **_: object) -> Callable[..., str]:
        return lambda *arguments: f"dogpile {arguments}"

    return _plain(region.cache_on_arguments(function_key_generator=generator)(compute))


def flask_caching(port: int, compute: Callable[[int], Any]) -> Cached:
    """Return it in Flask-Caching, which has no lock."""
    from flask import Flask
    from flask_caching import Cache

    app = Flask("benchmark")
    cache = Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_HOST": "127.0.0.1", "CACHE_REDIS_PORT": port})
    app.app_context().push()
    return _plain(cache.memoize(timeout=TTL)(compute))


def cashews(port: int, compute: Callable[[int], Any]) -> Cached:
    """Return it in cashews, with its lock."""
    from cashews import Cache

    cache = Cache()
    # Without check_certs and the like: a plain address. Pickle, since the others store any object too.
    cache.setup(f"redis://127.0.0.1:{port}/0", pickle_type="default", secret="s" * 32)
    return _awaited(cache(ttl=TTL, key="cashews:{number}", lock=True)(_async(compute)))


def aiocache(port: int, compute: Callable[[int], Any]) -> Cached:
    """Return it in aiocache, with its lock."""
    from aiocache import Cache, cached_stampede
    from aiocache.serializers import PickleSerializer

    decorate = cached_stampede(
        lease=10, cache=Cache.REDIS, endpoint="127.0.0.1", port=port, ttl=TTL, serializer=PickleSerializer(),
        key_builder=lambda _function, number: f"aiocache {number}",
    )  # fmt: skip
    return _awaited(decorate(_async(compute)))


def _plain(function: Callable[[int], Any]) -> Cached:
    def repeat(number: int, times: int) -> None:
        for _ in range(times):
            function(number)

    return Cached(function, repeat)


def _awaited(function: Callable[[int], Awaitable[Any]]) -> Cached:
    runner = asyncio.Runner()

    async def once(number: int) -> Any:
        return await function(number)

    async def often(number: int, times: int) -> None:
        for _ in range(times):
            await function(number)

    return Cached(lambda number: runner.run(once(number)), lambda number, times: runner.run(often(number, times)))


def _async(compute: Callable[[int], Any]) -> Callable[[int], Awaitable[Any]]:
    @functools.wraps(compute)
    async def wrapper(number: int) -> Any:
        return compute(number)

    return wrapper


LIBRARIES = {
    "memopickle": memopickle,
    "dogpile.cache": dogpile,
    "cashews": cashews,
    "aiocache": aiocache,
    "Flask-Caching": flask_caching,
}
