"""A process is killed at every system call of saving, of a session, of going back; then another one looks."""

import os
import tempfile
from pathlib import Path

import pytest

from tests.faults.crashes import Server, kill_everywhere, place_in_memory, unknown_calls
from tests.faults.tools import leftovers, require

#: What may be found after a task was killed, the last of it after it ended by itself.
OUTCOMES = {
    "save": ["two", "three"],
    "session": ["two", "three"],
    "rollback": ["two", "one"],
    "delete": ["two", None],
}


@pytest.fixture(scope="module")
def server():
    require("strace")
    server = Server(Path(__file__).with_name("victim.py"))
    yield server
    server.close()


@pytest.fixture
def template(server):
    with place_in_memory() as place:
        folder = place / "snapshots-template"
        folder.mkdir()
        server.run("prepare", folder)
        yield folder


def check(server, folder, allowed):
    """Check that the old state or the new is found, whole, that saving goes on, and that nothing is left over."""
    said = server.run("look", folder)
    assert said["found"] in allowed, folder.name
    assert said["whole"]
    assert all(said["good"])
    assert said["then"] == "next"
    assert leftovers(folder) == []


@pytest.mark.parametrize("task", sorted(OUTCOMES))
def test_killed_at_any_call_the_old_state_or_the_new_is_found(server, template, task):
    for folder, killed in kill_everywhere(server, template, task):
        check(server, folder, OUTCOMES[task] if killed else OUTCOMES[task][-1:])


def test_killed_at_any_call_the_first_save_leaves_none_or_all(server):
    with tempfile.TemporaryDirectory() as place:
        template = Path(place) / "empty-template"
        template.mkdir()
        for folder, killed in kill_everywhere(server, template, "save"):
            check(server, folder, [None, "three"] if killed else ["three"])


def test_killed_at_any_call_dumping_to_a_path_leaves_the_old_value_or_the_new(server, template):
    for folder, killed in kill_everywhere(server, template, "dump"):
        said = server.run("look", folder)
        assert said["value"] in (["two", "three"] if killed else ["three"])
        assert os.stat(folder / "value").st_mode & 0o777 == 0o600
        assert killed or leftovers(folder) == []


@pytest.mark.parametrize("task", [*OUTCOMES, "dump"])
def test_no_system_call_that_changes_anything_is_left_out(server, template, task):
    assert unknown_calls(server, template, task) == set()
