"""What the serializers cost and keep, next to pickle: ``python benchmarks/serializers.py [--rounds N]``.

Prints two tables. The first: size, and time to encode and decode, as ratios to pickle in the same run; the serializers
take turns within each round, and the best round counts. The second: what comes back of each kind of value, which is
tried out. Needs cloudpickle, dill, msgpack and numpy. The whole of an entry (key, signature, file) is not in the times.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import gc
import http
import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from memopickle.formats import open_serializer
from memopickle.serializers import NAMES, PICKLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.serializers import ResultSerializer


class Point(NamedTuple):
    """A named tuple."""

    x: int


def records(count: int) -> list[dict[str, Any]]:
    """Return rows such as a database or a service gives."""
    return [
        {"id": number, "name": f"customer {number}", "paid": number % 3 == 0, "total": number / 7, "tags": ["a", "b"]}
        for number in range(count)
    ]


#: Values that all of them take.
DATA: dict[str, Any] = {
    "small dict": {"name": "x" * 20, "numbers": list(range(10)), "more": {"a": None}},
    "10,000 records": records(10_000),
    "list of 100,000 ints": list(range(100_000)),
    "list of 100,000 floats": [number / 7 for number in range(100_000)],
    "1 MB of text": "a line of text, as there are many\n" * 30_000,
}
#: Values that only some take.
MORE: dict[str, Any] = {
    "10 MB of bytes": bytes(10_000_000),
    "80 MB NumPy array": numpy.zeros(10_000_000),
    "list of 10,000 tuples": [(number, str(number)) for number in range(10_000)],
}
KINDS: dict[str, Any] = {
    "None, bool, int, float, str": [None, True, 1, -0.0, "ä"],
    "lists, dicts with str keys": {"a": [{"b": []}]},
    "int of 100 digits": 10**100,
    "dict with int keys": {1: "a"},
    "bytes": b"a",
    "tuple": (1, 2),
    "named tuple": Point(1),
    "set": {1, 2},
    "IntEnum": http.HTTPStatus.OK,
    "OrderedDict": collections.OrderedDict(b=1, a=2),
    "datetime, Decimal": [datetime.datetime(2020, 1, 2), decimal.Decimal("1.50")],
    "NumPy array": numpy.arange(3),
    "object of a module's class": argparse.Namespace(name="a job"),
    "lambda, local class": lambda value: value + 1,
    "exception": ValueError("wrong"),
}


def each() -> dict[str, ResultSerializer]:
    """Return the serializers by name."""
    return {name: PICKLE if name == PICKLE.name else open_serializer(name) for name in NAMES}


def encode(serializer: ResultSerializer, value: Any) -> tuple[bytes, list[Any]]:
    """Return the stream in one piece, and the buffers."""
    stream, buffers = serializer.encode(value)
    return b"".join(stream), list(buffers)


def seconds(work: Callable[[], object], least: float = 0.02) -> float:
    """Return the seconds of one call, the mean of as many as take a while."""
    count = 1
    while True:
        started = time.perf_counter()
        for _ in range(count):
            work()
        taken = time.perf_counter() - started
        if taken > least:
            return taken / count
        count *= 4


def costs(value: Any, rounds: int) -> dict[str, tuple[int, float, float] | None]:
    """Return bytes, seconds to encode and seconds to decode of each serializer; None where it refuses the value."""
    written = {}
    for name, serializer in each().items():
        try:
            written[name] = (serializer, encode(serializer, value))
        except TypeError:
            continue
    best = {name: [math.inf, math.inf] for name in written}
    gc.disable()
    for _ in range(rounds):
        for name, (serializer, (stream, buffers)) in written.items():
            writing = seconds(lambda one=serializer: one.encode(value))  # type: ignore[misc]
            reading = seconds(lambda one=serializer, a=stream, b=buffers: one.decode(a, b))  # type: ignore[misc]
            best[name] = [min(best[name][0], writing), min(best[name][1], reading)]
    gc.enable()
    sizes = {name: len(stream) + sum(b.nbytes for b in buffers) for name, (_, (stream, buffers)) in written.items()}
    return {name: (sizes[name], *best[name]) if name in written else None for name in NAMES}  # type: ignore[misc]


def ratios(found: tuple[int, float, float] | None, base: tuple[int, float, float]) -> str:
    """Return ``size / encode / decode`` as multiples of pickle's."""
    if found is None:
        return "refused"
    return " / ".join(_two_digits(mine / theirs) for mine, theirs in zip(found, base, strict=True))


def _two_digits(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def fate(serializer: ResultSerializer, value: Any) -> str:
    """Return what becomes of a value: ``"kept"``, ``"refused"``, or what it comes back as."""
    try:
        stream, buffers = encode(serializer, value)
    except Exception:
        return "refused"
    try:
        again = serializer.decode(stream, buffers)
    except Exception:
        return "can't be read"
    if type(again) is not type(value):
        return f"becomes a {type(again).__name__}"
    if callable(value):
        return "kept" if again(1) == value(1) else "changed"
    return "kept" if bool(numpy.all(again == value)) or repr(again) == repr(value) else "changed"


def print_table(first: str, rows: dict[str, list[str]]) -> None:
    """Print a table in Markdown with a column for each serializer."""
    print("| " + " | ".join([first, *NAMES]) + " |")
    print("|---" * (len(NAMES) + 1) + "|")
    for name, cells in rows.items():
        print("| " + " | ".join([name, *cells]) + " |")
    print()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    rows = {}
    for name, value in {**DATA, **MORE}.items():
        found = costs(value, rounds)
        base = found[PICKLE.name]
        assert base is not None
        rows[name] = [ratios(found[one], base) for one in NAMES]
    print_table("size / encode / decode", rows)
    print_table(
        "what comes back", {kind: [fate(one, value) for one in each().values()] for kind, value in KINDS.items()}
    )


if __name__ == "__main__":
    main()
