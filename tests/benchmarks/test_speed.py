"""benchmarks/speed.py runs, with sizes so small that its figures mean nothing."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "speed.py"

MARKED = "before\n<!-- begin: benchmarks/speed.py -->\nold\n<!-- end: benchmarks/speed.py -->\nafter\n"


def speed(tmp_path, *arguments, **environment):
    """Run the command and return how it ended."""
    command = [sys.executable, "-B", SCRIPT, "--quick", *arguments]
    environment = {**os.environ, "TMPDIR": str(tmp_path), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def rows(tmp_path, *words):
    """What the command found for some workloads."""
    figures = tmp_path / "figures.json"
    ended = speed(tmp_path, "--json", figures, "--only", *words)
    assert ended.returncode == 0, ended.stderr
    return json.loads(figures.read_text())["rows"]


def on_path(tmp_path, module, text):
    """A path on which a module of ours comes first."""
    (tmp_path / f"{module}.py").write_text(text)
    return os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))


#: As sitecustomize: hides an installed package as if it were missing.
WITHOUT_CACHEBOX = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "cachebox" else find(name, *rest)
"""


@pytest.mark.parametrize(
    "words",
    [
        "memory", "disk hit", "disk first", "disk store", "processes", "import", "process hit", "large hit",
        "large mmap", "large store", "large argument", "large memory", "scale million", "scale evict", "scale clear",
    ],
)  # fmt: skip
def test_each_workload_finds_something_and_leaves_nothing_behind(tmp_path, words):
    place = tmp_path / "temporary"
    place.mkdir()
    assert rows(place, words)
    assert [path.name for path in place.iterdir()] == ["figures.json"]


def test_only_chooses_workloads_by_words_of_their_names(tmp_path):
    assert {row["work"].partition(",")[0] for row in rows(tmp_path, "scalar")} == {"memory hit"}


def test_words_that_no_workload_has_are_wrong_usage(tmp_path):
    ended = speed(tmp_path, "--only", "memroy")
    assert (ended.returncode, "no workload has that in its name" in ended.stderr) == (2, True)


def test_a_figure_has_its_quartiles_and_says_whether_its_target_is_met(tmp_path):
    found = {row["against"]: row for row in rows(tmp_path, "scalar")}["functools.lru_cache"]
    assert found["figure"]["low"] <= found["figure"]["median"] <= found["figure"]["high"]
    assert found["met"] is (found["figure"]["median"] <= found["goal"]["at_most"])


def test_a_peer_that_is_not_installed_is_said_to_be_missing(tmp_path):
    ended = speed(tmp_path, "--only", "scalar", PYTHONPATH=on_path(tmp_path, "sitecustomize", WITHOUT_CACHEBOX))
    assert re.search("cachebox +- +not installed", ended.stdout), ended.stderr
    assert "cachebox missing" in ended.stdout


def test_a_workload_that_fails_costs_no_other_figures(tmp_path):
    broken = on_path(tmp_path, "joblib", "raise RuntimeError('broken')")
    ended = speed(tmp_path, "--only", "disk hit", "scalar", PYTHONPATH=broken)
    assert (ended.returncode, "RuntimeError: broken" in ended.stderr) == (1, True)
    assert re.search("disk hit +- +FAILED", ended.stdout)
    assert "memory hit, scalar, copy=False  functools.lru_cache" in re.sub("  +", "  ", ended.stdout)


def test_the_table_replaces_what_stands_between_the_markers_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(MARKED)
    assert speed(tmp_path, "--only", "scalar", "--markdown", page).returncode == 0
    text = page.read_text()
    assert "| memory hit, scalar, copy=False | functools.lru_cache |" in text
    assert (text.startswith("before\n<!-- begin"), text.endswith("end: benchmarks/speed.py -->\nafter\n")) == (
        True,
        True,
    )
    assert "\nold\n" not in text


def test_a_page_without_markers_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n")
    assert speed(tmp_path, "--only", "scalar", "--markdown", page).returncode == 1
    assert page.read_text() == "text\n"


def test_the_profile_of_a_miss_names_what_is_called(tmp_path):
    ended = speed(tmp_path, "--profile", "miss")
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^<built-in method posix\.replace> +1\.0 ", ended.stdout, re.MULTILINE)


def test_the_profile_names_the_steps_of_a_hit(tmp_path):
    ended = speed(tmp_path, "--profile", "hit")
    assert ended.returncode == 0, ended.stderr
    steps = re.findall(r"^ *(\S.*?)  +\S+ [num]?s +\S+%$", ended.stdout, re.MULTILINE)
    expected = {"a hit on disk, plain way", "bind", "open and close", "read", "MAC", "unpickle", "rest"}
    assert {*expected, "a hit on disk, seen lately", "a hit in memory, plain way"} <= set(steps)
