"""Processes that call one cached function at random while their server is killed, stopped and started again.

``python server_load.py URL SECONDS SEED TIMEOUT`` is one of them: it prints what happened to it, as JSON.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

from memopickle import Cache, StoreError, events
from memopickle.stores.redis import RedisStore

__all__ = ["load"]

KEYS = 300
SECRET = "l" * 32


def load(server, seconds, seed, processes=4, timeout=0.3):
    """Run so many processes for so long on a server that fails every now and then; return what happened."""
    command = [sys.executable, __file__, server.url, str(seconds), str(seed), str(timeout)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    try:
        for one in running:
            assert one.stdout.readline() == "ready\n"
        killed, hung = disturb(server, seconds, random.Random(seed))
        told = [json.loads(one.communicate(timeout=60)[0]) for one in running]
    finally:
        for one in running:
            one.kill()
            one.wait()
            one.stdout.close()
    return {"seconds": seconds, "killed": killed, "hung": hung, "processes": told}


def disturb(server, seconds, choose):
    """Kill the server and start it again, or stop it for a while, until the time is up; return how often each."""
    end = time.monotonic() + seconds
    killed = hung = 0
    while time.monotonic() < end:
        time.sleep(min(choose.uniform(0.2, 2), seconds / 4))
        if choose.random() < 0.5:
            server.kill()
            time.sleep(choose.uniform(0, 1.5))
            server.start()
            killed += 1
        else:
            server.signal(signal.SIGSTOP)
            time.sleep(choose.uniform(0, 1.5))
            server.signal(signal.SIGCONT)
            hung += 1
    return killed, hung


def main(url, seconds, seed, timeout):
    """Call, and look at what comes back and how long it takes."""
    store = RedisStore(url, timeout=timeout, lease=2)
    told = []
    cache = Cache(store, secret=SECRET, on_event=told.append)
    double = cache.cached(lambda number: [number, number * 2], key=str)
    choose = random.Random(seed + os.getpid())
    counts = {
        "calls": 0,
        "hits": 0,
        "wrong": 0,
        "raised": 0,
        "slow": 0,
        "waited": 0,
        "longest": 0.0,
        "longest wait": 0.0,
    }
    double(KEYS)  # which imports the client
    print("ready", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)  # a program does something else as well
        number = choose.randrange(KEYS)
        told.clear()
        began = time.monotonic()
        try:
            wrong = double(number) != [number, number * 2]
        except Exception as error:
            print(repr(error), file=sys.stderr)
            counts["raised"] += 1
            continue
        took = time.monotonic() - began
        waited = any(isinstance(event, events.LockWait) for event in told)
        counts["calls"] += 1
        counts["wrong"] += wrong
        counts["waited"] += waited
        counts["slow"] += took >= timeout and not waited
        longest = "longest wait" if waited else "longest"
        counts[longest] = max(counts[longest], took)
        if counts["calls"] % 500 == 0:
            with suppress(StoreError):  # by hand, it says that the server is down
                double.cache_clear()
    counts["hits"] = double.cache_info().hits
    counts["pauses"] = store.server._breaker._attempt
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
