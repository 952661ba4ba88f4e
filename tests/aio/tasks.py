"""An async function that computes when it is let, and what starts and counts tasks."""

import asyncio

from memopickle.locks import real_clock

PATIENCE = 60

__all__ = ["PATIENCE", "Slow", "decorated", "joined", "lead_and_join", "run", "until", "waiting"]


def run(main):
    """Run a coroutine function to its end, which must come."""

    async def patiently():
        return await asyncio.wait_for(main(), PATIENCE)

    return asyncio.run(patiently())


async def until(condition):
    deadline = real_clock() + PATIENCE
    while not condition():
        assert real_clock() < deadline, "it did not happen"
        await asyncio.sleep(0)


class Slow:
    """An async function that computes when it is let, and counts; for one event loop."""

    def __init__(self, result=lambda x: [x]):
        self.calls = []
        #: The tasks that computed, in order.
        self.leaders = []
        self.gate = asyncio.Event()
        self.result = result

    async def __call__(self, x):
        self.calls.append(x)
        self.leaders.append(asyncio.current_task())
        await self.gate.wait()
        return self.result(x)

    async def until_computing(self, count=1):
        await until(lambda: len(self.calls) >= count)


def decorated(cache, slow, **options):
    @cache.cached(track_code="off", **options)
    async def work(x):
        return await slow(x)

    return work


def joined(cache, key):
    """How many tasks have joined the flight of a key."""
    flight = cache.flights._table.get(key)
    return 0 if flight is None else len(flight._wakes)


def waiting(cache):
    """How many tasks have joined a flight, of whatever key."""
    flights = list(cache.flights._table.values())  # a copy: threads change it meanwhile
    return sum(len(flight._wakes) for flight in flights)


async def lead_and_join(cache, slow, work, count, x=1):
    """Start a task that leads, and ``count`` that join it."""
    begun = len(slow.calls)
    leader = asyncio.create_task(work(x))
    await slow.until_computing(begun + 1)
    followers = [asyncio.create_task(work(x)) for _ in range(count)]
    await until(lambda: joined(cache, work.cache_key(x)) == count)
    return leader, followers
