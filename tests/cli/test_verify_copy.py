"""``memopickle verify`` and ``memopickle copy``: what is good, what is not, and what becomes of it."""

import json
import time

import pytest
from cli.conftest import SECRET, fill, named

from memopickle import Cache, DirectoryStore, ShelveStore


def test_all_are_good(cli, filled, path):
    done = cli("verify", path)
    assert (done.code, done.out, done.err) == (0, f"12 entries good: {path}\n", "")


def test_each_bad_entry_is_named_with_its_reason(cli, damaged, path):
    done = cli("verify", path, "--json")
    told = json.loads(done.out)
    assert (done.code, told["good"], told["deleted"]) == (1, 9, 0)
    assert {(one["place"], one["state"]) for one in told["bad"]} == {
        (damaged.place(key), "damaged") for key in sorted(damaged.keys())[:3]
    }
    assert {one["reason"] for one in told["bad"]} == {
        "the signature does not match",
        "only 50 bytes, which is no entry",
        "not a regular file",
    }


def test_delete_bad_removes_damaged_files_only(cli, filled, path):
    first, second = sorted(filled.keys())[:2]
    filled.set(first, [b"nonsense"], None)
    done = cli("verify", path, "--delete-bad")
    assert (done.code, done.out.splitlines()[-1]) == (1, f"11 entries good, 1 damaged; 1 entry removed: {path}")
    assert first not in set(filled.keys())
    assert second in set(filled.keys())
    assert cli("verify", path).code == 0


def test_an_unknown_secret_is_told_and_left(cli, filled, path, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "x" * 32)
    done = cli("verify", path, "--delete-bad")
    assert done.code == 1
    assert done.out.splitlines()[-1] == f"0 entries good, 12 unknown secret: {path}"
    assert len(list(filled.keys())) == 12


def test_delete_unknown_removes_them(cli, filled, path, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "x" * 32)
    assert cli("verify", path, "--delete-unknown").code == 1
    assert list(filled.keys()) == []


def test_without_any_secret_nothing_can_be_verified_and_none_is_made(cli, filled, path, monkeypatch, tmp_path):
    monkeypatch.delenv("MEMOPICKLE_SECRET")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    done = cli("verify", path)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: there is no secret to verify with")
    assert not (tmp_path / "config").exists()


def test_a_short_secret_is_one_clear_line(cli, filled, path, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "short")
    done = cli("verify", path)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "at least 32 are needed" in done.err


def test_every_namespace_is_verified_unless_one_is_chosen(cli, filled, path):
    fill(filled, namespace="other")
    assert cli("verify", path).out.startswith("18 entries good")
    assert cli("verify", path, "--namespace", "other").out.startswith("6 entries good")


# -- copy --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def target(tmp_path):
    return DirectoryStore(tmp_path / "target")


def test_copied_entries_are_hits_there(cli, path, target):
    Cache(DirectoryStore(path), secret=SECRET).cached(named("m", "f"))(1)
    assert cli("copy", path, target.path).code == 0
    there = Cache(target, secret=SECRET).cached(named("m", "f"))
    assert there.cache_contains(1)


def test_bytes_and_expiry_stay(cli, filled, path, target):
    assert cli("copy", path, target.path).out == f"Copied 10 entries to {target.path}, 2 expired.\n"
    keys = set(target.keys())
    assert len(keys) == 10
    assert {key: bytes(target.get(key)) for key in keys} == {key: bytes(filled.get(key)) for key in keys}


def test_what_is_there_is_skipped(cli, filled, path, target):
    key = min(filled.keys())
    target.open()
    target.set(key, [b"there before"], None)
    told = json.loads(cli("copy", path, target.path, "--json").out)
    assert (told["already_there"], told["copied"] + told["expired"]) == (1, 11)
    assert target.get(key) == b"there before"


def test_run_again_it_copies_nothing(cli, filled, path, target):
    cli("copy", path, target.path)
    assert cli("copy", path, target.path).out.startswith("Copied 0 entries")


def test_bad_entries_are_not_copied(cli, damaged, path, target):
    done = cli("copy", path, target.path)
    assert done.code == 1
    assert done.err.count("Not copied, damaged: ") == 3
    assert cli("verify", target.path).code == 0


def test_entries_of_another_secret_are_not_copied(cli, filled, path, target, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "x" * 32)
    assert cli("copy", path, target.path).code == 1
    assert list(target.keys()) == []


def test_only_one_function(cli, filled, path, target, names):
    assert cli("copy", path, target.path, "-f", "shipping.*").code == 0
    assert names(target) == ["price"] * 4


def test_a_dry_run_makes_nothing(cli, filled, path, target, tmp_path):
    done = cli("copy", path, target.path, "--dry-run")
    assert (done.code, done.out) == (0, f"Would copy 12 entries to {target.path}.\n")
    assert not (tmp_path / "target").exists()


def test_into_a_shelf_and_back(cli, filled, path, target, tmp_path, names):
    shelf = f"shelve:{tmp_path / 'shelf'}"
    assert cli("copy", path, shelf).code == 0
    assert cli("copy", shelf, target.path).code == 0
    assert len(names(ShelveStore(tmp_path / "shelf"))) == len(names(target)) == 10


def test_onto_itself_is_wrong_usage(cli, filled, path):
    assert cli("copy", path, f"dir:{path}").code == 2


def test_a_target_that_is_something_else_is_left_alone(cli, filled, path, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "text").write_text("mine")
    assert cli("copy", path, tmp_path / "mine").code == 1
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["text"]


def test_a_ttl_goes_on_in_the_copy(cli, path, target):
    cache = Cache(DirectoryStore(path), secret=SECRET, clock=lambda: time.time() - 3000)
    cache.cached(named("m", "f"), ttl="1h")(1)
    assert cli("copy", path, target.path).code == 0
    (copied,) = Cache(target).entries()
    assert copied.expires - copied.created == 3600
