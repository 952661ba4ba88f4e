"""docs/how-to/write-a-store.md: the store of the page has 30 lines or so, and passes the conformance suite."""

from helpers.pages import DOCS, blocks, run_page

PAGE = DOCS / "how-to" / "write-a-store.md"


def test_the_store_of_the_page_works_and_passes_the_suite_as_the_page_says(tmp_path):
    run_page(PAGE, tmp_path)


def test_the_store_is_as_short_as_the_title_says():
    (store,) = [block for block in blocks(PAGE.read_text()) if block.title == "sqlite_store.py"]
    code = [line for line in store.text.partition("class ")[2].splitlines() if line.strip()]
    assert len(code) <= 30
