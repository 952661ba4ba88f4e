"""The site builds without a warning, needs nothing from elsewhere, and finds what it is searched for."""

import html.parser
import json
import os
import re
import subprocess
import sys
from urllib.parse import unquote, urlsplit

import pytest
from helpers.needed import need_installed
from helpers.pages import DOCS, ROOT
from helpers.pages import pages as sources

NEEDED = ("mkdocs", "material", "mkdocstrings")

#: All that the pages link to elsewhere: no test asks whether it is still there, so add one only after a look.
LOOKED_AT = {"https://keepachangelog.com/en/1.1.0/", "https://semver.org/"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    need_installed(*NEEDED)
    folder = tmp_path_factory.mktemp("site")
    # Without a way out: a build that fetches fonts or scripts fails here.
    environment = {
        **os.environ,
        "NO_MKDOCS_2_WARNING": "1",
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    # Not --quiet, with which warnings are not counted.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    return folder


class Page(html.parser.HTMLParser):
    """What a page loads and links to, and the places in it that can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.anchors = set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors.add(given.get("id"))
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        if tag in {"script", "img", "iframe"} and given.get("src"):
            self.loads.add(given["src"])
        if tag == "link" and given.get("rel") not in {"canonical", "prev", "next"}:
            self.loads.add(given["href"])


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_each_page_is_there(site, pages):
    sources = {str(path.relative_to(DOCS).with_suffix(".html")) for path in DOCS.rglob("*.md")}
    assert {str(path.relative_to(site)) for path in pages} >= sources


def test_no_page_loads_anything_from_elsewhere(pages):
    assert {url for page in pages.values() for url in page.loads if urlsplit(url).netloc} == set()


def test_all_links_and_loads_within_the_site_lead_somewhere(site, pages):
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # shown at any address: its links begin with /
        for url in page.loads | page.links:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors
            ):
                broken.append((str(path.relative_to(site)), url))
    assert broken == []


def test_links_that_leave_the_site_are_those_that_somebody_looked_at(pages):
    leaving = {url for page in pages.values() for url in page.links if urlsplit(url).netloc}
    written = {url for page in sources() for url in re.findall(r"\]\((\w+:[^)]+)\)", page.read_text(encoding="utf-8"))}
    assert leaving | written == LOOKED_AT
    assert all(re.fullmatch(r"https://[\w-]+(\.[\w-]+)+/\S*", url) for url in LOOKED_AT)


def test_the_index_of_the_search_has_every_page(site, pages):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    known = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {str(path.relative_to(site)) for path in pages} - known <= {"404.html"}


def test_every_picture_says_what_it_shows(site):
    silent = [
        (str(path.relative_to(site)), tag)
        for path in site.rglob("*.html")
        for tag in re.findall(r"<img[^>]*>", path.read_text(encoding="utf-8"))
        if not re.search(r'alt="[^"]{20,}"', tag)
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("stampede", "reference/glossary.html"),
        ("scikit-learn", "how-to/scikit-learn.html"),
        ("stale_if_error", "reference/api/cached.html"),
        ("rotate", "how-to/rotate-secrets.html"),
    ],
)
def test_the_index_of_the_search_knows(site, words, page):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"].partition("#")[0] for entry in index["docs"] if words in entry["title"] + entry["text"]}
    assert page in found


def test_every_public_name_is_in_the_reference(site):
    import memopickle

    text = "".join(path.read_text(encoding="utf-8") for path in (site / "reference" / "api").glob("*.html"))
    anchors = set(re.findall(r'id="(memopickle[\w.]*)"', text))
    names = {anchor.rpartition(".")[2] for anchor in anchors}
    assert sorted(set(memopickle.__all__) - names) == []


def test_every_option_of_cached_is_in_the_reference(site):
    from memopickle.options import OptionValues

    text = re.sub(r"<[^>]+>", "", (site / "reference" / "api" / "cached.html").read_text(encoding="utf-8"))
    assert [name for name in OptionValues.__annotations__ if name not in text] == []
