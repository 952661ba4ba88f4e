"""benchmarks/features.py runs; what the page says of this library is so."""

import pytest
from helpers.benchmarks import COMPARISON, block, run, table

COMMAND = "benchmarks/features.py"
LIBRARIES = [
    "functools", "cachetools", "cachebox", "joblib", "diskcache", "cachier", "checkpointer", "dogpile.cache", "cashews",
    "memopickle",
]  # fmt: skip


@pytest.fixture(scope="module")
def page():
    """The table of the page."""
    return table(block(COMPARISON, COMMAND))


def test_what_the_page_says_of_memopickle_is_what_it_does(tmp_path, page):
    ended = run("features.py", tmp_path, "--only", "memopickle")
    _, found = table(ended.stdout)
    assert found == {case: cells[-1:] for case, cells in page[1].items()}, ended.stderr


def test_the_page_has_a_column_for_each_library_and_an_answer_in_each_cell(page):
    heading, rows = page
    assert heading == ["case", *LIBRARIES]
    assert all(len(cells) == len(LIBRARIES) and all(cells) for cells in rows.values())


def test_a_case_can_be_tried_alone(tmp_path):
    ended = run("features.py", tmp_path, "--only", "functools", "--questions", "types", "lists")
    assert list(table(ended.stdout)[1].values()) == [["wrong"], ["raises"]], ended.stderr
    assert "lists: TypeError" in ended.stderr
