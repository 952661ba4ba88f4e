"""How fast memopickle is, as ratios within one run, against floors and peers: ``python benchmarks/speed.py``.

The contenders run one after the other in each round, and only times of the same round are compared; what is printed
is the median of these ratios, the quartiles beside it, and the target of the project where it has one. The floors
are what the work costs without a cache around it (``benchmarks/suite/floors.py``). A ratio below 1 means that
memopickle takes less time. Times in the last column are this machine's, and only say of what size things are.

Needs numpy for the large results; ``pip install cachetools cachebox joblib diskcache cachier checkpointer`` for the
peers. What is not installed is left out and said so. Nothing is written outside a temporary directory.
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

from suite import report
from suite.peers import versions
from suite.profile import PROFILES
from suite.setting import Setting
from suite.workloads import WORKLOADS, chosen

if TYPE_CHECKING:
    from suite.report import Row

COMMAND = "benchmarks/speed.py"


def main() -> int:
    """Run the workloads that are asked for and print the table; exit code 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORDS", help=f"these of {', '.join(WORKLOADS)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each workload")
    parser.add_argument("--quick", action="store_true", help="few rounds and small sizes: to see that it runs")
    parser.add_argument("--json", metavar="FILE", help="write all figures here")
    parser.add_argument("--markdown", metavar="FILE", help="put what is printed between its markers in this page")
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
        rows, failed = run(names, _setting(root, arguments))
    print("\n".join(report.plain(rows)))
    print(f"\n{machine()}")
    if arguments.json:
        figures = {"machine": machine(), "versions": versions(), "rows": [row.facts() for row in rows]}
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if arguments.markdown:
        report.between_markers(Path(arguments.markdown), [*report.markdown(rows), "", machine()], COMMAND)
    return 1 if failed else 0


def run(names: list[str], setting: Setting) -> tuple[list[Row], list[str]]:
    """Run workloads and return what they found, and which failed; the one that is running is named on stderr."""
    rows: list[Row] = []
    failed = []
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        try:
            rows += WORKLOADS[name](setting)
        except Exception:  # the others' figures must not be lost for it
            traceback.print_exc()
            failed.append(name)
            rows.append(report.noted(name, "", "FAILED"))
    return rows, failed


def profile(arguments: argparse.Namespace, setting: Setting) -> None:
    """Print where the time goes, a table for each kind of store."""
    lines = [line for made in PROFILES[arguments.profile] for line in (*made(setting), "")]
    print("\n".join((*lines, machine())))
    if arguments.markdown:
        block = ["```text", *lines[:-1], "```"]
        report.between_markers(Path(arguments.markdown), block, f"{COMMAND} --profile {arguments.profile}")


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
