"""The programs of docs/examples do what they say, and find everything at their second run.

clear_cache.py has tests of its own, in tests/test_examples.py.
"""

import os
import re
import subprocess
import sys

import pytest
from helpers.needed import need, need_installed
from helpers.pages import DOCS, ROOT

EXAMPLES = DOCS / "examples"


@pytest.fixture
def example(tmp_path):
    """Runs an example on a cache of this test's own, and returns what it printed."""

    def run(name, *arguments, needs=()):
        for module in needs:
            need(module)
        command = [sys.executable, str(EXAMPLES / name), str(tmp_path / "cache"), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MEMOPICKLE_CONFIG": os.devnull}
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    return run


def test_each_example_is_on_the_first_page_and_each_on_it_is_there():
    names = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".ipynb"}}
    assert set(re.findall(r"\(examples/([^)]+)\)", (DOCS / "index.md").read_text())) == names


def test_a_grid_search_fits_each_step_once(example):
    first = example("grid_search.py", needs=["sklearn"])
    second = example("grid_search.py")
    # A scaler and three projections in each of three folds, and one of each for all data.
    assert "18 combinations, 14 steps fitted" in first
    assert "18 combinations, 0 steps fitted" in second
    assert first.splitlines()[0] == second.splitlines()[0]


def test_a_pandas_pipeline_runs_its_steps_once(example):
    first = example("wine_table.py", needs=["sklearn", "pandas"]).splitlines()
    assert [line.split()[0] for line in first[:3]] == ["reading", "cleaning", "summarizing"]
    assert example("wine_table.py").splitlines() == first[3:]


def test_an_async_client_asks_once_and_serves_old_answers_while_the_server_is_down(example):
    assert example("weather_client.py").splitlines() == [
        "50 tasks: 8 degrees, 1 request",
        "after 10 minutes: 9 degrees, 2 requests",
        "server down, after an hour: 9 degrees, as before",
        "never asked before: ConnectionRefusedError, as without a cache",
        "after two days: ConnectionRefusedError",
    ]


def test_a_parallel_parse_parses_each_file_once(example, tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    for number in range(6):
        (folder / f"module{number}.py").write_text(f"x = {number // 2}\n")  # three different ones
    first = example("count_nodes.py", folder).splitlines()
    assert first[-1].startswith("6 files, 3 parsed")
    again = example("count_nodes.py", folder).splitlines()
    assert again[-1].startswith("6 files, 0 parsed")
    assert first[:-1] == again[:-1] != []


@pytest.mark.filterwarnings("ignore")  # of the kernel's own machinery
def test_a_notebook_computes_once_in_two_kernels(tmp_path):
    need_installed("sklearn", "ipykernel", "nbclient")
    first, second = executed(tmp_path), executed(tmp_path)
    assert "computing" in first
    assert "hits=0, misses=1" in first
    assert "computing" not in second
    assert "hits=1, misses=0" in second


def executed(folder):
    """Execute the notebook in a kernel of its own and return all that its cells put out."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(EXAMPLES / "digits.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return "\n".join(str(output) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
