"""Each of the smaller commands runs, with sizes so small that its figures mean nothing."""

import re

import pytest
from faults.tools import require
from helpers.benchmarks import ROOT, run

SCRIPTS = {
    "serializers.py": (["--rounds", 1], "| lambda, local class |"),
    "tiers.py": (["--rounds", 1], "text of 10 kB"),
    "operate.py": (["--entries", 100, "--only", "verify"], "memopickle verify"),
    "formats.py": (["--quick", "--rounds", 1], "random forest"),
    "snapshots.py": (["--megabytes", 1, "--rounds", 1], "Snapshots, not flushed"),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_runs_and_leaves_nothing_behind(tmp_path, script):
    arguments, shown = SCRIPTS[script]
    ended = run(script, tmp_path, *arguments)
    assert (ended.returncode, shown in ended.stdout) == (0, True), ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_command_on_keys_says_of_each_kind_of_argument_whether_its_target_is_met(tmp_path):
    ended = run("keys.py", tmp_path, "--rounds", 1)
    assert ended.returncode == ("MISSED" in ended.stdout), ended.stderr
    assert all("(ok" in line or "(MISSED" in line for line in ended.stdout.splitlines()[1:])


def test_the_command_on_servers_compares_with_a_plain_get(tmp_path):
    require("redis-server")
    ended = run("servers.py", tmp_path, "--only", "memopickle")
    assert ended.returncode == 0, ended.stderr
    assert [line.split(" | ")[0] for line in ended.stdout.splitlines()[2:]] == ["| `GET` of redis-py", "| memopickle"]


def test_the_page_of_the_benchmarks_names_each_command_and_each_page_that_it_names_is_there():
    folder = ROOT / "benchmarks"
    text = (folder / "README.md").read_text()
    commands = re.findall(r"^\| `python benchmarks/(\w+\.py)", text, re.MULTILINE)
    assert sorted(commands) == sorted(path.name for path in folder.glob("*.py"))
    assert all((folder / page).is_file() for page in re.findall(r"\]\((.+?)\)", text))
