"""What disk caches make of damage, of planted files and of killed writers: ``python benchmarks/faults.py``.

Needs joblib, diskcache, cachier and checkpointer (``pip install joblib diskcache cachier checkpointer``); what is not
installed is left out and said so. ``shelve`` is the few lines that many programs write by hand. Prints a Markdown
table, with ``--json FILE`` also the figures. The same faults, from one fixed seed, for all:

flipped     one bit of the file that holds a stored result, at offsets spread evenly over the whole file
cut         that file cut, to sizes spread evenly over its length
swapped     the stored results of two calls exchanged, then both calls made
planted     a pickle that makes a marker file, in each protocol, put where the stored result was
killed, storing    the process is killed (SIGKILL) at a moment while it stores 4 MB, a moment of its own in each trial;
            then another process makes the same call
killed, computing  the process is killed while the function runs, and so while a lock is held by those who lock

Each trial is a process of its own, forked from one that has the library loaded, with a time limit, over a fresh copy
of the cache. Every library runs in its default configuration. The stored result is of 40 KB, so that diskcache, which
keeps smaller ones in its SQLite file, keeps it in a file like the others; most of it are floats and hex digits, so that
most flipped bits change it. cachier and a shelf keep all results in one file: what meets a hash bucket, or nothing at
all, counts as it comes; in them results are swapped, and in a shelf planted, through the format that the file has. Who
plants and swaps can write the cache, but does not know memopickle's secret; the others have none.

right     the function's own result came back, stored or computed again
wrong     another value came back, without an exception
raised    an exception reached the caller, who had asked for a result
hung      nothing came back within the time limit
died      the process ended by a signal
executed  the planted pickle was run, whatever came back
"""

from __future__ import annotations

import argparse
import contextlib
import dbm
import importlib.metadata
import importlib.util
import json
import logging
import os
import pickle
import platform
import random
import shelve
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Compute = Callable[[int], object]

SEED = 20260101
#: Seconds after which a call hangs.
LIMIT = 5.0
OUTCOMES = ("right", "wrong", "raised", "hung", "died", "executed")
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


# -- the libraries -----------------------------------------------------------------------------------------------------


class Peer:
    """One library: how a function is cached in a folder, and where a result lies."""

    name = ""
    package = ""

    def cached(self, folder: str, function: Compute) -> Compute:
        """Return the function, cached in the folder, as the library's own page shows it."""
        raise NotImplementedError

    def holder(self, folder: str) -> str:
        """Return the file that holds the newest result: the largest one."""
        return max(files(folder), key=os.path.getsize)

    def swap(self, before: dict[str, bytes], folder: str) -> None:
        """Exchange the results of two calls, the second of which made the files that were not there ``before``."""
        one = max(before, key=lambda name: len(before[name]))
        other = max((path for path in files(folder) if path not in before), key=os.path.getsize)
        os.rename(one, f"{one}.swap")
        os.rename(other, one)
        os.rename(f"{one}.swap", other)

    def plant(self, folder: str, data: bytes) -> None:
        """Put bytes where the result is."""
        Path(self.holder(folder)).write_bytes(data)

    def version(self) -> str:
        """Return what is installed, ``""`` if it is not."""
        if importlib.util.find_spec(self.package) is None:
            return ""
        return importlib.metadata.version(self.package)


class Memopickle(Peer):
    """Ours."""

    name = package = "memopickle"

    def cached(self, folder: str, function: Compute) -> Compute:
        from memopickle import Cache, DirectoryStore

        return Cache(DirectoryStore(folder), secret="the secret of the benchmark, 32 bytes").cached(function)


class Joblib(Peer):
    """A file for each result, beside one with the function's code."""

    name = package = "joblib"

    def cached(self, folder: str, function: Compute) -> Compute:
        import joblib

        cached: Compute = joblib.Memory(folder, verbose=0).cache(function)
        return cached


