"""What disk caches make of damage, of planted files and of killed writers: ``python benchmarks/faults.py``.

Needs ``pip install joblib diskcache cachier checkpointer dogpile.cache cashews``; what is not installed is left out and
said so. ``shelve`` is the few lines that many programs write by hand. Prints a Markdown table; ``--markdown FILE`` puts
it between its markers in a page, ``--chart FILE`` draws it, ``--json FILE`` writes all figures. The same faults, from
one fixed seed, for all:

flipped     one bit of the file that holds a stored result, at offsets spread evenly over the whole file
cut         that file cut, to sizes spread evenly over its length
swapped     the stored results of two calls exchanged, then both calls made
planted     a pickle that makes a marker file, in each protocol, put where the stored result was
killed, storing    the process is killed (SIGKILL) at a moment while it stores 4 MB, a moment of its own in each trial;
            then another process makes the same call
killed, computing  the process is killed while the function runs, and so while a lock is held by those who lock

Each trial is a process of its own, forked from one that has the library loaded, with a time limit, over a fresh copy
of the cache. Every library runs in its default configuration; cashews also with a secret, for it signs if told to. The
stored result is of 40 KB, so that diskcache, which keeps smaller ones in its SQLite file, keeps it in a file like the
others; most of it are floats and hex digits, so that most flipped bits change it. cachier, a shelf and dogpile.cache's
dbm keep all results in one file: what meets a hash bucket, or nothing at all, counts as it comes; in them results are
swapped, and in a dbm planted, through the format that the file has. cashews stores through diskcache, whose row is
marked as a pickle when one is planted. Who plants and swaps can write the cache, but does not know any secret.

right     the function's own result came back, stored or computed again
wrong     another value came back, without an exception
raised    an exception reached the caller, who had asked for a result
hung      nothing came back within the time limit
died      the process ended by a signal
executed  the planted pickle was run, whatever came back
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from suite import charts, report
from suite.libraries import LIBRARIES
from suite.trials import FAULTS, SEED, Bench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.trials import Counts

    #: How often which outcome came, by library and fault.
    Found = dict[str, dict[str, Counts]]

COMMAND = "benchmarks/faults.py"
OUTCOMES = ("right", "raised", "hung", "died", "wrong", "executed")


def main() -> None:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(LIBRARIES), choices=list(LIBRARIES), help="these libraries")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the trials")
    parser.add_argument("--json", metavar="FILE", help="write all figures here, '-' for stdout in place of the table")
    parser.add_argument("--markdown", metavar="FILE", help="put the table between its markers in this page")
    parser.add_argument("--chart", metavar="FILE", help="draw the table, as SVG")
    parser.add_argument("--run", nargs=2, metavar=("LIBRARY", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        name, root = arguments.run
        print(json.dumps(Bench(LIBRARIES[name], root, arguments.scale).run()))
        return
    versions = {name: LIBRARIES[name].version() for name in arguments.only}
    tell(arguments, versions, dict(measured(versions, arguments.scale)))


def measured(versions: dict[str, str], scale: float) -> Iterator[tuple[str, dict[str, Counts]]]:
    """Run the trials of those libraries that are installed."""
    for name, version in versions.items():
        if version:
            print(f"{name} ...", file=sys.stderr)
            yield name, alone(name, scale)
        else:
            print(f"{name} is not installed (pip install {LIBRARIES[name].package}) and left out", file=sys.stderr)


def alone(name: str, scale: float) -> dict[str, Counts]:
    """Run one library's trials in a process that loads no other."""
    with tempfile.TemporaryDirectory(prefix="faults-") as root:
        command = [sys.executable, os.path.abspath(__file__), "--scale", str(scale), "--run", name, root]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MEMOPICKLE")}
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**kept, "HOME": root})
    counts: dict[str, Counts] = json.loads(ended.stdout)
    return counts


def tell(arguments: argparse.Namespace, versions: dict[str, str], found: Found) -> None:
    """Print the table, and write what was asked for."""
    figures = {"python": platform.python_version(), "seed": SEED, "versions": versions, "counts": found}
    if arguments.json == "-":
        print(json.dumps(figures, indent=1))
        return
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    used = {LIBRARIES[name].package: version or "missing" for name, version in versions.items()}
    machine = f"Python {platform.python_version()}; " + "; ".join(map(" ".join, used.items()))
    lines = [*rows(found), "", f"{machine}."]
    print("\n".join(lines))
    if arguments.markdown:
        report.between_markers(Path(arguments.markdown), lines, COMMAND)
    if arguments.chart:
        Path(arguments.chart).write_text(drawn(found), encoding="utf-8")


def rows(found: Found) -> Iterator[str]:
    """Give the lines of the table: a row for each library, a column for each fault."""
    yield f"| library | {' | '.join(FAULTS)} |"
    yield "|---" * (len(FAULTS) + 1) + "|"
    for name, faults in found.items():
        yield f"| {name} | " + " | ".join(said(kinds(faults[fault])) for fault in FAULTS) + " |"


def kinds(counts: Counts) -> Counts:
    """Return the counts by the kind of outcome, whatever was raised, the best kind first."""
    found = dict.fromkeys(OUTCOMES, 0)
    for outcome, number in counts.items():
        found[outcome.partition(" ")[0]] += number
    return {kind: number for kind, number in found.items() if number}


def said(counts: Counts) -> str:
    """Write counts as a cell: ``right 52, raised 8``."""
    return ", ".join(f"{kind} {number}" for kind, number in counts.items())


def drawn(found: Found) -> str:
    """Return the picture of the table."""
    cells = {name: [kinds(faults[fault]) for fault in FAULTS] for name, faults in found.items()}
    lines = "; ".join(
        f"{name}: " + ", ".join(f"{fault} {said(cell)}" for fault, cell in zip(FAULTS, row, strict=True))
        for name, row in cells.items()
    )
    return charts.shares("What came of damaged, planted and half-written files", lines, FAULTS, OUTCOMES, cells)


if __name__ == "__main__":
    main()
