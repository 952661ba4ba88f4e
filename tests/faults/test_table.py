"""The tables of faults name a test for each of the hundred, or say why there is none."""

import ast
import json
import re
import subprocess
import sys

import pytest

from tests.faults.score import FOLDER, ROOT, table


def cases_of(path):
    """The names of the test functions of a module, with those in classes as pytest writes them."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef))


def numbered():
    """Each test of this folder that begins with a number, as (number, node id)."""
    for path in sorted(FOLDER.glob("test_*.py")):
        for name in cases_of(path):
            if match := re.match(r"(?:\w+::)?test_(\d+)_", name):
                yield int(match[1]), f"{path.relative_to(ROOT)}::{name}"


def test_each_of_the_hundred_is_there_once():
    numbers = [int(number) for path in FOLDER.glob("faults_*.json") for number in json.loads(path.read_text())]
    assert sorted(numbers) == list(range(1, 101))


@pytest.mark.parametrize("number", range(1, 101))
def test_a_fault_has_tests_that_exist_or_a_reason(number):
    row = table()[number]
    assert set(row) <= {"fault", "tests", "note", "elsewhere"}
    assert row["fault"].strip()
    assert row["tests"] or row.get("note", "").strip()
    for test in row["tests"]:
        path, _, name = test.partition("::")
        assert name in set(cases_of(ROOT / path)), test


def test_every_numbered_test_is_in_the_table_under_its_number():
    rows = table()
    assert [(number, test) for number, test in numbered() if test not in rows[number]["tests"]] == []


def test_the_score_counts_what_was_shown_and_says_why_the_rest_was_not():
    unbuilt = [str(number) for number, row in table().items() if not row["tests"]][:1]
    command = [sys.executable, str(FOLDER / "score.py"), "5", "99", *unbuilt, "-n0", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.endswith(f"2 of {2 + len(unbuilt)} shown\n")
    assert ended.stdout.count("because:") == len(unbuilt)
