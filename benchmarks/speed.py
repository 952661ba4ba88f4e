"""How fast memopickle is, as ratios within one run, against floors and peers: ``python benchmarks/speed.py``.

The contenders run one after the other in each round, and only times of the same round are compared; what is printed
is the median of these ratios, the quartiles beside it, and the target of the project where it has one. The floors
are what the work costs without a cache around it (``benchmarks/suite/floors.py``). A ratio below 1 means that
memopickle takes less time. Times in the last column are this machine's, and only say of what size things are.

Needs numpy for the large results, and for the peers ``pip install cachetools cachebox joblib diskcache cachier
checkpointer dogpile.cache cashews``. What is not installed is left out and said so. Nothing is written outside a
temporary directory, but what ``--json``, ``--markdown`` and ``--charts`` name.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from suite import beside, report
from suite.peers import versions
from suite.profile import PROFILES
from suite.setting import Setting
from suite.workloads import WORKLOADS, chosen, groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.report import Row

    #: What was found, by workload.
    Found = dict[str, list[Row]]

COMMAND = "benchmarks/speed.py"


def main() -> int:
    """Run the workloads that are asked for and print the table; exit code 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORDS", help=f"these of {', '.join(WORKLOADS)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each workload")
    parser.add_argument("--quick", action="store_true", help="few rounds and small sizes: to see that it runs")
    parser.add_argument("--json", metavar="FILE", help="write all figures here")
    parser.add_argument(
        "--markdown", nargs="+", default=[], metavar="FILE", help="put the tables between their markers in these pages"
    )
    parser.add_argument("--charts", metavar="FOLDER", help="draw hits and misses beside the other libraries, as SVG")
    parser.add_argument(
        "--profile", choices=list(PROFILES), help="print instead where the time of a hit, or a miss, goes"
    )
    arguments = parser.parse_args()
    names = chosen(arguments.only)
    if not names:
        parser.error(f"--only {' '.join(arguments.only)}: no workload has that in its name")
    with tempfile.TemporaryDirectory(prefix="speed-") as root:
        if arguments.profile:
            profile(arguments, _setting(root, arguments))
            return 0
        found, failed = run(names, _setting(root, arguments))
    rows = [row for name in names for row in found[name]]
    print("\n".join(report.plain(rows)))
    print(f"\n{machine()}")
    if arguments.json:
        figures = {"machine": machine(), "versions": versions(), "rows": [row.facts() for row in rows]}
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    fill(arguments.markdown, dict(tables(found)))
    if arguments.charts:
        for name, picture in beside.drawn(rows):
            Path(arguments.charts, name).write_text(picture, encoding="utf-8")
    return 1 if failed else 0


def run(names: list[str], setting: Setting) -> tuple[Found, list[str]]:
    """Run workloads and return what they found, and which failed; the one that is running is named on stderr."""
    found: Found = {}
    failed = []
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        found[name] = []
        try:
            found[name] += WORKLOADS[name](setting)
        except Exception:  # the others' figures must not be lost for it
            traceback.print_exc()
            failed.append(name)
            found[name].append(report.noted(name, "", "FAILED"))
    return found, failed


def tables(found: Found) -> Iterator[tuple[str, list[str]]]:
    """Give the lines of each table of the pages, with the command that makes it; none of which only a part was run."""
    for group, names in groups().items():
        if found.keys() >= set(names):
            rows = [row for name in names for row in found[name]]
            yield f"{COMMAND} --only {group}", [*report.markdown(rows), "", machine()]
    lines = beside.table([row for rows in found.values() for row in rows])
    if lines:
        yield f"{COMMAND}, beside each other", [*lines, "", machine()]


def fill(pages: list[str], made: dict[str, list[str]]) -> None:
    """Put the tables into the pages that have a place for them."""
    for page in map(Path, pages):
        there = [command for command in made if report.marked(page, command)]
        if not there:
            raise SystemExit(f"{page} has no place for any of: {', '.join(made) or 'no table was made as a whole'}")
        for command in there:
            report.between_markers(page, made[command], command)


def profile(arguments: argparse.Namespace, setting: Setting) -> None:
    """Print where the time goes, a table for each kind of store."""
    lines = [line for made in PROFILES[arguments.profile] for line in (*made(setting), "")]
    print("\n".join((*lines, machine())))
    if arguments.markdown:
        block = ["```text", *lines[:-1], "```"]
        fill(arguments.markdown, {f"{COMMAND} --profile {arguments.profile}": block})


def machine() -> str:
    """Say on what the figures were made."""
    peers = ", ".join(f"{name} {version or 'missing'}" for name, version in versions().items())
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores; {peers}."


def _setting(root: str, arguments: argparse.Namespace) -> Setting:
    if arguments.quick:
        return Setting(root, arguments.rounds or 2, arguments.rounds or 1, turns=1, aim=1e5, smaller=1000)
    return Setting(root, arguments.rounds or 21, arguments.rounds or 7)


if __name__ == "__main__":
    sys.exit(main())
