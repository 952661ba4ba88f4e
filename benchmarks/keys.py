"""What keys cost, as ratios within one run: ``python benchmarks/keys.py`` (needs numpy; joblib and pandas if there).

Every figure is the best of several rounds in processor time, and the rounds of the competitors are interleaved, so
that a noisy machine disturbs all alike. The targets are those of issue 3; the last column says whether they are met.
"""

from __future__ import annotations

import argparse
import pickle
import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy
from blake3 import blake3

from memopickle.keys import digest

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import joblib
except ImportError:
    joblib = None
try:
    import pandas
except ImportError:
    pandas = None


@dataclass
class Order:
    """A record such as programs pass around by the ten thousand."""

    number: int
    customer: str
    total: float


@dataclass
class Target:
    """A competitor, and how long a key may take in terms of it: at most so many times its time."""

    name: str
    run: Callable[[object], object]
    at_most: float


PICKLE_AND_BLAKE3 = Target("pickle.dumps+blake3", lambda x: blake3(pickle.dumps(x, 5)).digest(), 2)
PICKLE = Target("pickle.dumps", lambda x: pickle.dumps(x, 5), 4)
BLAKE3 = Target("blake3", lambda x: blake3(memoryview(x).cast("B")).digest(), 1 / 0.9)


def joblib_hash(times_faster: float) -> Target:
    """How much slower than a key ``joblib.hash`` has to be."""
    return Target("joblib.hash", joblib.hash, 1 / times_faster)


def cases() -> dict[str, tuple[object, list[Target]]]:
    """The arguments of issue 3, with what each is measured against."""
    draw = random.Random(3)
    found: dict[str, tuple[object, list[Target]]] = {
        "(int,)": ((12345,), [PICKLE_AND_BLAKE3, joblib_hash(5)]),
        "(str, str)": (("paris", "2026-01-31"), [PICKLE_AND_BLAKE3, joblib_hash(5)]),
        "dict of 10^5 strings": (
            {f"key {i}": f"value {i}" for i in range(10**5)},
            [PICKLE, joblib_hash(5)],
        ),
        "the same, random keys": (
            # Not a case of issue 3: keys in no order at all, whose sorting misses the processor's cache.
            {f"key {draw.randrange(10**12)}": f"value {i}" for i in range(10**5)},
            [PICKLE, joblib_hash(4)],
        ),
        "list of 10^6 ints": (list(range(10**6)), [PICKLE, joblib_hash(5)]),
        "10^5 two-element lists": ([[i, str(i)] for i in range(10**5)], [PICKLE, joblib_hash(5)]),
        "10^4 dataclass instances": (
            [Order(i, f"customer {i % 977}", i / 7) for i in range(10**4)],
            [PICKLE, joblib_hash(5)],
        ),
        "array of 100 MB": (numpy.random.default_rng(3).random(12_500_000), [BLAKE3, joblib_hash(5)]),
    }
    if pandas is not None:
        rows = {"name": [f"name {i}" for i in range(10**5)], "city": [f"city {i % 977}" for i in range(10**5)]}
        found["frame of 10^5 rows, object"] = (pandas.DataFrame(rows, dtype=object), [joblib_hash(4)])
        found["frame of 10^5 rows, str"] = (pandas.DataFrame(rows, dtype="str"), [joblib_hash(4)])
    return found


def seconds(run: Callable[[object], object], value: object, at_least: float = 0.005) -> float:
    """The time of one call, from as many calls as take 5 ms."""
    calls = 1
    while True:
        start = time.process_time()
        for _ in range(calls):
            run(value)
        passed = time.process_time() - start
        if passed >= at_least:
            return passed / calls
        calls *= 4


def measure(value: object, targets: list[Target], rounds: int) -> tuple[float, dict[str, float]]:
    """The best time of a key and of each competitor."""
    runs = {"": digest, **{target.name: target.run for target in targets}}
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            best[name] = min(best[name], seconds(run, value))
    return best.pop(""), best


def main() -> int:
    """Print the table; exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    missed = 0
    print(f"{'argument':28} {'key':>12}  times against the target")
    for name, (value, wanted) in cases().items():
        targets = [t for t in wanted if joblib is not None or t.name != "joblib.hash"]
        own, others = measure(value, targets, rounds)
        verdicts = []
        for target in targets:
            ratio = own / others[target.name]
            met = ratio <= target.at_most
            missed += not met
            verdicts.append(f"{ratio:.3g} x {target.name} ({'ok' if met else 'MISSED'}, <= {target.at_most:.3g})")
        print(f"{name:28} {own * 1e6:9.1f} us  {'; '.join(verdicts)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
