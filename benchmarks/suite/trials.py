"""The trials of one library: what is done to the files of its cache, and what its next call makes of it."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import pickle
import random
import shutil
import signal
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.libraries import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.libraries import Compute, Library

    #: How often which outcome came.
    Counts = dict[str, int]

__all__ = ["FAULTS", "SEED", "Bench"]

SEED = 20260101
#: Seconds after which a call hangs.
LIMIT = 5.0
FAULTS = ("flipped", "cut", "swapped", "planted", "killed, storing", "killed, computing")

#: Bytes of a stored result, about.
SIZES = {"small": 40_000, "large": 4_000_000}


class Child:
    """What the process of one trial was told."""

    #: A descriptor through which it says that it has computed.
    tell_fd = -1
    #: Seconds that computing takes.
    compute_for = 0.0
    #: True where the call must be answered from what is stored.
    must_hit = False


def result(number: int, size: int) -> list[object]:
    """What a call returns: floats, integers and text that no other call has."""
    chance = random.Random(number)  # not a secret
    return [number, [chance.random() for _ in range(size // 18)], chance.randbytes(size // 4).hex()]


def small(number: int) -> object:
    """The function whose stored result is damaged."""
    if Child.must_hit:
        raise RuntimeError("the library has not stored it")
    return result(number, SIZES["small"])


def large(number: int) -> object:
    """The function whose process is killed: says when it has computed."""
    found = result(number, SIZES["large"])
    if Child.tell_fd >= 0:
        os.write(Child.tell_fd, b"c")
        time.sleep(Child.compute_for)
    return found


class Marking:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.marker),)


class Bench:
    """The trials of one library, in a folder of its own."""

    def __init__(self, library: Library, root: str, scale: float) -> None:
        self.library = library
        self.folder = os.path.join(root, "cache")
        self.pristine = os.path.join(root, "pristine")
        self.marker = os.path.join(root, "marker")
        self.chance = random.Random(SEED)
        self.scale = scale

    def run(self) -> dict[str, Counts]:
        """Return how often which outcome came, by fault."""
        importlib.import_module(self.library.package)
        trials = (
            self.flipped, self.cut, self.swapped, self.planted, self.killed_storing, self.killed_computing,
        )  # fmt: skip
        return {fault: counted(trial()) for fault, trial in zip(FAULTS, trials, strict=True)}

    def times(self, count: int) -> int:
        return max(1, round(count * self.scale))

    # -- damage ------------------------------------------------------------------------------------------------

    def stored(self) -> bytes:
        """Store one result, keep the folder to copy from, and return the bytes of the file that holds it."""
        shutil.rmtree(self.pristine, ignore_errors=True)
        self.fresh()
        self.outcome(small, 1)
        self.check_hit(1)
        shutil.copytree(self.folder, self.pristine)
        return Path(self.library.holder(self.folder)).read_bytes()

    def check_hit(self, number: int) -> None:
        """What is not stored can't be damaged."""
        if self.outcome(small, number, stored=True) != "right":
            raise SystemExit(f"{self.library.name} has not stored the result")

    def fresh(self) -> None:
        """Begin with an empty folder, or with a copy of the one kept."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.pristine):
            shutil.copytree(self.pristine, self.folder)
        else:
            os.mkdir(self.folder)

    def flipped(self) -> Iterator[str]:
        data = self.stored()
        trials = self.times(400)
        for number in range(trials):
            damaged = bytearray(data)
            damaged[number * len(data) // trials] ^= 1 << self.chance.randrange(8)
            yield self.damaged(bytes(damaged))

    def cut(self) -> Iterator[str]:
        data = self.stored()
        trials = self.times(60)
        for number in range(trials):
            yield self.damaged(data[: number * len(data) // trials])

    def damaged(self, data: bytes) -> str:
        self.fresh()
        Path(self.library.holder(self.folder)).write_bytes(data)
        return self.outcome(small, 1)

    def swapped(self) -> Iterator[str]:
        for _ in range(self.times(5)):
            shutil.rmtree(self.pristine, ignore_errors=True)
            self.fresh()
            self.outcome(small, 1)
            before = {path: Path(path).read_bytes() for path in files(self.folder) if self.is_result(path)}
            self.outcome(small, 2)
            self.check_hit(2)
            self.library.swap(before, self.folder)
            yield self.outcome(small, 1)
            yield self.outcome(small, 2)

    def is_result(self, path: str) -> bool:
        return os.path.getsize(path) > 10_000 and not path.endswith((".db", ".db-wal", ".db-shm"))

    def planted(self) -> Iterator[str]:
        self.stored()
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            self.fresh()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.marker)
            self.library.plant(self.folder, pickle.dumps(Marking(self.marker), protocol))
            outcome = self.outcome(small, 1)
            yield "executed" if os.path.exists(self.marker) else outcome

    # -- killed writers ----------------------------------------------------------------------------------------

    def killed_storing(self) -> Iterator[str]:
        shutil.rmtree(self.pristine, ignore_errors=True)
        self.fresh()
        took = self.storing_time()
        for number in range(self.times(20)):
            self.fresh()
            self.killed(number, 0.0, took * 1.2 * self.chance.random())
            yield self.outcome(large, number)

    def killed_computing(self) -> Iterator[str]:
        shutil.rmtree(self.pristine, ignore_errors=True)
        for number in range(self.times(4)):
            self.fresh()
            self.killed(number, 60.0, 0.05)
            yield self.outcome(large, number)

    def storing_time(self) -> float:
        """Return the seconds from the end of the computation to the end of the call; the slowest of three."""
        return max(self.killed(-1 - number, 0.0, None) for number in range(3))

    def killed(self, number: int, computing: float, after: float | None) -> float:
        """Make a call in another process and kill it so long after it computed; None: let it end."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            Child.tell_fd, Child.compute_for = writing, computing
            with quiet(), contextlib.suppress(BaseException):
                self.library.cached(self.folder, large)(number)
            os._exit(0)
        os.close(writing)
        os.read(reading, 1)
        began = time.monotonic()
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        return time.monotonic() - began

    # -- looking -----------------------------------------------------------------------------------------------

    def outcome(self, function: Compute, number: int, stored: bool = False) -> str:
        """Make a call in a process of its own and say what came of it."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            Child.must_hit = stored
            os.close(reading)
            with quiet():
                told = self.called(function, number)
            os.write(writing, told.encode())
            os._exit(0)
        os.close(writing)
        try:
            return ended(child, reading)
        finally:
            os.close(reading)

    def called(self, function: Compute, number: int) -> str:
        try:
            found = self.library.cached(self.folder, function)(number)
        except BaseException as error:
            return f"raised {type(error).__name__}"
        try:
            expected = result(number, SIZES[function.__name__])
            return "right" if found == expected else "wrong"
        except BaseException:
            return "wrong"  # a value that can't even be compared


def ended(child: int, reading: int) -> str:
    """Wait for a child's word, at most so long."""
    deadline = time.monotonic() + LIMIT
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hung"
        time.sleep(0.002)
    return os.read(reading, 1000).decode() or "died"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """In a child: what libraries print and log is not looked at."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    logging.disable()
    warnings.simplefilter("ignore")
    yield


def counted(outcomes: Iterator[str]) -> Counts:
    """Return how often each outcome came."""
    counts: Counts = {}
    for outcome in outcomes:
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts
