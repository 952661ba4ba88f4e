"""The page of ``memopickle report``: its figures, what it withstands, and how a real browser shows it."""

import html
import os
import re
import resource
import stat
import subprocess
import sys
import textwrap
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from cli.conftest import SECRET, named
from cli.test_operating import used
from helpers.needed import tool

from memopickle import Cache, DirectoryStore
from memopickle.cli.page.markup import element
from memopickle.config import ProjectsCache

__all__ = ["used"]  # a fixture

RUN = "document.documentElement.dataset.ran=1"
HOSTILE = f"</code></title><script>{RUN}</script><img src=x onerror={RUN}>\x1b\u202e"


class Page(HTMLParser):
    """A page as a tree of no more than is asked for: elements with their attributes, and the text of each cell."""

    VOID = ("meta", "wbr")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.cells, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in self.VOID:
            self.open.append((tag, attributes))
        if tag in ("th", "td"):
            self.cells.append([self._within("section"), tag, attributes.get("data-title"), None, ""])
        if tag in ("data", "time") and any(name in ("th", "td") for name, _ in self.open):
            self.cells[-1][3] = attributes.get("value", attributes.get("datetime"))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.text += data
        if any(name in ("th", "td") for name, _ in self.open):
            self.cells[-1][4] += data

    def _within(self, tag):
        return next((attributes.get("id") for name, attributes in reversed(self.open) if name == tag), None)

    def rows(self, section):
        """The rows of the table in a section: by title, the exact value, or the text where there is none."""
        found = []
        for within, tag, title, value, text in self.cells:
            if within == section and tag == "th" and title is None:
                found.append({"": text})
            elif within == section:
                found[-1][title] = text if value is None else value
        return [row for row in found if len(row) > 1]

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(cli, path, tmp_path):
    """Make a page of the cache and return its text."""

    def make(*options):
        done = cli("report", tmp_path / "page.html", path, *options)
        assert (done.code, done.err) == (0, "")
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return make


@pytest.fixture
def hostile(settings, store):
    """A cache with functions of names that would run, stretch or turn round a page."""
    for name in (HOSTILE, "x" * 280, "a" * 100 + ".b_c" * 40):
        cached = Cache(store, secret=SECRET).cached(named("m", name))
        for day in (1, 1, 2):
            cached(day)
    Cache(store, secret=SECRET).stats()
    return store


def assert_tells(page, rows):
    told = {row[""]: row for row in page.rows("everything")}
    assert set(told) == {row.function for row in rows}
    for row in rows:
        seen = told[row.function]
        assert [int(seen[title]) for title in ("Entries", "Bytes", "Hits", "Misses")] == [
            row.entries,
            row.bytes,
            row.hits,
            row.misses,
        ]
        assert float(seen["Hit rate"]) == row.hit_rate
        assert float(seen["Time saved"]) == row.saved
        assert seen["Misses by reason"] == ", ".join(f"{reason} {count}" for reason, count in row.reasons.items())


# -- figures -----------------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_stats(page, used, filled):
    assert_tells(Page(page()), ProjectsCache(filled).stats())


def test_each_chart_has_the_figure_of_each_function(page, used):
    (row,) = ProjectsCache(used).stats()
    made = Page(page())
    assert [float(one["Hit rate"]) for one in made.rows("rates")] == [row.hit_rate]
    assert [float(one["Time saved"]) for one in made.rows("saved")] == [row.saved]
    assert [int(one["Bytes"]) for one in made.rows("bytes")] == [row.bytes]
    assert [(one[""], int(one["Misses"])) for one in made.rows("reasons")] == [("absent", 2)]


def test_a_bar_is_as_long_as_its_figure(page, used):
    drawn = [attributes["width"] for attributes in Page(page()).named("rect") if attributes["class"] == "fill"]
    assert drawn[0] == "66.7%"  # of the hit rate, 4 of 6


def test_ages_are_those_of_the_heads(page, filled):
    ages = {row[""]: int(row["Entries"]) for row in Page(page()).rows("ages")}
    assert {span: count for span, count in ages.items() if count} == {"under 1 h": 6, "7 d to 14 d": 6}


def test_ages_follow_what_was_stored_and_not_the_file(page, filled):
    for key in list(filled.keys()):
        os.utime(filled.place(key), (0, 0))
    assert "over 1 y" not in {row[""] for row in Page(page()).rows("ages") if int(row["Entries"])}


def test_it_says_how_many_are_expired(page, filled):
    assert "2 entries have outlived the ttl" in Page(page()).text


def test_one_namespace_alone(cli, page, store):
    for namespace in ("billing", "shipping"):
        Cache(store, namespace=namespace, secret=SECRET).cached(named(namespace, "rate"))(1)
    made = Page(page("--namespace", "billing"))
    assert [row[""] for row in made.rows("everything")] == ["billing:rate"]
    assert "namespace billing" in made.text


def test_charts_of_many_functions_say_what_they_leave_out(page, settings, store):
    for number in range(23):
        Cache(store, secret=SECRET).cached(named("m", f"f{number}"))(1)
    made = Page(page())
    assert (len(made.rows("bytes")), len(made.rows("everything"))) == (20, 23)
    assert "3 more functions in the table below" in made.text


