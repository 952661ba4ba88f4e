"""A process with an event loop: reads a line from stdin, does as told, answers with a line.

``python worker.py DIRECTORY LOG``: the cache directory, and a file to which every computation appends its key. ``GATE``
in the environment is a FIFO at which computations wait until it has a writer.
"""

import asyncio
import os
import signal
import sys
import time

from memopickle import Cache, DirectoryStore

times = [1_800_000_000.0]  # the last is now
cache = Cache(DirectoryStore(sys.argv[1]), secret="w" * 32, clock=lambda: times[-1])
LOG = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(text):
    os.write(LOG, f"{text} {time.monotonic()}\n".encode())


def block():
    """Wait until the gate is open: the parent decides how long a computation takes."""
    os.close(os.open(os.environ["GATE"], os.O_RDONLY))


@cache.cached
async def square(number):
    note(number)
    await asyncio.to_thread(block)
    return number * number


@cache.cached
async def quick(number):
    note(number)
    await asyncio.sleep(0)
    return number * number


@cache.cached(lock_timeout=0.05)
async def impatient(number):
    note(number)
    await asyncio.to_thread(block)
    return number * number


@cache.cached
async def failing(number):
    note(number)
    await asyncio.to_thread(block)
    raise ValueError(number)


@cache.cached(ttl=10, stale_while_revalidate=1000)
async def stale(number):
    note(number)
    await asyncio.to_thread(block)
    with open(sys.argv[2], encoding="ascii") as log:
        return len(log.readlines())


FUNCTIONS = {f.__name__: f for f in (square, quick, impatient, failing)}


async def many(tasks, keys):
    """Start so many tasks over so many keys, and add up what they return."""
    return sum(await asyncio.gather(*(quick(number % keys) for number in range(tasks))))


async def leave(number):
    """Begin to compute, and be cancelled."""
    begun = os.path.getsize(sys.argv[2])
    task = asyncio.create_task(square(number))
    while os.path.getsize(sys.argv[2]) == begun:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def clock(seconds):
    times.append(times[-1] + seconds)


async def idle():
    """Wait until nothing is computed in the background."""
    while cache.background._busy:
        await asyncio.sleep(0)


ORDERS = {"stale": stale, "many": many, "leave": leave, "clock": clock, "idle": idle}


async def answer(name, *numbers):
    if name in ORDERS:
        return await ORDERS[name](*map(int, numbers))
    try:
        return [await FUNCTIONS[name](int(number)) for number in numbers]
    except ValueError as error:
        return repr(error)


async def main():
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(await answer(*line.split()), flush=True)


signal.signal(signal.SIGINT, signal.SIG_DFL)
asyncio.run(main())
