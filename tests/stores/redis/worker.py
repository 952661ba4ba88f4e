"""A process of its own that shares a server with others: reads a line from stdin, does as told, answers with a line.

``python worker.py URL LOG``: the store, and a file to which every computation appends its argument and the time.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from memopickle import Cache, open_store

cache = Cache(open_store(sys.argv[1]), secret="w" * 32)
LOG = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(text):
    os.write(LOG, f"{text} {time.monotonic()}\n".encode())


def block():
    """Wait at a FIFO until it is opened: the parent decides how long a computation takes."""
    with open(os.environ["GATE"]):
        pass


@cache.cached
def square(number):
    note(number)
    block()
    return number * number


@cache.cached
def quick(number):
    note(number)
    return number * number


@cache.cached
def failing(number):
    note(number)
    block()
    raise ValueError(number)


FUNCTIONS = {f.__name__: f for f in (square, quick, failing)}


def answer(name, *numbers):
    if name == "clear":
        return cache.clear(FUNCTIONS[numbers[0]])
    if name == "invalidate":
        return FUNCTIONS[numbers[0]].cache_invalidate(int(numbers[1]))
    if name == "threads":
        with ThreadPoolExecutor(int(numbers[0])) as pool:
            return {one.result() for one in [pool.submit(square, int(numbers[1])) for _ in range(int(numbers[0]))]}
    try:
        return [FUNCTIONS[name](int(number)) for number in numbers]
    except ValueError as error:
        return repr(error)


print("ready", flush=True)
for line in sys.stdin:
    print(answer(*line.split()), flush=True)
