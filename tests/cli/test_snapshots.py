"""``memopickle snapshots``: list, show, verify, roll back, as an operator does who has none of the programs."""

import json
import os

import pytest
from cli.conftest import SECRET, fill
from helpers.terminal import plain

from memopickle import DirectoryStore
from memopickle.snapshots import Snapshots


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        self.now += 60
        return self.now


@pytest.fixture
def saved(settings, path):
    """Three of one name and one of another."""
    snapshots = Snapshots(path, secret=SECRET, clock=Clock(), version=2)
    for step in range(3):
        snapshots.save("training", [step], step=step, loss=1 / (step + 1))
    snapshots.save("odd\x1b[2J/name", "state")
    return snapshots


@pytest.fixture
def damaged(saved):
    """The newest of the training has another last byte."""
    info = saved.history("training")[0]
    with open(saved.store.place(info.key), "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    return saved


# -- ls ----------------------------------------------------------------------------------------------------------------


def test_ls_lists_the_names(cli, saved, path):
    done = cli("snapshots", "ls", path)
    head, odd, training = sorted(done.out.splitlines(), key=lambda line: ("name " not in line, line))
    assert head.split() == ["name", "namespace", "snapshots", "bytes", "saved", "version", "metadata"]
    assert training.split()[:3] == ["training", "-", "3"]
    assert training.endswith("step=2, loss=0.3333333333333333")
    assert odd.startswith("odd\\x1b[2J/name")
    assert (done.code, done.err) == (0, "")


def test_ls_as_json(cli, saved, path):
    told = {one["name"]: one for one in json.loads(cli("snapshots", "ls", path, "--json").out)["names"]}
    assert told["training"]["bytes"] == sum(info.size for info in saved.history("training"))
    assert told["training"]["saved"] == "2027-01-15T08:03:00Z"
    assert (told["training"]["snapshots"], told["training"]["version"]) == (3, 2)
    assert "odd\x1b[2J/name" in told


def test_ls_needs_no_secret(cli, saved, path, monkeypatch):
    monkeypatch.delenv("MEMOPICKLE_SECRET")
    assert cli("snapshots", "ls", path).code == 0


def test_ls_leaves_out_what_a_cache_stored(cli, saved, path):
    fill(DirectoryStore(path))
    assert len(json.loads(cli("snapshots", "ls", path, "--json").out)["names"]) == 2


def test_ls_of_a_name_that_no_head_tells(cli, saved, path):
    for info in saved.history("training"):
        saved.store.set(info.key, [b"nonsense"], None)
    assert json.loads(cli("snapshots", "ls", path, "--json").out)["names"][0]["name"] in ("", "odd\x1b[2J/name")
    assert len(json.loads(cli("snapshots", "ls", path, "--json").out)["names"]) == 2


def test_ls_of_none(cli, path):
    path.mkdir()
    done = cli("snapshots", "ls", path)
    assert (done.code, done.out, done.err) == (0, "", f"No snapshots in {path}.\n")


def test_ls_of_a_place_that_is_not_there(cli, path):
    done = cli("snapshots", "ls", path)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert not path.exists()


@pytest.mark.parametrize("columns", [60, 200])
def test_ls_fits_the_terminal(terminal, saved, path, columns):
    code, appeared = terminal("snapshots", "ls", path, columns=columns)
    lines = [line for line in plain(appeared).splitlines() if "Too narrow" not in line]
    assert code == 0
    assert max(map(len, lines)) <= columns
    assert "\x1b[2J" not in appeared


# -- show --------------------------------------------------------------------------------------------------------------


def test_show_gives_the_newest_first(cli, saved, path):
    done = cli("snapshots", "show", path, "training")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["number", "3", "2", "1"]
    assert "good" in done.out


def test_show_tells_what_is_not_good(cli, damaged, path):
    done = cli("snapshots", "show", path, "training", "--json")
    rows = json.loads(done.out)["snapshots"]
    assert (done.code, [row["good"] for row in rows]) == (1, [False, True, True])
    assert rows[0]["reason"] == "the signature does not match"
    assert rows[1]["metadata"] == {"step": 1, "loss": 0.5}


def test_show_of_a_name_that_is_not_there_lists_those_that_are(cli, saved, path):
    done = cli("snapshots", "show", path, "trainin")
    assert done.code == 1
    assert "no snapshot of 'trainin'" in done.err
    assert "'training'" in done.err


def test_a_name_in_several_namespaces_has_to_be_chosen(cli, saved, path):
    Snapshots(path, secret=SECRET, namespace="other").save("training", 1)
    done = cli("snapshots", "show", path, "training")
    assert (done.code, "give --namespace, one of '', 'other'" in done.err) == (2, True)
    shown = cli("snapshots", "show", path, "training", "--namespace", "other", "--json")
    assert len(json.loads(shown.out)["snapshots"]) == 1


# -- verify ------------------------------------------------------------------------------------------------------------


def test_verify_all(cli, saved, path):
    done = cli("snapshots", "verify", path)
    assert (done.code, done.out) == (0, f"4 snapshots good: {path}\n")


def test_verify_tells_the_bad_one(cli, damaged, path):
    done = cli("snapshots", "verify", path)
    assert (done.code, done.out.splitlines()[-1]) == (1, f"3 snapshots good, 1 not good: {path}")
    assert "training" in done.out
    (bad,) = json.loads(cli("snapshots", "verify", path, "--json").out)["bad"]
    assert (bad["name"], bad["number"]) == ("training", 3)


def test_verify_one_name(cli, damaged, path):
    assert cli("snapshots", "verify", path, "odd\x1b[2J/name").code == 0
    assert cli("snapshots", "verify", path, "training").code == 1


def test_verify_with_another_secret(cli, saved, path, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "x" * 32)
    done = cli("snapshots", "verify", path, "--json")
    assert done.code == 1
    assert {bad["reason"] for bad in json.loads(done.out)["bad"]} == {
        "unknown secret: it was signed with one that is not configured here"
    }


def test_verify_without_any_secret_makes_none(cli, saved, path, monkeypatch, tmp_path):
    monkeypatch.delenv("MEMOPICKLE_SECRET")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    done = cli("snapshots", "verify", path)
    assert (done.code, done.err.startswith("Error: there is no secret to verify with")) == (1, True)
    assert not (tmp_path / "config").exists()


# -- rollback ----------------------------------------------------------------------------------------------------------


def test_rollback_removes_the_newest(cli, saved, path):
    done = cli("snapshots", "rollback", path, "training", "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.out == "Removed 1 snapshot (3); the newest is then 2, saved 2027-01-15T08:02:00Z.\n"
    assert saved.load("training") == [1]


def test_rollback_to_a_number(cli, saved, path):
    told = json.loads(cli("snapshots", "rollback", path, "training", "--to", "1", "--yes", "--json").out)
    assert (told["removed"], told["newest"]["number"]) == ([3, 2], 1)
    assert saved.load("training") == [0]


def test_a_dry_run_removes_nothing(cli, saved, path):
    done = cli("snapshots", "rollback", path, "training", "--dry-run")
    assert (done.code, done.out.startswith("Would remove 1 snapshot (3)")) == (0, True)
    assert saved.load("training") == [2]


def test_with_nobody_to_ask_nothing_is_removed(cli, saved, path):
    assert cli("snapshots", "rollback", path, "training").code == 2
    assert saved.load("training") == [2]


@pytest.mark.parametrize(("answer", "left"), [("y\n", [1]), ("n\n", [2])])
def test_it_asks(terminal, saved, path, answer, left):
    code, appeared = terminal("snapshots", "rollback", path, "training", answer=answer)
    assert "remove 1 snapshot (3)" in " ".join(plain(appeared).split())
    assert (code, saved.load("training")) == (left == [2], left)


@pytest.mark.parametrize("words", [["odd\x1b[2J/name"], ["training", "--to", "9"]])
def test_without_a_good_one_to_go_back_to_nothing_is_removed(cli, saved, path, words):
    done = cli("snapshots", "rollback", path, *words, "--yes")
    assert (done.code, "no" in done.err) == (1, True)
    assert len(saved.history("training")) == 3


# -- the other commands, over a place with snapshots ----------------------------------------------------------------


def test_to_verify_a_snapshot_is_an_entry_like_others(cli, saved, path):
    assert cli("verify", path, "--delete-bad").out == f"4 entries good: {path}\n"


def test_rotation_signs_snapshots_anew(cli, saved, path, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", f"{'n' * 32},{SECRET}")
    assert cli("secret", "rotate", path).code == 0
    assert Snapshots(path, secret="n" * 32, version=2).load("training") == [2]


def test_copied_snapshots_are_loaded_there(cli, saved, path, tmp_path):
    assert cli("copy", path, tmp_path / "target").code == 0
    assert Snapshots(tmp_path / "target", secret=SECRET, version=2).load("training") == [2]
