"""docs/how-to/clear.md, its part about clearing by hand; tests/cli/test_pages.py runs the others."""

from helpers.pages import DOCS, run_page

PAGE = DOCS / "how-to" / "clear.md"


def test_clearing_by_hand_prints_what_the_page_shows(tmp_path):
    part = tmp_path / "page.md"
    part.write_text(PAGE.read_text(encoding="utf-8").partition("## By cron")[0])
    run_page(part, tmp_path)
