"""Never run: mypy --strict and pyright read it, and so see what a user's code sees."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import assert_type

from memopickle import (
    AsyncCachedFunction,
    Cache,
    CachedFunction,
    CacheInfo,
    DirectoryStore,
    MemoryStore,
    ShelveStore,
    cached,
    configure,
)
from memopickle.catalog import EntryInfo
from memopickle.explain import NearestCall
from memopickle.memo import StoredResult


@cached
def bare(x: int, flag: bool = False) -> list[str]:
    return [str(x)] if flag else []


@cached(ttl="1h", ignore=("flag",), version=2, track_code="off", lock_timeout=timedelta(seconds=3), on_error="raise")
def with_options(x: int, flag: bool = False) -> list[str]:
    return [str(x)] if flag else []


@cached(store=MemoryStore(maxsize=10), ttl=lambda result: len(result), key=lambda x: x)
def with_store(x: bytes) -> bytes:
    return x


cache = Cache(DirectoryStore(".cache", ttl="7d"), namespace="n", secret="s" * 32, ttl=60, on_event=print)


@cache.cached
def in_cache(x: float) -> float:
    return x


class Texts:
    name = "texts"

    def dumps(self, value: object) -> bytes:
        return str(value).encode()

    def loads(self, data: bytes) -> str:
        return data.decode()


@cache.cached(serializer=Texts(), compress="zlib")
def with_own_serializer(x: int) -> str:
    return str(x)


@cache.cached(serializer="json")
def with_named_serializer(x: int) -> list[int]:
    return [x]


@cache.cached(ttl=None, single_flight=False)
def in_cache_with_options(x: float) -> float:
    return x


class Service:
    @cached
    def method(self, x: int) -> str:
        return str(x)

    @staticmethod
    @cached
    def static(x: int) -> str:
        return str(x)


@cached
async def fetch(url: str, verbose: bool = False) -> bytes:
    return url.encode() if verbose else b""


@cached(ttl="1h")
async def fetch_with_options(url: str) -> bytes:
    return url.encode()


@cache.cached
async def fetch_in_cache(url: str) -> bytes:
    return url.encode()


@cache.cached(ttl=60)
async def fetch_in_cache_with_options(url: str) -> bytes:
    return url.encode()


class Client:
    @cached
    async def get(self, url: str) -> int:
        return len(url)

    @staticmethod
    @cached(ttl=5)
    async def static(url: str) -> int:
        return len(url)


async def awaited() -> None:
    assert_type(await fetch("u", verbose=True), bytes)
    assert_type(await fetch_with_options("u"), bytes)
    assert_type(await fetch_in_cache("u"), bytes)
    assert_type(await fetch_in_cache_with_options("u"), bytes)
    assert_type(await Client().get("u"), int)
    assert_type(await Client.static("u"), int)
    assert_type(await fetch.cache_refresh("u"), bytes)
    assert_type(await Client().get.cache_refresh("u"), int)
    assert_type(fetch.cache_set(b"", "u"), None)
    assert_type(fetch.cache_key("u"), str)
    assert_type(fetch.cache_info(), CacheInfo)
    assert_type(Client().get.cache_invalidate("u"), bool)
    original: Callable[[str, bool], Coroutine[object, object, bytes]] = fetch.__wrapped__
    await original("u", True)


def calls() -> None:
    assert_type(bare(1), list[str])
    assert_type(bare(x=1, flag=True), list[str])
    assert_type(with_options(1), list[str])
    assert_type(with_store(b""), bytes)
    assert_type(in_cache(1.0), float)
    assert_type(in_cache_with_options(1.0), float)
    assert_type(Service().method(1), str)
    assert_type(Service.static(1), str)


def members() -> None:
    assert_type(bare.cache_info(), CacheInfo)
    assert_type(bare.cache_info().hits, int)
    assert_type(bare.cache_clear(), None)
    assert_type(bare.cache_key(1, flag=True), str)
    assert_type(bare.cache_contains(1), bool)
    assert_type(bare.cache_peek(1), StoredResult | None)
    assert_type(bare.cache_set(["a"], 1), None)
    assert_type(bare.cache_invalidate(1), bool)
    assert_type(bare.cache_explain(1).nearest, NearestCall | None)
    assert_type(bare.cache_refresh(1), list[str])
    assert_type(Service().method.cache_contains(1), bool)
    original: Callable[[int, bool], list[str]] = bare.__wrapped__
    original(1, True)


def caches() -> None:
    assert_type(cache.clear(bare, older_than="7d"), int)
    assert_type(cache.prune(), int)
    assert_type(cache.functions(), list[str])
    for entry in cache.entries("pkg.*"):
        assert_type(entry, EntryInfo)
    assert_type(configure(ShelveStore("shelf")), Cache)
    with cache as entered:
        assert_type(entered, Cache)


def wrong() -> None:
    bare("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bare(1, True, 3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bare.cache_contains()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Service().method("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    cached(ttl=[1])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    cached(serializer="marshal")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    cached(track_code="all")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    cached(tll=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def passed_on(function: CachedFunction[[int, bool], list[str]]) -> list[str]:
    return function(1, True)


async def awaited_on(function: AsyncCachedFunction[[str], bytes]) -> bytes:
    return await function("u")


async def wrongly_awaited() -> None:
    await fetch(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await Client().get(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fetch.cache_set("text", "u")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
