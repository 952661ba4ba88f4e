"""The pages about snapshots, signed values and formats: their examples print what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.needed import need
from helpers.programs import run_examples

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "how-to" / "snapshots.md", DOCS / "how-to" / "signed-values.md"]
FORMATS = DOCS / "explanation" / "choosing-a-format.md"


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def run(page, folder):
    return run_examples(blocks(page, "python"), folder)[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_print_what_the_page_says(page, tmp_path):
    assert run(page, tmp_path) == "".join(blocks(page, "text"))


@pytest.mark.parametrize("page", [*PAGES, FORMATS], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_table_of_formats_has_all_of_them():
    text = FORMATS.read_text()
    for form in [f"pickle {protocol}" for protocol in range(6)] + ["json", "msgpack", "cloudpickle", "dill", "joblib"]:
        assert f"| {form} | " in text


@pytest.mark.parametrize(
    "words", [["formats.py", "--rounds", "1"], ["snapshots.py", "--rounds", "1", "--megabytes", "1"]]
)
def test_the_benchmarks_run(words):
    for package in ("numpy", "sklearn", "joblib"):
        need(package)
    script = DOCS.parent / "benchmarks" / words[0]
    ended = subprocess.run(
        [sys.executable, str(script), *words[1:]], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "signed" in ended.stdout
