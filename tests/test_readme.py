"""What the README and the pages of docs/explanation say runs."""

import re
import subprocess
import sys

import pytest
from helpers.pages import ROOT, pages, texts

README = (ROOT / "README.md").read_text()


def run(program, folder):
    (folder / "program.py").write_text(program)
    command = [sys.executable, "program.py"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True, timeout=60).stdout


def test_the_first_example_decorates(tmp_path):
    first, _ = texts(README, "python")
    assert run(first + "print(parse, fetch)", tmp_path).startswith("<cached <function parse")


def test_the_second_example_does_what_its_comments_say(tmp_path):
    _, second = texts(README, "python")
    prelude = "def expensive_query(month, currency): print('computes'); return (month, currency)\n"
    told = re.search(r"totals.cache_info\(\) +# (.*)", second)[1]
    program = second.replace("totals.cache_info()", "print(totals.cache_info())")
    assert run(prelude + program, tmp_path).splitlines() == ["computes", told]
    assert (tmp_path / ".cache" / "CACHEDIR.TAG").exists()


def test_both_commands_are_there_once_each():
    commands = [command.strip() for command in texts(README, "console")]
    assert [re.search(r"\[(\w+)\]", command)[1] for command in commands] == ["cli", "dev"]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_commands_that_show_the_promises_name_tests_that_exist():
    for path in re.findall(r"pytest (tests/\S+)`", README):
        assert (ROOT / path).exists(), path


def test_every_parameter_of_cached_is_documented():
    from memopickle import cached
    from memopickle.options import OptionValues

    for name in OptionValues.__annotations__:
        assert re.search(rf"^\s+{name}: ", cached.__doc__, re.MULTILINE), name
