"""What a hit in the memory tier of a TieredStore costs, against the same hit in a MemoryStore alone.

    python benchmarks/tiers.py [--rounds N]

Both are timed in turn in one process, so that only their ratio means something. It must stay below 1.2.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import TYPE_CHECKING, Any

from memopickle import Cache, DirectoryStore, MemoryStore, Store, TieredStore

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 2000
VALUES: dict[str, Any] = {
    "int": 7,
    "dict": {"name": "x" * 20, "numbers": list(range(10))},
    "text of 10 kB": "x" * 10_000,
}


def cached(store: Store, value: Any) -> Callable[[int], Any]:
    """Return a cached function that has its result in the store."""

    @Cache(store, secret="a secret for a benchmark, 32 bytes").cached
    def work(number: int) -> Any:
        return value

    work(3), work(3)
    return work


def seconds(function: Callable[[int], Any]) -> float:
    """Return the seconds of one hit, the mean of many."""
    started = time.perf_counter()
    for _ in range(CALLS):
        function(3)
    return (time.perf_counter() - started) / CALLS


def main() -> None:
    """Print a line for each kind of value and memory tier."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    print("value            tier's ttl    memory alone    memory tier    ratio (best of each)")
    with tempfile.TemporaryDirectory() as folder:
        for name, value in VALUES.items():
            alone = cached(MemoryStore(), value)
            for ttl in (None, "1h"):
                tier = cached(TieredStore(MemoryStore(ttl=ttl), DirectoryStore(folder)), value)
                pairs = [(seconds(alone), seconds(tier)) for _ in range(rounds)]
                one, two = (min(column) for column in zip(*pairs, strict=True))
                print(f"{name:15} {ttl!s:>8} {one * 1e6:14.2f} us {two * 1e6:11.2f} us {two / one:8.2f}")


if __name__ == "__main__":
    main()
