"""Processes that read one directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from suite import floors
from suite.disk import record
from suite.report import Row, at_least
from suite.rounds import spread
from suite.setting import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.fresh import Fresh
    from suite.setting import Setting

__all__ = ["readers"]

MANY = 8
KEYS = 100

#: Reads the same entries over and over, from the line that it gets to the end of its calls, and prints both moments.
LOOP = """
import sys, time
calls, keys = int(sys.argv[2]), int(sys.argv[3])
for key in range(keys):
    record(key)
print("ready", flush=True)
sys.stdin.readline()
began = time.perf_counter()
for call in range(calls):
    record(call % keys)
print(began, time.perf_counter())
"""

#: What is called: a cached function.
OURS = f"""
import sys
from memopickle import Cache, DirectoryStore
@Cache(DirectoryStore(sys.argv[1]), secret={SECRET!r}, on_error="raise").cached
def record(number):
    return {{"number": number, "city": "paris", "total": number / 7}}
"""

#: What is called: the floor of a disk hit.
FLOOR = """
import hmac, os, pickle, sys
from blake3 import blake3
secret, flags = bytes(range(32)), os.O_RDONLY | os.O_CLOEXEC
def record(number):
    fd = os.open(f"{folder}/{number}", flags)
    data = os.read(fd, 65536)
    os.close(fd)
    signed = data[32:]
    if not hmac.compare_digest(blake3(signed, key=secret).digest(), data[:32]):
        raise ValueError("the signature does not match")
    return pickle.loads(signed)
folder = sys.argv[1]
"""


def readers(setting: Setting) -> Iterator[Row]:
    """One, two and eight processes: hits a second together, beside the same of bare reading."""
    ours, bare = setting.folder(), setting.folder()
    write = floors.writer(bare, "blake3")
    for key in range(KEYS):
        write(str(key), record(key))
    calls = max(500, 40_000 // setting.smaller)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    both = (("ours", OURS, ours), ("floor", FLOOR, bare))
    crowds = [(count, *one) for count in (1, 2, MANY) for one in both]
    found = [
        {
            (name, count): together(setting.fresh, program, folder, count, calls)
            for count, name, program, folder in crowds
        }
        for _ in range(setting.few)
    ]
    for count in (2, MANY):
        gain = [one["ours", count] / one["ours", 1] for one in found]
        bare_gain = [one["floor", count] / one["floor", 1] for one in found]
        work = f"{count} processes reading one directory, hits a second together"
        yield Row(work, "one process", spread(gain), note=f"{cores} cores")
        beside = [gained / bare for gained, bare in zip(gain, bare_gain, strict=True)]
        yield Row(work, "the same gain of bare reading", spread(beside), at_least(0.8))


def together(fresh: Fresh, program: str, folder: str, count: int, calls: int) -> float:
    """Return the hits a second of so many processes, from the first one's beginning to the last one's end."""
    crowd = [fresh.start(program + LOOP, folder, str(calls // count), str(KEYS)) for _ in range(count)]
    pipes: list[tuple[Any, Any]] = [(process.stdin, process.stdout) for process in crowd]
    for _, printed in pipes:
        printed.readline()
    for told, _ in pipes:
        told.write("go\n")
        told.flush()
    moments = [tuple(map(float, process.communicate()[0].split())) for process in crowd]
    took = max(ended for _, ended in moments) - min(began for began, _ in moments)
    return calls // count * count / took
