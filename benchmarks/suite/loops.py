"""Hits of ``async def`` functions, inside one running event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from memopickle import Cache, MemoryStore
from suite.libraries import cashews_cache, installed
from suite.peers import SIZE
from suite.report import Against, Row, compared
from suite.rounds import Contender, measure
from suite.setting import disk_cache

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from suite.setting import Setting

    Awaited = Callable[[int], Awaitable[Any]]

__all__ = ["hit"]

#: Calls awaited for each start of the loop, which takes as long as a few of them.
EACH = 100


async def double(number: int) -> int:
    """A function with a scalar argument and an immutable result."""
    return number * 2


def hit(setting: Setting) -> Iterator[Row]:
    """One scalar argument and a small result, in memory and on disk."""
    memory: dict[str, Awaited] = {"memopickle": Cache(MemoryStore(SIZE, copy=False), on_error="raise").cached(double)}
    disk: dict[str, Awaited] = {"memopickle": disk_cache(setting.folder()).cached(double)}
    if installed("cashews"):
        memory["cashews"] = cashews_cache("mem://", size=SIZE)(ttl="30d")(double)
        if installed("diskcache"):
            disk["cashews"] = cashews_cache("disk://", directory=setting.folder())(ttl="30d")(double)
    loop = asyncio.new_event_loop()
    for work, callables in (("memory", memory), ("disk", disk)):
        rounds = measure([_awaiting(name, call, loop) for name, call in callables.items()], setting)
        yield from compared(f"async {work} hit, small", rounds, "memopickle", [Against("cashews")])
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def _awaiting(name: str, call: Awaited, loop: asyncio.AbstractEventLoop) -> Contender:
    async def often() -> None:
        for _ in range(EACH):
            await call(12345)

    return Contender(name, "run(often())", {"run": loop.run_until_complete, "often": often}, each=EACH)