class Diskcache(Peer):
    """SQLite, and a file for each larger result."""

    name = package = "diskcache"

    def cached(self, folder: str, function: Compute) -> Compute:
        import diskcache

        cached: Compute = diskcache.Cache(folder).memoize()(function)
        return cached

    def holder(self, folder: str) -> str:
        return max((path for path in files(folder) if path.endswith(".val")), key=os.path.getsize)


class Cachier(Peer):
    """One pickled dict for each function."""

    name = package = "cachier"

    def cached(self, folder: str, function: Compute) -> Compute:
        import cachier

        cached: Compute = cachier.cachier(cache_dir=folder)(function)
        return cached

    def swap(self, before: dict[str, bytes], folder: str) -> None:
        path = self.holder(folder)
        with open(path, "rb") as file:
            entries = pickle.load(file)
        one, other = entries.values()
        one.value, other.value = other.value, one.value
        with open(path, "wb") as file:
            pickle.dump(entries, file)


class Checkpointer(Peer):
    """A pickle for each result."""

    name = package = "checkpointer"

    def cached(self, folder: str, function: Compute) -> Compute:
        import checkpointer

        cached: Compute = checkpointer.Checkpointer(directory=folder, verbosity=0)(function)
        return cached


class Shelve(Peer):
    """What many programs write themselves."""

    name = "shelve by hand"
    package = "shelve"

    def cached(self, folder: str, function: Compute) -> Compute:
        path = os.path.join(folder, "results")

        def cached(number: int) -> object:
            key = f"{function.__name__} {number}"
            with shelve.open(path) as shelf:
                if key in shelf:
                    return shelf[key]
            found = function(number)
            with shelve.open(path) as shelf:
                shelf[key] = found
            return found

        return cached

    def swap(self, before: dict[str, bytes], folder: str) -> None:
        with dbm.open(os.path.join(folder, "results"), "w") as database:
            one, other = list(database.keys())
            database[one], database[other] = database[other], database[one]

    def plant(self, folder: str, data: bytes) -> None:
        with dbm.open(os.path.join(folder, "results"), "w") as database:
            for key in list(database.keys()):
                database[key] = data

    def version(self) -> str:
        return f"{platform.python_version()} over {default_dbm()}"


def default_dbm() -> str:
    """Return which dbm a new shelf gets here."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x")
        dbm.open(path, "c").close()
        return str(dbm.whichdb(path))


PEERS = {peer.name: peer for peer in (Joblib(), Diskcache(), Cachier(), Checkpointer(), Shelve(), Memopickle())}


def files(folder: str) -> list[str]:
    """Return all files below a folder."""
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]


# -- trials ------------------------------------------------------------------------------------------------------------


class Marking:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.marker),)


class Bench:
    """The trials of one library, in a folder of its own."""

    def __init__(self, peer: Peer, root: str, scale: float) -> None:
        self.peer = peer
        self.folder = os.path.join(root, "cache")
        self.pristine = os.path.join(root, "pristine")
        self.marker = os.path.join(root, "marker")
        self.chance = random.Random(SEED)
        self.scale = scale

    def run(self) -> dict[str, dict[str, int]]:
        """Return how often which outcome came, by fault."""
        importlib.import_module(self.peer.package)
        makers = {
            "flipped": self.flipped,
            "cut": self.cut,
            "swapped": self.swapped,
            "planted": self.planted,
            "killed, storing": self.killed_storing,
            "killed, computing": self.killed_computing,
        }
        return {fault: counted(makers[fault]()) for fault in FAULTS}

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
        return Path(self.peer.holder(self.folder)).read_bytes()

    def check_hit(self, number: int) -> None:
        """What is not stored can't be damaged."""
        if self.outcome(small, number, stored=True) != "right":
            raise SystemExit(f"{self.peer.name} has not stored the result")

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
        Path(self.peer.holder(self.folder)).write_bytes(data)
        return self.outcome(small, 1)

    def swapped(self) -> Iterator[str]:
        for _ in range(self.times(5)):
            shutil.rmtree(self.pristine, ignore_errors=True)
            self.fresh()
            self.outcome(small, 1)
            before = {path: Path(path).read_bytes() for path in files(self.folder) if self.is_result(path)}
            self.outcome(small, 2)
            self.check_hit(2)
            self.peer.swap(before, self.folder)
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
            self.peer.plant(self.folder, pickle.dumps(Marking(self.marker), protocol))
            outcome = self.outcome(small, 1)
            yield outcome
            if os.path.exists(self.marker):
                yield "executed"

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
                self.peer.cached(self.folder, large)(number)
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
            found = self.peer.cached(self.folder, function)(number)
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


