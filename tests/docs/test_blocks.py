"""Every Python and shell block of the pages runs, or says why it does not."""

import ast

import pytest
from helpers.needed import need_installed
from helpers.pages import DOCS, ROOT, blocks, pages, run_page, same_output

#: What runs; blocks of other languages are shown only.
RUNNABLE = {"python", "console", "bash", "sh", "shell", "pycon"}

#: Pages whose blocks a test of their own runs, which knows what must come of it.
ELSEWHERE = {
    "README.md": "tests/test_readme.py",
    "docs/how-to/clear.md": "tests/cli/test_pages.py",
    "docs/how-to/coming-from-cachetools.md": "tests/test_dropins.py",
    "docs/how-to/coming-from-cachier.md": "tests/test_dropins.py",
    "docs/how-to/coming-from-diskcache.md": "tests/test_dropins.py",
    "docs/how-to/coming-from-functools.md": "tests/test_dropins.py",
    "docs/how-to/coming-from-joblib.md": "tests/test_dropins.py",
    "docs/how-to/metrics.md": "tests/test_metrics_page.py",
    "docs/how-to/operate.md": "tests/cli/test_pages.py",
    "docs/how-to/read-only.md": "tests/stores/test_how_to.py",
    "docs/how-to/report.md": "tests/cli/test_report.py",
    "docs/explanation/serializers.md": "tests/serializers/test_pages.py",
    "docs/how-to/scikit-learn.md": "tests/test_sklearn.py",
    "docs/how-to/signed-values.md": "tests/snapshots/test_pages.py",
    "docs/how-to/snapshots.md": "tests/snapshots/test_pages.py",
    "docs/how-to/test-code-that-caches.md": "tests/test_pytest_plugin.py",
    "docs/how-to/tiers.md": "tests/stores/test_how_to.py",
    "docs/how-to/unpicklable.md": "tests/serializers/test_pages.py",
    "docs/how-to/write-a-store.md": "tests/docs/test_write_a_store.py",
}

#: What a page needs that not every machine has.
NEEDS = {"docs/how-to/pandas.md": ["pandas", "pyarrow"], "docs/how-to/notebooks.md": ["IPython"]}


def name_of(page):
    return str(page.relative_to(ROOT))


#: Those of the command line are written by docs/refresh.py, and tests/cli/test_pages.py checks them.
GENERATED = DOCS / "reference" / "command-line"
RUN_HERE = [
    page
    for page in pages()
    if name_of(page) not in ELSEWHERE
    and GENERATED not in page.parents
    and any(block.language in RUNNABLE and block.reason is None for block in blocks(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("page", RUN_HERE, ids=name_of)
def test_what_a_page_shows_runs(page, tmp_path):
    need_installed(*NEEDS.get(name_of(page), ()))
    run_page(page, tmp_path)


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items())
def test_what_runs_elsewhere_is_named_there(page, test):
    name = page.rpartition("/")[2].removesuffix(".md").removeprefix("coming-from-")
    assert name in (ROOT / test).read_text()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_what_does_not_run_is_python_all_the_same(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python":
            ast.parse(block.text)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "b\n", False),
        ("a\n", "a\nb\n", False),
        ("a ... c", "a b c", True),
        ("a ... c", "a b d", False),
        ("0.25 s", "1.75 s", True),
        ("25 s", "75 s", False),
        ("", "a", False),
    ],
)
def test_output_is_compared(shown, printed, same):
    assert bool(same_output(shown, printed)) is same


@pytest.mark.parametrize(
    "wrong",
    [
        "```python\nraise SystemExit(1)\n```\n",
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
        "```console\n$ echo 1\n2\n```\n",
        "```bash\nfalse\n```\n",
    ],
)
def test_a_page_that_is_wrong_is_noticed(wrong, tmp_path):
    (tmp_path / "page.md").write_text(wrong)
    with pytest.raises(AssertionError):
        run_page(tmp_path / "page.md", tmp_path)


def test_a_reason_lets_a_block_be(tmp_path):
    (tmp_path / "page.md").write_text("<!-- not run: needs a server -->\n```bash\nfalse\n```\n")
    run_page(tmp_path / "page.md", tmp_path)
