"""Starts worker processes and talks to them."""

import os
import subprocess
import sys
import time
from pathlib import Path

from memopickle.locks import real_clock

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
    def __init__(self, place, log, gate, program=WORKER):
        self.process = subprocess.Popen(
            [sys.executable, str(program), str(place), str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "GATE": str(gate.path)},
        )  # fmt: skip
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
        """How often its thread that did so most has gone to sleep by itself so far."""
        return max(map(_switches, Path(f"/proc/{self.process.pid}/task").glob("*/status")))

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
    """Some workers on one cache directory, or place, with a gate that holds their computations up until opened."""

    def __init__(self, folder, size, program=WORKER, place=None):
        self.folder = folder
        self.gate = Gate(folder / "gate")
        self.workers = [Worker(place or folder / "cache", folder / "log", self.gate, program) for _ in range(size)]

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

    def until_waiting(self, *workers):
        """Wait until these workers wait for a lock."""
        until(lambda: all(worker.polls() for worker in workers))

    def start_holder(self, command):
        """Have the first worker begin to compute; return it and the others."""
        holder, *others = self.workers
        begun = len(self.log())
        holder.tell(command)
        self.until_computing(begun + 1)
        return holder, others

    def make_wait(self, command):
        """Have the first worker compute and the others wait for it."""
        holder, waiters = self.start_holder(command)
        for waiter in waiters:
            waiter.tell(command)
        self.until_waiting(*waiters)
        return holder, waiters

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


def _switches(status):
    try:
        return int(status.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    except (OSError, IndexError):  # that thread has ended
        return 0


def until(condition):
    deadline = real_clock() + PATIENCE  # also while time is frozen
    while not condition():
        assert real_clock() < deadline, "it did not happen"
        os.sched_yield()
