"""The site builds without a warning, needs nothing from elsewhere, and finds what it is searched for."""

import html.parser
import importlib.util
import json
import os
import re
import subprocess
import sys
from urllib.parse import unquote, urlsplit

import pytest
from helpers.pages import DOCS, ROOT

NEEDED = ("mkdocs", "material", "mkdocstrings")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    for module in NEEDED:
        if importlib.util.find_spec(module) is None:
            (pytest.fail if os.environ.get("MEMOPICKLE_REQUIRE_TOOLS") == "1" else pytest.skip)(f"{module} is missing")
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
