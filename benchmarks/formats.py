"""How large, how fast and how faithful the ways to write a Python object are; and two ways to copy one.

    python benchmarks/formats.py [--rounds N] [--quick] [--write]

Times are ratios to pickle protocol 5 on the same object, each the best of several rounds in which all take turns, so
that only these ratios mean something; sizes are exact. ``--write`` puts the tables into docs/explanation/
choosing-a-format.md and docs/how-to/signed-values.md. Needs numpy, scikit-learn, joblib, msgpack, cloudpickle and dill;
what is not installed is left out and said so.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import datetime
import gc
import io
import json
import math
import pickle
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from suite.report import between_markers

from memopickle import signed

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[1] / "docs"
COMMAND = "benchmarks/formats.py"
SECRET = "a secret for a benchmark, 32 bytes"


class Effort(NamedTuple):
    """In how many rounds, and for how many seconds at least, each thing is timed; what is short is repeated."""

    rounds: int
    aim: float


class Format(NamedTuple):
    """A way to bytes and back."""

    name: str
    dumps: Callable[[Any], bytes]
    loads: Callable[[bytes], Any]


@dataclasses.dataclass
class Point:
    """What a program of today would pickle."""

    x: float
    y: float
    tags: list[str]


def formats() -> list[Format]:
    """Return the formats that are installed; say which are not."""
    found = [Format(f"pickle {protocol}", partial(_pickled, protocol), pickle.loads) for protocol in range(6)]
    found.append(
        Format("memopickle.signed", partial(signed.dumps, secret=SECRET), partial(signed.loads, secret=SECRET))
    )
    found.append(Format("json", lambda value: json.dumps(value).encode(), json.loads))
    for package, make in (
        ("msgpack", _msgpack),
        ("cloudpickle", _like_pickle),
        ("dill", _like_pickle),
        ("joblib", _joblib),
    ):
        try:
            found.append(make(package, import_module(package)))
        except ImportError:
            print(f"{package} is not installed, and left out")
    return found


def _pickled(protocol: int, value: Any) -> bytes:
    return pickle.dumps(value, protocol)


def _like_pickle(name: str, module: Any) -> Format:
    if name == "dill":
        module.extend(use_dill=False)  # importing it changes pickle's own class, on which joblib builds
    return Format(name, module.dumps, module.loads)


def _msgpack(name: str, module: Any) -> Format:
    return Format(name, module.packb, partial(module.unpackb, strict_map_key=False))


def _joblib(name: str, module: Any) -> Format:
    def dumps(value: Any) -> bytes:
        file = io.BytesIO()
        module.dump(value, file)
        return file.getvalue()

    return Format(name, dumps, lambda data: module.load(io.BytesIO(data)))


_PACKAGES = {"msgpack": _msgpack, "cloudpickle": _like_pickle, "dill": _like_pickle, "joblib": _joblib}


def objects() -> dict[str, Any]:
    """Return what is written: a small record, lists, an array, a model."""
    import numpy
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    images, digits = load_digits(return_X_y=True)
    return {
        "small record": {"id": 7, "name": "x" * 20, "tags": ["a", "b"], "price": 1.5},
        "list of 100,000 ints": list(range(100_000)),
        "10,000 records": [{"id": n, "name": f"name {n}", "price": n / 7} for n in range(10_000)],
        "10,000 instances": [Point(n / 7, n / 3, ["a"]) for n in range(10_000)],
        "array of 8 MB": numpy.random.default_rng(0).random(1_000_000),
        "random forest": RandomForestClassifier(20, random_state=0).fit(images, digits),
    }


def seconds(function: Callable[[], object], aim: float) -> float:
    """Return the seconds of one call, the mean of as many as take long enough."""
    calls = 1
    gc.disable()  # it would run in whichever happens to make the last object
    while True:
        started = time.perf_counter()
        for _ in range(calls):
            function()
        took = time.perf_counter() - started
        if took > aim:
            gc.enable()
            return took / calls
        calls = max(calls * 2, math.ceil(calls * aim / max(took, 1e-7)))


def best(functions: dict[str, Callable[[], object]], effort: Effort) -> dict[str, float]:
    """Return the best time of each, all taking turns."""
    times: dict[str, float] = {}
    for _ in range(effort.rounds):
        for name, function in functions.items():
            times[name] = min(times.get(name, math.inf), seconds(function, effort.aim))
    return times


def measured(value: Any, known: list[Format], effort: Effort) -> dict[str, tuple[int, float, float] | None]:
    """Return size, time to dump and to load by format; None for what it can't write."""
    data = {}
    for one in known:
        try:
            data[one.name] = one.dumps(value)
        except Exception:
            continue
    able = [one for one in known if one.name in data]
    dumping = best({one.name: partial(one.dumps, value) for one in able}, effort)
    loading = best({one.name: partial(one.loads, data[one.name]) for one in able}, effort)
    return {
        one.name: (len(data[one.name]), dumping[one.name], loading[one.name]) if one.name in data else None
        for one in known
    }