def test_no_payload_is_read(page, filled, monkeypatch):
    monkeypatch.setattr(DirectoryStore, "get", lambda self, key: pytest.fail("the whole entry was read"))
    assert page()


# -- what it is of -----------------------------------------------------------------------------------------------------


def test_an_empty_cache(cli, store, path, tmp_path):
    store.open()
    done = cli("report", tmp_path / "page.html", path)
    assert (done.code, done.err) == (0, f"No entries in {path}.\n")
    assert "Nothing is stored here" in Page((tmp_path / "page.html").read_text()).text


def test_a_missing_cache_makes_no_page(cli, tmp_path):
    done = cli("report", tmp_path / "page.html", tmp_path / "nowhere")
    assert (done.code, done.out) == (1, "")
    assert "there is no cache at" in done.err
    assert list(tmp_path.glob("*.html")) == []


def test_damaged_entries_are_told_of(cli, damaged, path, tmp_path):
    done = cli("report", tmp_path / "page.html", path)
    assert (done.code, done.err) == (0, "2 entries could not be read: 'memopickle verify' says why.\n")
    assert "2 entries could not be read" in Page((tmp_path / "page.html").read_text()).text


def test_a_cache_in_use(page, filled, path):
    program = """
        import itertools, sys
        from memopickle import Cache, DirectoryStore
        cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32)
        cached = cache.cached(lambda x: [x])
        print(flush=True)
        for number in itertools.count():
            cached(number % 50)
            if number % 50 == 0:
                cache.clear()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    try:
        for writer in writers:
            writer.stdout.readline()
        assert {"billing.rates:rate", "shipping:price"} <= {row[""] for row in Page(page()).rows("everything")}
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_dash_is_standard_output(cli, filled, path):
    done = cli("report", "-", path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("<!DOCTYPE html>")
    assert done.out.endswith("</html>\n")


def test_a_page_of_ours_is_replaced(cli, filled, path, tmp_path):
    cli("report", tmp_path / "page.html", path)
    before = (tmp_path / "page.html").stat()
    assert cli("report", tmp_path / "page.html", path).code == 0
    assert (tmp_path / "page.html").stat().st_ino != before.st_ino


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><title>mine</title>", b"\xff\x00"])
def test_another_file_is_not_overwritten(cli, filled, path, tmp_path, content):
    (tmp_path / "mine.html").write_bytes(content)
    done = cli("report", tmp_path / "mine.html", path)
    assert (done.code, done.out) == (2, "")
    assert "--force overwrites it" in done.err
    assert (tmp_path / "mine.html").read_bytes() == content


def test_another_file_is_overwritten_if_told_so(cli, filled, path, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    assert cli("report", tmp_path / "mine.html", path, "--force").code == 0
    assert (tmp_path / "mine.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.symlink_to(path.parent / "other"), "not a regular file"),
        (lambda path: os.mkfifo(path), "not a regular file"),
    ],
    ids=["directory", "link", "pipe"],
)
def test_what_is_no_file_stays(cli, filled, path, tmp_path, make, said):
    target = tmp_path / "page.html"
    make(target)
    before = target.lstat()
    done = cli("report", target, path, "--force")
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert target.lstat() == before


def test_a_missing_folder_is_named(cli, filled, path, tmp_path):
    done = cli("report", tmp_path / "none" / "page.html", path)
    assert done.code == 2
    assert "is not a directory" in " ".join(done.err.split())


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_has_what_the_umask_leaves(cli, filled, path, tmp_path, umask, mode):
    old = os.umask(umask)
    try:
        cli("report", tmp_path / "page.html", path)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == mode


def test_a_page_that_is_replaced_keeps_its_mode(cli, filled, path, tmp_path):
    cli("report", tmp_path / "page.html", path)
    (tmp_path / "page.html").chmod(0o640)
    cli("report", tmp_path / "page.html", path)
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o640


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_nothing_else(cli, filled, path, tmp_path):
    target = tmp_path / "pages" / "page.html"
    target.parent.mkdir()
    cli("report", target, path)
    before = target.read_bytes()
    command = [sys.executable, "-m", "memopickle", "report", str(target), str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )  # fmt: skip
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert [(one.name, one.read_bytes()) for one in target.parent.iterdir()] == [("page.html", before)]


@pytest.fixture
def snippets(settings, filled, path, tmp_path):
    """Return what docs/how-to/report.md has a shell do, with this test's places; ``memopickle`` is at hand."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "memopickle").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m memopickle "$@"\n')
    (tmp_path / "bin" / "memopickle").chmod(0o755)
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "report.md").read_text()
    found = re.findall(r"^```(sh|crontab)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    text = "".join(script.split("*  ")[-1] for _, script in found)
    return text.replace("/var/cache/app", str(path)).replace("/srv/www", str(tmp_path)).splitlines()


def test_what_the_page_about_it_shows_works(snippets, tmp_path):
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    assert len(snippets) == 4
    for script in snippets:
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), script
    assert {one.name for one in tmp_path.glob("cache.*")} == {"cache.html", "cache.html.gz"}


