"""Starts processes that share a server, and talks to them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.flight import crew

__all__ = ["Crew"]

WORKER = Path(__file__).with_name("worker.py")


class Worker(crew.Worker):
    def __init__(self, url, log, gate):
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), url, str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "GATE": str(gate)},
        )
        assert self.hear() == "ready"


class Crew(crew.Crew):
    """Some workers on one server."""

    def __init__(self, url, folder, size):
        self.folder = folder
        self.gate = crew.Gate(folder / "gate")
        self.workers = [Worker(url, folder / "log", self.gate.path) for _ in range(size)]
