"""Caching on a Redis server, compared: ``python benchmarks/servers.py`` (needs redis-server, and the libraries).

Prints Markdown tables: the cost of a hit, computations of a cold key from four processes, seconds per call with the
server down or hanging; with ``--storm SECONDS``, what happened to four processes whose server failed over and over;
with ``--scale``, the figures that the page on scale uses.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import servers.scale  # noqa: E402
from servers.libraries import LIBRARIES  # noqa: E402

from tests.faults import server_load  # noqa: E402
from tests.stores.redis.servers import RedisServer, free_port  # noqa: E402

ROUNDS = 5
HITS = 400
PROCESSES = 4
#: Calls of a server that is not there, and the seconds after which a library is given up on.
CALLS, PATIENCE = 20, 60


class Caller:
    """One process that uses one library."""

    def __init__(self, library: str, port: int, mode: str, log: str = os.devnull) -> None:
        environment = {**os.environ, "LOG": log, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "servers.caller", library, str(port), mode],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe

    def ready(self) -> None:
        """Wait until it could begin."""
        assert self._pipe(self.process.stdout).readline() == "ready\n"

    def go(self) -> None:
        """Let it begin."""
        self._pipe(self.process.stdin).write("\n")
        self._pipe(self.process.stdin).flush()

    def told(self) -> list[str]:
        """Return what it has told in the end, or within PATIENCE seconds."""
        try:
            return self.process.communicate(timeout=PATIENCE)[0].splitlines()
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[0].splitlines()


def hit_cost(server: RedisServer, libraries: list[str]) -> dict[str, float]:
    """Return the microseconds of a hit, the best of some rounds, the libraries in turn."""
    with server.client as client:
        client.set("plain", b"x" * 200)
        functions = {name: LIBRARIES[name](server.port, lambda number: {"number": number}) for name in libraries}
        best = dict.fromkeys(["GET alone", *functions], float("inf"))
        for _ in range(ROUNDS):
            best["GET alone"] = min(best["GET alone"], _timed(lambda: [client.get("plain") for _ in range(HITS)]))
            for name, cached in functions.items():
                cached.call(1)
                best[name] = min(best[name], _timed(lambda repeat=cached.repeat: repeat(1, HITS)))
    return best


def _timed(run: Any) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) / HITS * 1e6


def cold(server: RedisServer, library: str) -> int:
    """Return how often four processes that ask for one cold key compute it."""
    server.flush()
    with tempfile.NamedTemporaryFile() as log:
        callers = [Caller(library, server.port, "cold", log.name) for _ in range(PROCESSES)]
        for caller in callers:
            caller.ready()
        for caller in callers:
            caller.go()
        for caller in callers:
            assert caller.told()[-1:] == ["done"], library
        return len(log.read().splitlines())


def down(library: str, port: int) -> str:
    """Say how long calls take while no server answers, and what they come to."""
    caller = Caller(library, port, str(CALLS))
    caller.ready()
    caller.go()
    rows = [json.loads(line) for line in caller.told()]
    if len(rows) < CALLS:
        return f"gave up after {PATIENCE} s and {len(rows)} calls"
    seconds = [row[0] for row in rows]
    outcome = "/".join(sorted({row[1] for row in rows}))
    return f"{seconds[0]:.3f}, then at most {max(seconds[1:]):.4f}: {outcome}"  # the first one imports a client too


def compare(libraries: list[str]) -> None:
    """Print the comparison."""
    with RedisServer(tcp=True) as server:
        hits = hit_cost(server, libraries)
        computed = {name: cold(server, name) for name in libraries}
        gone = {name: down(name, free_port()) for name in libraries}
        server.signal(signal.SIGSTOP)
        hung = {name: down(name, server.port) for name in libraries}
    print(
        "| library | hit, µs | of a GET | computations, 4 processes"
        " | server down, s per call | server hangs, s per call |"
    )
    print("|---|--:|--:|--:|---|---|")
    print(f"| `GET` of redis-py | {hits['GET alone']:.0f} | 1.0 | | | |")
    for name in libraries:
        ratio = hits[name] / hits["GET alone"]
        print(f"| {name} | {hits[name]:.0f} | {ratio:.1f} | {computed[name]} | {gone[name]} | {hung[name]} |")


def storm(seconds: float) -> None:
    """Print what happened to four processes whose server was killed and stopped over and over."""
    with RedisServer(tcp=True) as server:
        happened = server_load.load(server, seconds, seed=1)
    print(
        f"\n{seconds:.0f} s, server killed and restarted {happened['killed']} times, stopped {happened['hung']} times\n"
    )
    names = ["calls", "hits", "raised", "wrong", "slow", "pauses", "waited", "longest", "longest wait"]
    print("| process |", " | ".join(names), "|\n|---|" + "--:|" * len(names))
    for number, one in enumerate(happened["processes"], 1):
        print(
            f"| {number} |",
            " | ".join(f"{one[name]:.2f}" if "longest" in name else str(one[name]) for name in names),
            "|",
        )


def main() -> None:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(LIBRARIES), choices=list(LIBRARIES), help="these libraries")
    parser.add_argument("--storm", type=float, metavar="SECONDS")
    parser.add_argument("--scale", action="store_true")
    arguments = parser.parse_args()
    if arguments.storm:
        storm(arguments.storm)
    elif arguments.scale:
        with RedisServer() as server:
            servers.scale.measure(server)
    else:
        compare(arguments.only)


if __name__ == "__main__":
    main()
