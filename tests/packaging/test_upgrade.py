"""What the changelog says about upgrading, and that it is so."""

import json
import re

import pytest
from helpers import golden
from helpers.pages import ROOT
from helpers.programs import run

import memopickle
from memopickle import Cache, DirectoryStore, UnknownFormatError, signed
from memopickle.header import FORMAT
from tests.faults.tools import SECRET, outcome

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
OLDER = """
from memopickle import entry, header
header.FORMAT = entry.FORMAT = 1  # before anything else is imported: a program of the older version
"""


@pytest.fixture
def root(tmp_path):
    """A cache directory in which the older version stored two results, good for a moment only."""
    body = "repeated = cache.cached(ttl=1e-6)(repeated.__wrapped__)\nreport(repeated('a'), repeated('b'))"
    assert outcome(body, tmp_path / "cache", first=OLDER)["events"].count("Stored") == 2
    return tmp_path / "cache"


@pytest.fixture
def store(root):
    return DirectoryStore(root)


@pytest.fixture
def cache(store):
    return Cache(store, secret=SECRET)


@pytest.fixture
def old(store):
    """The keys of what the older version stored."""
    return set(store.keys())


# -- what is written --------------------------------------------------------------------------------------------------


def test_the_changelog_has_a_note_about_the_format_that_is_written():
    (note,) = re.findall(r"^### Upgrading: the entry format\n(.*?)(?=^#|\Z)", CHANGELOG, re.MULTILINE | re.DOTALL)
    assert f"[format {FORMAT}](docs/reference/entry-format.md)" in note


def test_the_page_about_the_format_has_every_format_and_the_version_that_came_with_it():
    page = (ROOT / "docs" / "reference" / "entry-format.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", page.partition("\n## Changes\n")[2], re.MULTILINE)
    assert [int(number) for number, _ in rows] == [*range(1, FORMAT + 1)]
    assert rows[-1][1] in (memopickle.__version__, *released())


def test_the_headings_of_the_changelog_are_versions_the_newest_first():
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "[Unreleased]" or memopickle.__version__ in headings[0]
    for heading in headings:
        assert heading == "[Unreleased]" or re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", heading)
    assert released() == sorted(
        released(), key=lambda version: [int(part) for part in version.split(".")], reverse=True
    )


def released():
    return re.findall(r"^## \[(\d[\d.]*)\]", CHANGELOG, re.MULTILINE)


# -- and is so --------------------------------------------------------------------------------------------------------


def test_each_version_computes_once_without_a_warning_and_goes_on_with_its_own_entries(tmp_path):
    body = "report(repeated('a'))"
    runs = [outcome(body, tmp_path / "cache", first=first) for first in (OLDER, "", OLDER, "")]
    assert [one["events"] for one in runs] == [["Miss", "Stored"], ["Miss", "Stored"], ["Hit"], ["Hit"]]
    assert [(one["values"], one["told"]) for one in runs] == [(["aaa"], [])] * 4


def test_what_removes_some_entries_leaves_those_that_it_cannot_read(cache, store, old):
    assert (cache.prune(), cache.clear(expired=True), cache.clear(older_than=0)) == (0, 0, 0)
    assert set(store.keys()) == old


def test_verify_lists_them_and_removes_none(root, store, old):
    program = """
        import sys
        from memopickle.cli import main
        sys.argv[1:] = ["verify", sys.argv[1], "--delete-bad", "--json"]
        sys.exit(0 if main() == 1 else "the exit code is not 1")
    """
    found = json.loads(run(program, root, MEMOPICKLE_SECRET=SECRET.replace(",", "")))
    reason = f"entry format 1; this version reads format {FORMAT}"
    assert [one["reason"] for one in found["bad"]] == [reason] * 2
    assert set(store.keys()) == old


def test_clearing_a_function_removes_them(root, store):
    assert outcome("repeated.cache_clear()\nreport()", root)["told"] == []
    assert list(store.keys()) == []


def test_clearing_the_cache_removes_them(cache, store):
    assert cache.clear() == 2
    assert list(store.keys()) == []


def test_a_limit_evicts_them(root, old):
    limited = DirectoryStore(root, max_entries=2)
    cached = Cache(limited, secret=SECRET).cached(lambda number: number)
    for number in range(6):
        cached(number)
    limited.close()
    left = set(limited.keys())
    assert left
    assert not left & old


@pytest.mark.parametrize("name", sorted(golden.entries(f"{golden.FOLDER}/1")))
def test_a_signed_value_is_never_one_of_format_1(name):
    folder = f"{golden.FOLDER}/1"
    with pytest.raises(UnknownFormatError, match="entry format 1"):
        signed.loads(golden.data(name, folder), secret=golden.entries(folder)[name]["secret"])
