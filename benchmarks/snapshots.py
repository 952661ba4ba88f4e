"""Writing and reading 100 MB of arrays, and a small state: signed values and snapshots next to joblib and pickle.

    python benchmarks/snapshots.py [--megabytes N] [--rounds N]

All take turns in one process and directory, and the figure is the median of the ratios of one round each: below 1
means that memopickle takes less time. Reading is out of the page cache. ``Snapshots`` flushes what it saves to the disk
before it counts, which neither joblib nor pickle does: what that costs is the disk's, and shown by the line "pickle 5,
flushed".
"""

from __future__ import annotations

import argparse
import itertools
import os
import pickle
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy

from memopickle import DirectoryStore, Snapshots, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    Way = tuple[Callable[[Any], object], Callable[[], Any]]

SECRET = "a secret for a benchmark, 32 bytes"


def ways(folder: Path) -> dict[str, Way]:
    """Return how each writes a state, and reads it."""
    kept = Snapshots(folder / "kept", secret=SECRET, keep=1)
    quick = Snapshots(DirectoryStore(folder / "quick"), secret=SECRET, keep=1)
    return {
        "signed.dump/load": (
            lambda state: signed.dump(state, folder / "signed", SECRET),
            lambda: signed.load(folder / "signed", SECRET),
        ),
        "Snapshots, flushed": (lambda state: kept.save("run", state), lambda: kept.load("run")),
        "Snapshots, not flushed": (lambda state: quick.save("run", state), lambda: quick.load("run")),
        "joblib": (lambda state: joblib.dump(state, folder / "joblib"), lambda: joblib.load(folder / "joblib")),
        "pickle 5": (lambda state: write(folder / "pickle", state), lambda: read(folder / "pickle")),
        "pickle 5, flushed": (lambda state: write(folder / "flushed", state, True), lambda: read(folder / "flushed")),
    }


def write(path: Path, state: Any, flush: bool = False) -> None:
    """Pickle to a file, as one does by hand, but beside it and renamed."""
    beside = path.with_suffix(".new")
    with open(beside, "wb") as file:
        pickle.dump(state, file, 5)
        if flush:
            file.flush()
            os.fsync(file.fileno())
    os.replace(beside, path)


def read(path: Path) -> Any:
    """Unpickle a file."""
    with open(path, "rb") as file:
        return pickle.load(file)


def seconds(function: Callable[[], object], calls: int) -> float:
    """Return the seconds that one call takes, the mean of several."""
    started = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - started) / calls


def rounds(state: Any, count: int, calls: int) -> dict[str, list[tuple[float, float]]]:
    """Return the times to write and to read of each, round by round."""
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="snapshots-") as folder:
        known = ways(Path(folder))
        for number in range(count + 1):
            for name, (save, load) in known.items():
                times = seconds(lambda save=save: save(state), calls), seconds(load, calls)
                if number:  # the first round only warms up
                    found.setdefault(name, []).append(times)
    return found


def report(title: str, found: dict[str, list[tuple[float, float]]]) -> None:
    """Print the ratios of ours to theirs."""
    print(f"{title:24} {'against':20} {'write':>8} {'read':>8}")
    ours = [name for name in found if name.startswith(("signed", "Snapshots"))]
    for mine, other in itertools.product(ours, [name for name in found if name not in ours]):
        pairs = list(zip(found[mine], found[other], strict=True))
        ratios = [statistics.median(one[what] / two[what] for one, two in pairs) for what in (0, 1)]
        print(f"{mine:24} {other:20} {ratios[0]:7.2f}x {ratios[1]:7.2f}x")
    for name, times in found.items():
        typical = [statistics.median(column) * 1e3 for column in zip(*times, strict=True)]
        print(f"{name:24} {'(milliseconds)':20} {typical[0]:8.2f} {typical[1]:8.2f}")
    print()


def main() -> None:
    """Measure arrays and a small state."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    random = numpy.random.default_rng(0)
    arrays = {f"layer {number}": random.random(arguments.megabytes * 12_500) for number in range(10)}
    report(f"{arguments.megabytes} MB of arrays", rounds(arrays, arguments.rounds, 1))
    report("a small state", rounds({"step": 7, "loss": 0.5}, arguments.rounds, 20))


if __name__ == "__main__":
    main()
