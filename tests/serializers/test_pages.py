"""docs/how-to/unpicklable.md and docs/explanation/serializers.md: their programs run, and print what they say."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from helpers.needed import need
from helpers.programs import run_examples

from memopickle.unstorable import PAGE

ROOT = Path(__file__).parents[2]
HOW_TO = (ROOT / PAGE).read_text()
EXPLANATION = (ROOT / "docs" / "explanation" / "serializers.md").read_text()


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def run(page, folder):
    """Run all examples of a page as one program; return what it printed, and what it warned of."""
    return run_examples(blocks(page, "python"), folder)


def test_the_how_to_prints_and_warns_as_it_says(tmp_path):
    assert run(HOW_TO, tmp_path) == ("".join(blocks(HOW_TO, "text")), "".join(blocks(HOW_TO, "console")))


def test_the_next_program_finds_what_the_how_to_stored(tmp_path):
    run(HOW_TO, tmp_path)
    printed, _ = run(HOW_TO, tmp_path)
    assert re.findall(r"^(counts|measures|looks|asks)", printed, re.MULTILINE) == []


def test_the_explanation_prints_what_it_says(tmp_path):
    assert run(EXPLANATION, tmp_path) == (blocks(EXPLANATION, "text")[1], "")


@pytest.fixture
def benchmark():
    for package in ("cloudpickle", "dill", "msgpack", "numpy"):
        need(package)
    spec = importlib.util.spec_from_file_location("serializers_benchmark", ROOT / "benchmarks" / "serializers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its classes are pickled by name
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_table_of_what_comes_back_is_what_comes_back(benchmark):
    table = re.search(r"\| what comes back .*?\n\n", EXPLANATION, re.DOTALL)[0].splitlines()[2:-1]
    rows = {kind: found for kind, *found in (re.split(r" *\| *", line.strip("| ")) for line in table)}
    tried = {
        kind: [benchmark.fate(one, value) for one in benchmark.each().values()]
        for kind, value in benchmark.KINDS.items()
    }
    assert rows == tried


def test_the_benchmark_runs(benchmark, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "DATA", {"few": benchmark.records(3)})
    monkeypatch.setattr(benchmark, "MORE", {"tuple": (1,)})
    monkeypatch.setattr("sys.argv", ["serializers.py", "--rounds", "1"])
    benchmark.main()
    few, one = capsys.readouterr().out.splitlines()[2:4]
    assert re.fullmatch(r"\| few \| 1 / 1 / 1( \| [\d.]+ / [\d.]+ / [\d.]+){4} \|", few)
    assert one.count("refused") == 2
