"""How many of the hundred faults are shown to be survived, here and now: ``python tests/faults/score.py``.

Runs the tests of the table (``faults_*.json``) and prints a line for each fault, and then ``n of 100 shown``. A fault
is shown if it has tests, none of them failed, and each was run at least once. Further arguments go to pytest, such as
``-n 4``; numbers among them choose faults. Ends with 1 if a test failed.
"""

import collections
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent


def table():
    """The faults by number."""
    rows = (row for path in sorted(FOLDER.glob("faults_*.json")) for row in json.loads(path.read_text()).items())
    return {int(number): row for number, row in sorted(rows, key=lambda row: int(row[0]))}


class Recorder:
    """Notes, for each test without its parameters, how its cases ended, and why some were skipped."""

    def __init__(self):
        self.ended = collections.defaultdict(collections.Counter)
        self.reasons = {}

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.partition("[")[0]
        if report.failed or report.skipped or report.when == "call":
            self.ended[name][report.outcome] += 1
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons[name] = report.longrepr[2].removeprefix("Skipped: ")

    def verdict(self, row):
        """Why a fault is not shown, ``""`` if it is."""
        if not row["tests"]:
            return row["note"]
        for test in row["tests"]:
            ended = self.ended[test]
            if ended["failed"]:
                return f"FAILED: {test}"
            if not ended["passed"]:
                return f"skipped: {self.reasons.get(test, test)}"
        return ""


def main(arguments):
    chosen = {int(argument) for argument in arguments if argument.isdigit()}
    rows = {number: row for number, row in table().items() if number in (chosen or range(1, 101))}
    tests = sorted({test for row in rows.values() for test in row["tests"]})
    recorder = Recorder()
    options = [argument for argument in arguments if not argument.isdigit()]
    ended = pytest.main([f"--rootdir={ROOT}", "-q", *options, *(str(ROOT / test) for test in tests)], [recorder])
    verdicts = {number: recorder.verdict(row) for number, row in rows.items()}
    for number, row in rows.items():
        print(f"{number:3} {'not shown' if verdicts[number] else 'shown    '}  {row['fault']}")
        for name, text in (("because", verdicts[number]), ("elsewhere", row.get("elsewhere"))):
            print(*([f"{'':15}{name}: {text}"] if text else []), sep="\n", end="\n" if text else "")
    print(f"\n{list(verdicts.values()).count('')} of {len(rows)} shown")
    return int(ended)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
