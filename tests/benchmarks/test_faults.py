"""benchmarks/faults.py runs, and the page has its table."""

import re
from xml.etree import ElementTree

import pytest
from helpers.benchmarks import COMPARISON, PICTURES, block, run, table

COMMAND = "benchmarks/faults.py"
TRIALS = {
    "flipped": 400, "cut": 60, "swapped": 10, "planted": 6, "killed, storing": 20, "killed, computing": 4,
}  # fmt: skip
LIBRARIES = [
    "joblib", "diskcache", "cachier", "checkpointer", "dogpile.cache", "cashews", "cashews, secret=", "shelve by hand",
    "memopickle",
]  # fmt: skip


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A few trials of two libraries: the page and the picture that come of them."""
    folder = tmp_path_factory.mktemp("few")
    page, picture = folder / "page.md", folder / "picture.svg"
    arguments = "--scale", 0.01, "--only", "checkpointer", "memopickle", "--markdown", page, "--chart", picture
    ended = run("faults.py", folder, *arguments)
    assert ended.returncode == 0, ended.stderr
    return page, picture


def test_a_few_trials_tell_a_library_that_unpickles_anything_from_this_one(few):
    heading, rows = table(few[0].read_text())
    assert heading == ["library", *TRIALS]
    assert rows["checkpointer"][heading.index("planted") - 1] == "executed 6"
    assert all(re.fullmatch(r"right \d+", cell) for cell in rows["memopickle"])


def test_the_picture_has_a_bar_for_each_library_and_fault_and_says_in_words_what_it_shows(few):
    picture = ElementTree.fromstring(few[1].read_text())
    space = "{http://www.w3.org/2000/svg}"
    bars = [bar for bar in picture.iter(f"{space}rect") if bar.get("height") == "18"]
    assert len(bars) >= 2 * len(TRIALS)
    assert "checkpointer: flipped" in picture.findtext(f"{space}desc")
    assert picture.get("aria-labelledby") == "t d"


def test_the_page_shows_all_trials_of_all_libraries():
    heading, rows = table(block(COMPARISON, COMMAND))
    assert heading == ["library", *TRIALS]
    assert list(rows) == LIBRARIES
    for cells in rows.values():
        assert [sum(map(int, re.findall(r"\d+", cell))) for cell in cells] == list(TRIALS.values())


def test_the_picture_of_the_page_shows_what_its_table_does():
    picture = ElementTree.fromstring((PICTURES / "faults.svg").read_text())
    said = picture.findtext("{http://www.w3.org/2000/svg}desc")
    heading, rows = table(block(COMPARISON, COMMAND))
    for name, cells in rows.items():
        parts = [f"{fault} {cell}" for fault, cell in zip(heading[1:], cells, strict=True)]
        assert f"{name}: {', '.join(parts)}" in said
