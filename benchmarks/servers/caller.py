"""A process of its own: ``python -m servers.caller LIBRARY PORT MODE``; prints what it found as JSON.

``cold``: calls a function with one key, of which the process appends a line to the file named by LOG per computation.
``down``: calls it a few times and tells the seconds of each.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time

from servers.libraries import LIBRARIES

#: Seconds that one computation takes, so that processes that ask at once are there together.
WORK = 0.5


def main(library: str, port: int, mode: str) -> None:
    """Make the function, wait for the start, call, tell."""
    logging.disable(logging.CRITICAL)
    log = os.environ.get("LOG", os.devnull)

    def compute(number: int) -> dict[str, object]:
        with open(log, "a", encoding="ascii") as file:
            file.write(f"{number}\n")
        time.sleep(WORK if mode == "cold" else 0)
        return {"number": number}

    cached = LIBRARIES[library](port, compute)
    print("ready", flush=True)
    sys.stdin.readline()
    if mode == "cold":
        cached.call(7)
        print("done", flush=True)
        return
    for number in range(int(mode)):
        began = time.perf_counter()
        try:
            cached.call(number)
            outcome = "result"
        except Exception as error:
            outcome = type(error).__name__
        print(json.dumps([time.perf_counter() - began, outcome]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
