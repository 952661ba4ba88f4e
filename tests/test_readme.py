"""The README runs as printed, is read in two minutes, and its links lead somewhere; so do those of the other pages."""

import re

import pytest
from helpers.pages import DOCS, ROOT, pages, run_page, texts

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROMISES = (DOCS / "explanation" / "promises.md").read_text(encoding="utf-8")


def test_the_quickstart_prints_what_it_shows(tmp_path):
    run_page(ROOT / "README.md", tmp_path)
    assert (tmp_path / ".cache" / "CACHEDIR.TAG").exists()


def test_the_second_call_of_the_example_is_a_hit_and_clearing_forgets_it(tmp_path):
    more = "print(total.cache_info()[:2])\ntotal('2026-11')\nprint(len([*cache.entries()]))\n"
    program = texts(README, "python")[1].replace("total.cache_inv", more + "total.cache_inv")
    program = (
        program.replace("cache.clear", "print(len([*cache.entries()]))\ncache.clear") + "print(len([*cache.entries()]))"
    )
    page = tmp_path / "page.md"
    page.write_text(f"```python\n{program}\n```\n\n```text\n(1, 1)\n2\n1\n0\n```\n")
    run_page(page, tmp_path)


def test_both_commands_are_there_once_each():
    commands = [command.strip() for command in texts(README, "console")]
    assert [re.search(r"\[(\w+)\]", command)[1] for command in commands] == ["cli", "dev"]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)


def test_it_is_read_in_two_minutes():
    assert len(re.sub(r"\]\([^)]*\)", "", README).split()) <= 650


def test_its_first_paragraph_has_five_lines_and_a_picture_follows():
    _, first, picture, *_ = README.split("\n\n")
    assert len(first.splitlines()) == 5
    assert re.fullmatch(r"!\[[^\]]+\]\(docs/pictures/\w+\.svg\)", picture)


@pytest.mark.parametrize("picture", sorted((DOCS / "pictures").glob("*.svg")), ids=lambda path: path.name)
def test_pictures_bring_their_own_background_in_light_and_dark(picture):
    text = picture.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert len(set(re.findall(r"\.back {{? ?fill: (#\w+)", text))) == 2
    assert re.search(r'<rect[^>]*class="back"', text)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_commands_that_show_the_promises_name_files_that_exist():
    commands = re.findall(r"`\.venv/bin/(?:pytest|python) ([\w/.]+)`", PROMISES)
    assert len(commands) >= 10
    assert [path for path in commands if not (ROOT / path).exists()] == []


def test_every_parameter_of_cached_is_documented():
    from memopickle import cached
    from memopickle.options import OptionValues

    for name in OptionValues.__annotations__:
        assert re.search(rf"^\s+{name}: ", cached.__doc__, re.MULTILINE), name


def test_every_option_and_member_is_on_the_page_that_shows_them_at_a_glance():
    from memopickle import CachedFunction
    from memopickle.options import OptionValues

    page = (DOCS / "how-to" / "index.md").read_text(encoding="utf-8")
    members = {name for name in vars(CachedFunction) if name.startswith("cache_")}
    assert sorted(name for name in {*OptionValues.__annotations__, *members} if name not in page) == []
