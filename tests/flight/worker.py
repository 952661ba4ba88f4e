"""A process of its own for the tests of single flight: reads a line from stdin, does as told, answers with a line.

``python worker.py DIRECTORY LOG``: the cache directory, and a file to which every computation appends its key.
"""

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


def block(gate):
    """Wait until the gate is open: the parent decides how long a computation takes."""
    os.close(os.open(gate, os.O_RDONLY))


@cache.cached
def square(number):
    note(number)
    block(os.environ["GATE"])
    return number * number


@cache.cached
def quick(number):
    note(number)
    return number * number


@cache.cached(lock_timeout=0.05)
def impatient(number):
    note(number)
    block(os.environ["GATE"])
    return number * number


@cache.cached
def failing(number):
    note(number)
    block(os.environ["GATE"])
    raise ValueError(number)


@cache.cached
def suicidal(number):
    note(number)
    os.kill(os.getpid(), signal.SIGKILL)


@cache.cached(ttl=10, stale_while_revalidate=1000)
def stale(number):
    note(number)
    block(os.environ["GATE"])
    with open(sys.argv[2], encoding="ascii") as log:
        return len(log.readlines())


FUNCTIONS = {f.__name__: f for f in (square, quick, impatient, failing, suicidal)}


def advance(seconds):
    times.append(times[-1] + seconds)


def idle():
    """Wait until nothing is computed in the background."""
    while cache.background._busy:
        os.sched_yield()


ORDERS = {"stale": stale, "clock": advance, "idle": idle}


def answer(name, *numbers):
    if name == "clear":
        return cache.clear(FUNCTIONS[numbers[0]])
    if name == "invalidate":
        return FUNCTIONS[numbers[0]].cache_invalidate(int(numbers[1]))
    if name in ORDERS:
        return ORDERS[name](*map(int, numbers))
    try:
        return [FUNCTIONS[name](int(number)) for number in numbers]
    except ValueError as error:
        return repr(error)


print("ready", flush=True)
for line in sys.stdin:
    print(answer(*line.split()), flush=True)
