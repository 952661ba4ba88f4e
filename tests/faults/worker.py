"""A process of its own for FAULTS 62-76: reads a command a line from stdin, obeys, answers with a line.

``python worker.py URL LOG GATE``: the store, a file to which every computation appends its name, and a FIFO at
which computations wait until it has a writer. ``LOCK_TIMEOUT`` in the environment is the caches' ``lock_timeout``.
"""

import asyncio
import os
import signal
import sys
import time

from memopickle import Cache, open_store

GATE = sys.argv[3]
LOG = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
INTERRUPTIONS = {
    kind.__name__: kind for kind in (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)
}
cache = Cache(open_store(sys.argv[1]), secret="w" * 32, lock_timeout=os.environ.get("LOCK_TIMEOUT"))


def begin(name):
    os.write(LOG, f"{name} {time.monotonic()}\n".encode())
    os.close(os.open(GATE, os.O_RDONLY))


@cache.cached
def double(number):
    begin("double")
    return number * 2


@cache.cached
def ending(name):
    begin(name)
    raise INTERRUPTIONS[name]("inside")


@cache.cached
def endless(number):
    return endless(number)


@cache.cached(ignore="outer")
def left(number, outer=True):
    begin("left")
    if outer:
        right(number, outer=False)
    return number - 1


@cache.cached(ignore="outer")
def right(number, outer=True):
    begin("right")
    if outer:
        left(number, outer=False)
    return number + 1


@cache.cached(ignore="how")
def exiting(how):
    begin("exiting")
    if how == "exec":
        os.execv(sys.executable, [sys.executable, "-c", "print('gone')"])
    getattr(os if how == "_exit" else sys, how)(0)


def forget(how, number):
    """Remove a result, in each way there is."""
    ways = {
        "cache.clear": cache.clear,
        "object": lambda: cache.clear(function=double),
        "name": lambda: cache.clear(function="worker.double"),
        "wildcard": lambda: cache.clear(function="*double"),
        "cache_clear": double.cache_clear,
        "invalidate": lambda: double.cache_invalidate(int(number)),
    }
    return ways[how]()


def is_stored(number):
    return double.cache_contains(int(number))


FUNCTIONS = {f.__name__: f for f in (double, ending, endless, left, right, exiting, forget, is_stored)}


def answer(name, *arguments):
    try:
        return FUNCTIONS[name](*(int(text) if text.isdigit() and name != "forget" else text for text in arguments))
    except BaseException as error:
        return type(error).__name__


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    print("ready", flush=True)
    for line in sys.stdin:
        print(answer(*line.split()), flush=True)
