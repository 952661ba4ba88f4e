"""Starts the processes of worker.py: several on one store, each with a gate of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.faults.tools import leftovers
from tests.flight.crew import Crew, Gate, Worker, until

__all__ = ["SHARED", "Team", "assert_nothing_is_locked", "until"]

#: The stores that processes share, as the parameter of ``url``.
SHARED = ["dir", "shelve"]

PROGRAM = Path(__file__).with_name("worker.py")


class Member(Worker):
    def __init__(self, url, log, gate, before, environment):
        self.gate = Gate(gate)
        command = [*before, sys.executable, str(PROGRAM), url, str(log), str(gate)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        assert self.hear() == "ready"

    def close(self):
        self.gate.shut()
        super().close()


class Team(Crew):
    """Some processes on one store, whose computations wait until they are let go on."""

    def __init__(self, folder, size, url, before=(), **environment):
        self.folder = folder
        self.url = url
        log = folder / "log"
        self.workers = [Member(url, log, folder / f"gate{index}", before, environment) for index in range(size)]

    def __exit__(self, *exception):
        for worker in self.workers:
            worker.close()

    def let(self, *workers):
        """Let these workers' computations go on, now and later."""
        for worker in workers or self.workers:
            worker.gate.open()


def assert_nothing_is_locked(url):
    """Whatever happened before, no lock, no temporary file and no folder set aside is left."""
    assert leftovers(url.partition(":")[2]) == []
    assert list(Path(os.environ["XDG_RUNTIME_DIR"]).rglob("*.lock")) == []
