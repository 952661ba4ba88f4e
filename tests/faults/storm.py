"""Uses a cache at random, for FAULTS 74, the kill storm and the soak; every value carries its own checksum.

``python storm.py churn URL SEED STEPS``: so many steps.
``python storm.py kill URL SEED SECONDS``: processes that do so are killed at random; prints how many.
``python storm.py soak URL SEED SECONDS``: threads that do so, and that nothing is left of them.
"""

import json
import mmap
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from memopickle import Cache, open_store

KEYS = 50
PROCESSES = 6
THREADS = 4


def value_of(number):
    """Return a value that is another one each time and shows whether it is whole and this number's."""
    nonce = os.urandom(16)
    data = nonce * random.Random(nonce).choice([1, 10, 1000, 20_000])
    return {"number": number, "data": data, "sum": checksum(number, data)}


def checksum(number, data):
    return sha256(b"%d " % number + data).hexdigest()


def check(number, value):
    assert value["number"] == number, (number, value["number"])
    assert value["sum"] == checksum(number, value["data"]), number


def decorated(cache):
    """Return the cached function that the storm is about."""

    @cache.cached(track_code="off")
    def work(number):
        return value_of(number)

    return work


def churn(cache, work, seed, steps):
    """Take so many steps at random; return how many. A wrong value is an AssertionError."""
    chance = random.Random(seed)
    for _ in range(steps):
        step(cache, work, chance)
    return steps


def step(cache, work, chance, clearing=True):
    number = chance.randrange(KEYS)
    action = chance.random()
    if action < 0.7:
        check(number, work(number))
    elif action < 0.8:
        check(number, work.cache_refresh(number))
    elif action < 0.87:
        work.cache_invalidate(number)
    elif action < 0.97:
        found = work.cache_peek(number)
        if found is not None:
            check(number, found.value)
    elif clearing:
        sweep(cache, work, chance)
    else:
        cache.prune()


def sweep(cache, work, chance):
    """Do what concerns all entries."""
    chance.choice(
        [cache.clear, work.cache_clear, cache.prune, cache.stats, cache.verify, lambda: list(cache.entries())]
    )()


def cache_at(url):
    return Cache(open_store(url), secret="s" * 32)


def main(what, url, seed, amount):
    if what == "churn":
        cache = cache_at(url)
        churn(cache, decorated(cache), int(seed), int(amount))
    else:
        print(json.dumps({"kill": kill, "soak": soak}[what](url, int(seed), float(amount))))


# -- the kill storm ----------------------------------------------------------------------------------------------------


def kill(url, seed, seconds):
    """Kill processes that use the cache, at random, and start others in their place; return what happened."""
    chance = random.Random(seed)
    cache = cache_at(url)
    decorated(cache)(0)  # so that each process begins with everything imported
    steps = memoryview(mmap.mmap(-1, 8 * PROCESSES)).cast("Q")  # shared with the processes
    deadline = time.monotonic() + seconds
    living = [start(url, chance.random(), steps, place) for place in range(PROCESSES)]
    killed = failed = 0
    while time.monotonic() < deadline:
        time.sleep(chance.uniform(0, 0.03))
        place = chance.randrange(PROCESSES)
        failed += not end(living[place])
        killed += 1
        living[place] = start(url, chance.random(), steps, place)
    failed += sum(not end(victim) for victim in living)
    return {"killed": killed, "failed": failed, "steps": sum(steps)}


def start(url, seed, steps, place):
    """Fork a process that uses the cache until it is killed; it ends by itself only if something is wrong."""
    child = os.fork()
    if child:
        return child
    try:
        cache = cache_at(url)
        work, chance = decorated(cache), random.Random(seed)
        while True:
            step(cache, work, chance, clearing=False)
            steps[place] += 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


def end(process):
    """Kill a process; return whether it had been at work until then."""
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


# -- the soak ----------------------------------------------------------------------------------------------------------


def soak(url, seed, seconds):
    """Use the cache in threads; return how many steps they took, and what of this process's is left in the end."""
    cache = cache_at(url)
    work = decorated(cache)
    check(0, work(0))  # whatever is opened once and for all
    before = descriptors()
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(THREADS) as pool:
        steps = sum(pool.map(lambda number: churn_until(cache, work, f"{seed} {number}", deadline), range(THREADS)))
    left = [name for name in descriptors() if name not in before]
    return {"steps": steps, "descriptors": left, "threads": threading.active_count() - 1, "flights": flights(cache)}


def churn_until(cache, work, seed, deadline):
    chance = random.Random(seed)
    steps = 0
    while time.monotonic() < deadline:
        step(cache, work, chance)
        steps += 1
    return steps


def descriptors():
    """What this process has open, by target."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue  # that of the listing itself
    return sorted(found)


def flights(cache):
    return len(cache.flights._table)


if __name__ == "__main__":
    main(*sys.argv[1:])