# -- the page, as text -------------------------------------------------------------------------------------------------


def test_names_stay_text(page, hostile):
    made = Page(page())
    assert made.named("script") == made.named("img") == []
    shown = next(row[""] for row in made.rows("everything") if "script" in row[""])
    assert shown == "m:" + HOSTILE.replace("\x1b\u202e", "\\x1b\\u202e")


@pytest.mark.parametrize("text", ['"><b>', "'", "&lt;", "\x00", "\ud800", "\u2028"])
def test_whatever_is_given_is_escaped(text):
    made = Page(element("p", text, title=text))
    assert [name for name, _ in made.elements] == ["p"]
    assert made.text == made.named("p")[0]["title"]
    assert made.text.isprintable()


def test_the_page_needs_no_other(page, filled):
    text = page()
    assert re.findall(r"https?:|\bsrc=|\bhref=|url\(|@import|\bstyle=", text) == []


def test_what_labels_something_is_there_once(page, used):
    made = Page(page())
    ids = [attributes["id"] for _, attributes in made.elements if "id" in attributes]
    wanted = [
        attributes[name]
        for _, attributes in made.elements
        for name in attributes
        if name.startswith("aria-") and name.endswith("by")
    ]
    assert len(ids) == len(set(ids))
    assert set(wanted) <= set(ids)
    assert all("aria-labelledby" in attributes for attributes in made.named("table"))


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


SCHEMES = [
    dict(re.findall(r"--(\w+): (#\w{6});", block))
    for block in re.findall(
        r":root \{(.*?)\}", files("memopickle.cli.page").joinpath("style.css").read_text(), re.DOTALL
    )
]


@pytest.mark.parametrize("colours", SCHEMES, ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [("text", "page", 4.5), ("quiet", "page", 4.5), ("fill", "page", 3), ("fill", "track", 3)],
)
def test_contrast_is_enough(colours, front, back, least):
    """By WCAG 2.2, level AA: text 1.4.3, graphics 1.4.11."""
    assert contrast(colours[front], colours[back]) >= least


# -- the page, in a browser --------------------------------------------------------------------------------------------

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture
def browse(tmp_path):
    """Open a page in Chromium and return what it has become there."""

    def open_page(text, *flags):
        (tmp_path / "seen.html").write_text(text, encoding="utf-8")
        command = [tool("chromium"), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, "--dump-dom"]
        done = subprocess.run(
            [*command, (tmp_path / "seen.html").as_uri()], env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout.decode()

    return open_page


@pytest.fixture
def measure(browse):
    """Show a page in a frame of a width, untouched, and return what a script outside of it finds."""

    def find(text, expression, width, *flags):
        outside = f"""<!DOCTYPE html><meta name="color-scheme" content="light dark">
        <iframe width="{width}" height="9000" style="border:0" srcdoc="{html.escape(text)}"></iframe>
        <script>onload = () => {{
            const page = document.querySelector("iframe").contentDocument, root = page.documentElement
            document.documentElement.dataset.found = {expression}
        }}</script>"""
        return html.unescape(re.search(r'<html data-found="(.*?)"', browse(outside, *flags))[1])

    return find


OVERFLOW = "[root.clientWidth, root.scrollWidth]"


def test_a_browser_finds_the_figures_of_stats(page, browse, used, filled):
    assert_tells(Page(re.sub(r"<(meta|wbr)([^>]*)>", r"<\1\2>", browse(page()))), ProjectsCache(filled).stats())


@pytest.mark.parametrize("width", [320, 360, 700, 800, 1200])
def test_a_browser_need_not_scroll_sideways(page, measure, hostile, width):
    assert measure(page(), OVERFLOW, width) == f"{width},{width}"


def test_a_browser_would_tell_of_what_is_too_wide(page, measure, filled):
    text = page().replace("<h1>", f"<pre>{'x' * 200}</pre><h1>")
    assert int(measure(text, OVERFLOW, 360).split(",")[1]) > 360


def without_policy(text):
    return re.sub("<meta http-equiv=.*?>", "", text, count=1)


def ran(shown):
    return "data-ran" in re.search("<html.*?>", shown)[0]


def test_a_browser_runs_nothing_of_a_hostile_name(page, browse, hostile):
    assert not ran(browse(without_policy(page())))


def test_a_browser_would_not_run_a_script_either(page, browse, filled):
    script = f"<script>{RUN}</script>"
    planted = page().replace("<main>", f"<main>{script}")
    assert not ran(browse(planted))
    assert ran(browse(without_policy(planted)))


@pytest.mark.parametrize(
    ("flags", "scheme"), [([], 0), (["--blink-settings=preferredColorScheme=0"], 1)], ids=["light", "dark"]
)
def test_a_browser_shows_it_light_or_dark(page, measure, filled, flags, scheme):
    colour = SCHEMES[scheme]["page"]
    wanted = ", ".join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))
    assert measure(page(), "getComputedStyle(page.body).backgroundColor", 360, *flags) == f"rgb({wanted})"
