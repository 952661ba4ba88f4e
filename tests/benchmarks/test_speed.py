"""benchmarks/speed.py runs, with sizes so small that its figures mean nothing."""

import json
import os
import re
from xml.etree import ElementTree

import pytest
from helpers.benchmarks import COMPARISON, PICTURES, block, run, table

PAGE = COMPARISON.with_name("performance.md")
BESIDE = "benchmarks/speed.py, beside each other"
#: What that table needs, and the charts.
BESIDE_WORDS = ["memory scalar", "disk hit", "disk store", "async", "large hit", "process hit"]
MARKED = """before
<!-- begin: benchmarks/speed.py --only async -->
old
<!-- end: benchmarks/speed.py --only async -->
<!-- begin: benchmarks/speed.py --only disk -->
old
<!-- end: benchmarks/speed.py --only disk -->
after
"""


def speed(tmp_path, *arguments, **environment):
    """Run the command and return how it ended."""
    return run("speed.py", tmp_path, "--quick", *arguments, **environment)


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
        "memory", "disk hit", "disk first", "disk store", "async", "large hit", "large mmap", "large store",
        "large argument", "large memory", "process readers", "process import", "process hit", "scale million",
        "scale evict", "scale clear",
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
    found = next(row for row in rows(tmp_path, "scalar") if row["against"] == "functools.lru_cache")
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


def test_the_tables_that_were_run_as_a_whole_replace_what_stands_between_the_markers_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(MARKED)
    assert speed(tmp_path, "--only", "async", "disk hit", "--markdown", page).returncode == 0
    assert list(table(block(page, "benchmarks/speed.py --only async"))[1]) == [
        "async memory hit, small",
        "async disk hit, small",
    ]
    assert block(page, "benchmarks/speed.py --only disk") == "\nold\n"
    text = page.read_text()
    assert (text.partition("<!--")[0], text.rpartition("-->")[2]) == ("before\n", "\nafter\n")


def test_the_libraries_are_put_beside_each_other_and_drawn(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"<!-- begin: {BESIDE} -->\n<!-- end: {BESIDE} -->\n")
    ended = speed(tmp_path, "--rounds", 1, "--only", *BESIDE_WORDS, "--markdown", page, "--charts", tmp_path)
    assert ended.returncode == 0, ended.stderr
    heading, rows = table(block(page, BESIDE))
    assert (heading, list(rows)) == (table(block(COMPARISON, BESIDE))[0], list(table(block(COMPARISON, BESIDE))[1]))
    assert {path.name for path in tmp_path.glob("*.svg")} == {path.name for path in PICTURES.glob("speed-*.svg")}


def test_a_page_without_markers_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n")
    assert speed(tmp_path, "--only", "async", "--markdown", page).returncode == 1
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


@pytest.mark.parametrize("group", ["memory", "disk", "async", "large", "process"])
def test_the_page_has_a_figure_in_each_row_and_a_table_for_each_group(group):
    heading, rows = table(block(PAGE, f"benchmarks/speed.py --only {group}"))
    assert heading == ["work", "compared with", "figure", "quartiles", "target", ""]
    assert all(re.match(r"[\d.]", cells[1]) for cells in rows.values())


@pytest.mark.parametrize("name", ["speed-memory", "speed-disk", "speed-store", "speed-large"])
def test_a_chart_of_the_pages_shows_what_their_table_does(name):
    said = ElementTree.fromstring((PICTURES / f"{name}.svg").read_text()).findtext("{http://www.w3.org/2000/svg}desc")
    rows = table(block(COMPARISON, BESIDE))[1]
    column = {"speed-memory": 0, "speed-disk": 2, "speed-store": 4, "speed-large": 5}[name]
    drawn = dict(re.findall(r"(?:: |; )([^;:]+?) ([\d.e+]+)x, ", said))
    shown = {row: cells[column].partition(":")[0] for row, cells in rows.items() if cells[column]}
    assert "memopickle" in shown
    assert shown.items() <= drawn.items()
