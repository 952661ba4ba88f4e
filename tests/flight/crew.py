"""Starts worker processes and talks to them."""

import os
import subprocess
import sys
import time
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")
#: Seconds after which a test that waits has failed.
PATIENCE = 60


class Gate:
    """Holds computations up until it is opened: a FIFO, at which a reader waits until there is a writer."""

    def __init__(self, path):
        self.path = path
        self._writer = None
        os.mkfifo(path)

    def open(self):
        if self._writer is None:
            self._writer = os.open(self.path, os.O_RDWR)

    def shut(self):
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None


class Worker:
    def __init__(self, folder, environment, program=WORKER):
        command = [sys.executable, str(program), str(folder / "cache"), str(folder / "log")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        assert self.hear() == "ready"

    def tell(self, command):
        self.switches = self.sleeps()
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def hear(self):
        return self.process.stdout.readline().strip()

    def ask(self, command):
        self.tell(command)
        return self.hear()

    def sleeps(self):
        """How often the process has gone to sleep by itself so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    def polls(self):
        """Whether it has slept so often since it was told something that it must be polling for a lock."""
        return self.sleeps() > self.switches + 10

    def starved(self):
        """Seconds for which its threads could have run so far, but a busy machine had no core for them."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[1]) for task in tasks) / 1e9

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Crew:
    """Some workers on one cache directory, with a gate that holds their computations up until opened."""

    def __init__(self, folder, size, program=WORKER):
        self.folder = folder
        self.gate = Gate(folder / "gate")
        self.workers = [Worker(folder, {"GATE": str(self.gate.path)}, program) for _ in range(size)]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for worker in self.workers:
            worker.close()
        self.gate.shut()

    def open_gate(self):
        self.gate.open()

    def tell_all(self, command):
        for worker in self.workers:
            worker.tell(command)

    def hear_all(self):
        return [worker.hear() for worker in self.workers]

    def ask_all(self, command):
        self.tell_all(command)
        return self.hear_all()

    def computed(self):
        """What was computed, in order."""
        return [line.split()[0] for line in self.log()]

    def log(self):
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def until_computing(self, count):
        """Wait until so many computations have begun."""
        until(lambda: len(self.log()) >= count)

    def computes_after(self, death, holder, waiters):
        """Kill the holder; return after how many seconds one of those who wait begins to compute, if it had a core."""
        begun = len(self.log())
        starved = sum(waiter.starved() for waiter in waiters)
        killed = time.monotonic()
        holder.process.send_signal(death)
        self.until_computing(begun + 1)
        began = float(self.log()[begun].split()[1])
        return began - killed - (sum(waiter.starved() for waiter in waiters) - starved)

    def locks(self):
        return list((self.folder / "cache").rglob("*.lock"))


def check_that_stale_values_are_served_and_computed_anew_once(crew):
    """Have a result expire again and again, and all processes ask for it while it is computed anew."""
    crew.open_gate()
    assert crew.ask_all("stale 3") == ["1"] * len(crew.workers)
    for expiry in range(1, 6):
        crew.gate.shut()
        crew.ask_all("clock 10")
        for _ in range(3):
            # None of them waits: the gate is shut.
            assert crew.ask_all("stale 3") == [f"{expiry}"] * len(crew.workers)
        crew.until_computing(expiry + 1)
        crew.open_gate()
        crew.ask_all("idle")
        assert crew.computed() == ["3"] * (expiry + 1)


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        os.sched_yield()
