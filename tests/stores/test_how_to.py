"""The pages docs/how-to/tiers.md and read-only.md: what their examples print is what they say."""

import pytest
from helpers.pages import DOCS, texts
from helpers.programs import run_examples

from memopickle import open_store


def blocks(page, language):
    return texts((DOCS / "how-to" / page).read_text(), language)


def run(page, folder):
    """Run all examples of a page as one program; return what it printed."""
    return run_examples(blocks(page, "python"), folder)[0]


@pytest.mark.parametrize("page", ["tiers.md", "read-only.md"])
def test_the_examples_print_what_the_page_says(page, tmp_path):
    assert run(page, tmp_path) == "".join(blocks(page, "text"))


def test_the_next_process_finds_the_result_on_the_disk(tmp_path):
    run("tiers.md", tmp_path)
    assert run("tiers.md", tmp_path) == blocks("tiers.md", "text")[0].split("\n", 1)[1]


def test_the_urls_are_good():
    (line,) = blocks("tiers.md", "console")
    assert len(open_store(line.split("'")[1]).tiers) == 3