def speed_table(known: list[Format], effort: Effort) -> list[str]:
    """Return the lines of the table of sizes and times."""
    lines = ["| object | format | bytes | dump | load |", "|---|---|---:|---:|---:|"]
    for name, value in objects().items():
        found = measured(value, known, effort)
        floor = found["pickle 5"]
        assert floor is not None
        for form, figures in found.items():
            if figures is None:
                lines.append(f"| {name} | {form} | cannot | | |")
                continue
            size, dump, load = figures
            lines.append(f"| {name} | {form} | {size:,} | {dump / floor[1]:.2f}x | {load / floor[2]:.2f}x |")
    return lines


def samples() -> dict[str, Any]:
    """Return what may get lost on the way."""
    import numpy

    shared = [1]
    return {
        "tuple": (1, 2),
        "set": {1, 2},
        "bytes": b"\x00\xff",
        "int as dict key": {1: "a"},
        "tuple as dict key": {(1, 2): "a"},
        "int beyond 64 bits": 10**30,
        "NaN": math.nan,
        "datetime": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        "one list in two places": [shared, shared],
        "instance of a class": Point(1.0, 2.0, []),
        "array": numpy.arange(3),
        "lambda": lambda: 7,
    }


def survives(value: Any, form: Format) -> bool:
    """Tell whether an object comes back as what it was."""
    try:
        found = form.loads(form.dumps(value))
    except Exception:
        return False
    if type(found) is not type(value):
        return False
    if callable(value):
        return bool(found() == value())
    if isinstance(value, list):
        return found[0] is found[1]
    if isinstance(value, float):
        return math.isnan(found)
    same = found == value
    return bool(same) if isinstance(same, bool) else bool(same.all())


def survival_table(known: list[Format]) -> list[str]:
    """Return the lines of the table of what comes back as it was; the protocols that do alike share a column."""
    columns: dict[str, list[bool]] = {one.name: [survives(value, one) for value in samples().values()] for one in known}
    groups: dict[tuple[bool, ...], list[str]] = {}
    for name, found in columns.items():
        groups.setdefault(tuple(found), []).append(name)
    lines = [f"| | {' | '.join(', '.join(names) for names in groups.values())} |", "|---" * (len(groups) + 1) + "|"]
    for number, sample in enumerate(samples()):
        lines.append(f"| {sample} | {' | '.join('yes' if found[number] else 'no' for found in groups)} |")
    return lines


def copy_table(effort: Effort) -> list[str]:
    """Return the lines of the table of copies."""
    cases = {**objects(), "tuple of 100,000 ints": tuple(range(100_000)), "list of 10,000 texts": ["x" * 50] * 10_000}
    lines = ["| object | copy.deepcopy / signed.deep_copy | faster |", "|---|---:|---|"]
    for name, value in cases.items():
        ways = {"copy.deepcopy": partial(copy.deepcopy, value), "signed.deep_copy": partial(signed.deep_copy, value)}
        times = best(ways, effort)
        ratio = times["copy.deepcopy"] / times["signed.deep_copy"]
        lines.append(f"| {name} | {ratio:.2f} | {min(times, key=times.__getitem__)} |")
    return lines


def main() -> None:
    """Print the tables, or write them into the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one call each: to see that it runs")
    parser.add_argument("--write", action="store_true", help="put the tables into the documentation")
    arguments = parser.parse_args()
    effort = Effort(1, 0.0) if arguments.quick else Effort(arguments.rounds, 0.02)
    known = formats()
    choosing = [*survival_table(known), "", *speed_table(known, effort)]
    copies = copy_table(effort)
    if arguments.write:
        between_markers(DOCS / "explanation" / "choosing-a-format.md", choosing, COMMAND)
        between_markers(DOCS / "how-to" / "signed-values.md", copies, COMMAND)
    else:
        print("\n".join([*choosing, "", *copies]))


if __name__ == "__main__":
    main()
