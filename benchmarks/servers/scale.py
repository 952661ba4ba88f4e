"""The figures behind docs/explanation/scale: bytes per entry, commands a second, and what a clear and a scan cost."""

from __future__ import annotations

import resource
import subprocess
import time
from typing import TYPE_CHECKING, Any

from memopickle import Cache, RedisStore

if TYPE_CHECKING:
    from tests.stores.redis.servers import RedisServer

__all__ = ["measure"]

ENTRIES = 100_000
ROUND_TRIPS = 2000


def measure(server: RedisServer) -> None:
    """Print what was measured."""
    store = RedisStore(server.url, timeout=30)
    cache = Cache(store, secret="s" * 32)
    double = cache.cached(lambda number: number * 2, key=str)
    with server.client as client:
        print(f"server: Redis {client.info('server')['redis_version']}")
        print(f"a computed call: {_miss_cost(double):.0f} µs, {_round_trips(client, lambda: double(-1))} round trips")
        print(f"a hit: {_round_trips(client, lambda: double(-1))} round trip")
        print(f"a hit: {_server_time(client, double):.1f} µs of the server")
        print(f"one thread: {_rate(lambda: double(-1)):.0f} hits a second")
        _sizes(cache)
        _throughput(server, client)
        _fill(client, store, double)
        print(f"an entry of {_size(store, double)} bytes: {_bytes_each(client):.0f} bytes of the server's memory")
        _clear(client, store, double)


def _round_trips(client: Any, call: Any) -> int:
    before = client.info("stats")["total_reads_processed"]
    call()
    return int(client.info("stats")["total_reads_processed"]) - int(before) - 1


def _miss_cost(double: Any) -> float:
    began = time.perf_counter()
    for number in range(-300, -1):
        double(number)
    return (time.perf_counter() - began) / 299 * 1e6


def _server_time(client: Any, double: Any) -> float:
    client.config_resetstat()
    for _ in range(ROUND_TRIPS):
        double(-1)
    return float(client.info("commandstats")["cmdstat_mget"]["usec_per_call"])


def _rate(call: Any) -> float:
    began = time.perf_counter()
    for _ in range(ROUND_TRIPS):
        call()
    return ROUND_TRIPS / (time.perf_counter() - began)


def _sizes(cache: Cache) -> None:
    """Print what a hit costs by the size of the result."""
    large = cache.cached(lambda size: b"x" * size, key=str)
    for size in (1_000, 100_000, 10_000_000):
        large(size)
        times = max(3, 20_000_000 // size // 100)
        began = time.perf_counter()
        for _ in range(times):
            large(size)
        print(f"a hit of {size:,} bytes: {(time.perf_counter() - began) / times * 1e6:,.0f} µs")


def _throughput(server: RedisServer, client: Any) -> None:
    """Print how many hits one node can serve, by the tool that comes with it: 50 connections, no pipelining."""
    client.set("{a}g", b"g" * 16)
    client.set("{a}v", b"v" * 300)
    command = ["redis-benchmark", "-s", server.path, "-n", "60000", "-c", "50", "-q", "mget", "{a}g", "{a}v"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace("\r", "\n")
    print("one node:", next(line for line in told.splitlines() if "requests per second" in line))
    client.delete("{a}g", "{a}v")


def _fill(client: Any, store: RedisStore, double: Any) -> None:
    """Put as many entries there as computing would, but quickly."""
    key = double.cache_key(-1)
    blob = bytes(store.get(key) or b"")
    (name,) = [name for name in client.scan_iter(match="*:v*", count=10_000) if name.endswith(key[41:].encode())]
    store.clear()
    double(-1)
    (name,) = client.scan_iter(match="*:v*", count=10_000)
    client.ping()
    measure.before = int(client.info("memory")["used_memory"])  # type: ignore[attr-defined]
    pipeline = client.pipeline(transaction=False)
    for number in range(ENTRIES):
        pipeline.set(name[:-20] + b"%08d" % number + name[-12:], blob, px=10**9)
        if number % 1000 == 0:
            pipeline.execute()
    pipeline.execute()


def _bytes_each(client: Any) -> float:
    return (int(client.info("memory")["used_memory"]) - measure.before) / ENTRIES  # type: ignore[attr-defined]


def _size(store: RedisStore, double: Any) -> int:
    return store.size(double.cache_key(-1))


def _clear(client: Any, store: RedisStore, double: Any) -> None:
    began = time.perf_counter()
    store._start_generation(double.cache_key(-1)[:40])
    print(f"a clear takes effect in {(time.perf_counter() - began) * 1e6:.0f} µs with {ENTRIES} entries")
    assert not double.cache_contains(-1)
    began = time.perf_counter()
    count = sum(1 for _ in client.scan_iter(match="nothing*", count=1000))
    print(f"a scan of {ENTRIES} keys: {time.perf_counter() - began:.3f} s ({count} found)")
    began = time.perf_counter()
    store.prune(0)
    print(f"removing {ENTRIES} entries of an old generation: {time.perf_counter() - began:.2f} s")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