def counted(outcomes: Iterator[str]) -> dict[str, int]:
    """Return how often each outcome came."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


# -- the table ---------------------------------------------------------------------------------------------------------


def measured(name: str, scale: float) -> dict[str, dict[str, int]]:
    """Run one library's trials in a process that loads no other."""
    with tempfile.TemporaryDirectory(prefix="faults-") as root:
        command = [sys.executable, os.path.abspath(__file__), "--scale", str(scale), "--run", name, root]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MEMOPICKLE")}
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**kept, "HOME": root})
    counts: dict[str, dict[str, int]] = json.loads(ended.stdout)
    return counts


def total(counts: dict[str, int], kind: str) -> int:
    """Return how many outcomes are of one kind, whatever was raised."""
    return sum(number for outcome, number in counts.items() if outcome.partition(" ")[0] == kind)


def rows(counts: dict[str, dict[str, dict[str, int]]]) -> Iterator[str]:
    """Give the lines of the table, with one line for the sum of each library."""
    yield f"| library | fault | trials | {' | '.join(OUTCOMES)} |"
    yield "|---|---|" + "---:|" * (len(OUTCOMES) + 1)
    for name, faults in counts.items():
        for fault, found in {**faults, "**all**": summed(faults)}.items():
            trials = sum(found.values()) - total(found, "executed")
            yield f"| {name} | {fault} | {trials} | " + " | ".join(str(total(found, kind)) for kind in OUTCOMES) + " |"


def summed(faults: dict[str, dict[str, int]]) -> dict[str, int]:
    """Return the counts over all faults."""
    return {kind: sum(total(found, kind) for found in faults.values()) for kind in OUTCOMES}


def main() -> None:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(description="Damage, planted files and killed writers, over several caches.")
    parser.add_argument("--json", metavar="FILE", help="write all figures here, '-' for stdout in place of the table")
    parser.add_argument("--only", nargs="*", default=list(PEERS), choices=list(PEERS), help="these libraries only")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the trials")
    parser.add_argument("--run", nargs=2, metavar=("LIBRARY", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        name, root = arguments.run
        print(json.dumps(Bench(PEERS[name], root, arguments.scale).run()))
        return
    versions = {name: PEERS[name].version() for name in arguments.only}
    for name, version in versions.items():
        if not version:
            print(f"{name} is not installed (pip install {PEERS[name].package}) and left out", file=sys.stderr)
    counts = {}
    for name in filter(versions.get, versions):
        print(f"{name} ...", file=sys.stderr)
        counts[name] = measured(name, arguments.scale)
    report(arguments.json, versions, counts)


def report(target: str | None, versions: dict[str, str], counts: dict[str, dict[str, dict[str, int]]]) -> None:
    """Print the table, or write the figures, or both."""
    figures = {"python": platform.python_version(), "seed": SEED, "versions": versions, "counts": counts}
    if target == "-":
        print(json.dumps(figures, indent=1))
        return
    if target:
        Path(target).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print("\n".join(rows(counts)))
    print(
        f"\nPython {platform.python_version()}; " + "; ".join(f"{name} {version}" for name, version in versions.items())
    )


if __name__ == "__main__":
    main()
