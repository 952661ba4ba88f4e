"""The progress bar: where somebody looks, and where it takes long enough."""

import subprocess
import sys

import pytest
from helpers.needed import need
from helpers.terminal import in_terminal

need("rich")
PROGRAM = """
import sys
from memopickle.cli.progress import tracked
print("done:", sum(tracked("verifying", range(int(sys.argv[1])))))
"""


def command(count):
    return [sys.executable, "-c", PROGRAM, str(count)]


def test_on_a_terminal_it_shows_how_many_of_how_many_are_done():
    code, appeared = in_terminal(command(2000))
    assert (code, "verifying" in appeared, "/2000" in appeared) == (0, True, True)
    assert "done: 1999000" in appeared


def test_a_few_are_done_before_one_could_read_it():
    assert in_terminal(command(1000)) == (0, "done: 499500\n")


@pytest.mark.parametrize("count", [1000, 2000])
def test_into_a_pipe_goes_nothing_of_it(count):
    ended = subprocess.run(command(count), capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == (f"done: {sum(range(count))}\n", "")
