"""``memopickle clear`` and ``memopickle prune``."""

import json
import os

import pytest
from cli.conftest import fill

EVERYTHING = ["price"] * 4 + ["quote"] * 4 + ["rate"] * 4


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--all"], []),
        (["--function", "billing.*"], ["price"] * 4),
        (["--function", "billing.rates.rate", "--older-than", "7d"], ["price"] * 4 + ["quote"] * 4 + ["rate"] * 2),
        (["--older-than", "7d"], ["price"] * 2 + ["quote"] * 2 + ["rate"] * 2),
        (["--expired"], ["price"] * 4 + ["quote"] * 2 + ["rate"] * 4),
        (["--namespace", "other"], EVERYTHING),
        (["--namespace", ""], []),
        (["--function", "nothing"], EVERYTHING),
    ],
)
class TestSelections:
    def test_yes_removes_what_is_selected(self, cli, filled, path, names, options, left):
        done = cli("clear", path, *options, "--yes")
        assert done.code == 0
        assert done.out.startswith(f"Removed {12 - len(left)} entr")
        assert names() == left

    def test_a_dry_run_announces_it_and_removes_nothing(self, cli, filled, path, names, options, left):
        told = json.loads(cli("clear", path, *options, "--dry-run", "--json").out)
        assert told["would_remove"] == 12 - len(left)
        assert sum(one["entries"] for one in told["functions"]) == 12 - len(left)
        assert names() == EVERYTHING


@pytest.mark.parametrize("options", [[], ["--all", "--expired"], ["--all", "-f", "x"], ["--older-than", "soon"]])
def test_wrong_usage_removes_nothing(cli, filled, path, names, options):
    done = cli("clear", path, *options, "--yes")
    assert (done.code, done.out) == (2, "")
    assert names() == EVERYTHING


def test_nobody_to_ask_removes_nothing(cli, filled, path, names):
    done = cli("clear", path, "--all")
    assert (done.code, done.out) == (2, "")
    assert "say --yes" in done.err
    assert names() == EVERYTHING


def test_it_asks_and_yes_removes(terminal, filled, path, names):
    code, appeared = terminal("clear", path, "--function", "billing.*", answer="y\n")
    assert code == 0
    assert "Remove 8 entries (" in appeared
    assert "of 2 functions from" in appeared
    assert names() == ["price"] * 4


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_it_asks_and_no_removes_nothing(terminal, filled, path, names, answer):
    code, appeared = terminal("clear", path, "--all", answer=answer)
    assert code == 1
    assert "Nothing was removed." in appeared
    assert names() == EVERYTHING


def test_interrupted_at_the_question_it_removes_nothing(terminal, filled, path, names):
    code, appeared = terminal("clear", path, "--all", answer="\x03")
    assert code == 130
    assert "interrupted" in appeared
    assert names() == EVERYTHING


def test_json_tells_how_many(cli, filled, path):
    told = json.loads(cli("clear", path, "--expired", "--yes", "--json").out)
    assert told == {"store": str(path), "dry_run": False, "removed": 2}


def test_damaged_entries_go_with_all(cli, damaged, path):
    assert json.loads(cli("clear", path, "--all", "--dry-run", "--json").out)["would_remove"] == 12
    assert cli("clear", path, "--all", "--yes").code == 0
    assert [key for key in damaged.keys("") if os.path.isfile(damaged.place(key))] == []


def test_files_of_others_stay(cli, filled, path):
    (path / "mine").write_text("mine")
    assert cli("clear", path, "--all", "--yes").code == 0
    assert (path / "mine").read_text() == "mine"


def test_no_secret_is_needed(cli, filled, path, names, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "too short")
    assert cli("clear", path, "--all", "--yes").code == 0
    assert names() == []


@pytest.mark.parametrize("command", [["clear", "--all", "--yes"], ["prune"]])
def test_a_missing_store_may_be_fine(cli, path, command):
    done = cli(*command, path, "--missing-ok")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Removed 0 ")
    assert not path.exists()


def test_prune_removes_what_is_expired(cli, filled, path, names):
    done = cli("prune", path)
    assert (done.code, done.out) == (0, f"Removed 2 expired entries from {path}.\n")
    assert names() == ["price"] * 4 + ["quote"] * 2 + ["rate"] * 4


def test_prune_dry_run_removes_nothing(cli, filled, path, names):
    told = json.loads(cli("prune", path, "--dry-run", "--json").out)
    assert told == {"store": str(path), "dry_run": True, "expired": 2}
    assert names() == EVERYTHING


def test_prune_removes_what_killed_writers_left(cli, filled, path):
    left = path / min(filled.keys())[:40] / "00" / ".mpk-0123456789abcdef.tmp"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    os.utime(left, (0, 0))
    assert cli("prune", path).code == 0
    assert not left.exists()


def test_clear_sees_all_namespaces(cli, filled, path, names):
    fill(filled, namespace="other")
    assert cli("clear", path, "-f", "*.rate", "--yes").out == f"Removed 6 entries from {path}.\n"
