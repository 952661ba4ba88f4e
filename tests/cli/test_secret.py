"""``memopickle secret``: shown by id only, made once, rotated without a loss."""

import json
import os
import subprocess
import sys

import pytest
from cli.conftest import SECRET, named
from helpers.needed import need, tool

from memopickle import Cache, DirectoryStore


@pytest.fixture
def own(settings, monkeypatch, tmp_path):
    """Return the place of the user's own secret file, which counts and is not there yet."""
    monkeypatch.delenv("MEMOPICKLE_SECRET")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "memopickle" / "secret"


@pytest.fixture
def kept(own, store):
    """Forty entries, signed with the user's own secret, and the function that they are of."""
    cached = Cache(store).cached(named("m", "f"))
    for number in range(40):
        cached(number)
    return cached


def shown(cli, *arguments):
    return json.loads(cli("secret", "show", *arguments, "--json").out)


def states(cli, path):
    return {one["use"]: one["entries"] for one in shown(cli, path, "--entries")["secrets"]}


def hits(path):
    """How many of the forty calls another process would compute: none if all are hits."""
    cached = Cache(DirectoryStore(path)).cached(named("m", "f"))
    return sum(cached.cache_contains(number) for number in range(40))


def test_the_environment_is_named(cli):
    done = cli("secret", "show")
    assert (done.code, done.out.splitlines()[0].split()) == (0, ["source", "MEMOPICKLE_SECRET"])


def test_a_file_from_the_environment_is_named(cli, own, monkeypatch, tmp_path):
    (tmp_path / "given").write_text(SECRET)
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", str(tmp_path / "given"))
    assert shown(cli)["path"] == str(tmp_path / "given")


def test_looking_makes_no_secret(cli, own):
    assert shown(cli) == {"source": "own file", "path": str(own), "exists": False, "secrets": []}
    assert not own.exists()


def test_make_makes_one_that_only_the_user_can_read(cli, own):
    assert cli("secret", "make").out == f"Made {own}, mode 0600.\n"
    assert own.stat().st_mode & 0o777 == 0o600
    assert len(own.read_text().strip()) == 64


def test_make_never_replaces_one(cli, own):
    cli("secret", "make")
    before = own.read_text()
    done = cli("secret", "make")
    assert (done.code, done.out) == (1, "")
    assert "is there already and stays as it is" in done.err
    assert own.read_text() == before
    assert [one.name for one in own.parent.iterdir()] == ["secret"]


def test_make_at_another_place(cli, own, tmp_path):
    assert cli("secret", "make", "--file", tmp_path / "service").code == 0
    assert (tmp_path / "service").stat().st_mode & 0o777 == 0o600
    assert not own.exists()


def test_no_command_prints_the_secret(cli, kept, own, path):
    for arguments in (
        ["secret", "show"],
        ["secret", "show", path, "--entries"],
        ["secret", "rotate", path],
        ["doctor"],
    ):
        done = cli(*arguments)
        assert not any(line in done.out + done.err for line in own.read_text().split())


def test_entries_are_counted_by_secret(cli, kept, path, store):
    Cache(store, secret="x" * 32).cached(named("m", "other"))(1)
    assert states(cli, path) == {"signs": 40, "unknown": 1}


def test_rotate_signs_everything_anew_and_keeps_the_old_secret(cli, kept, own, path):
    before = own.read_text()
    done = cli("secret", "rotate", path)
    assert (done.code, done.out.splitlines()[0]) == (0, f"40 entries signed anew, 0 had been before: {path}")
    assert own.read_text().splitlines()[1:] == before.splitlines()
    assert states(cli, path) == {"signs": 40, "verifies": 0}
    assert hits(path) == 40
    assert own.stat().st_mode & 0o777 == 0o600


def test_rotate_again_begins_no_other_rotation(cli, kept, own, path):
    cli("secret", "rotate", path)
    before = own.read_text()
    done = cli("secret", "rotate", path)
    assert done.out.splitlines()[0] == f"0 entries signed anew, 40 had been before: {path}"
    assert own.read_text() == before


def test_values_and_times_stay(cli, kept, path):
    before = {info.key: (info.created, info.expires, info.cost) for info in Cache(DirectoryStore(path)).entries()}
    cli("secret", "rotate", path)
    assert {info.key: info[3:6] for info in Cache(DirectoryStore(path)).entries()} == before
    assert Cache(DirectoryStore(path)).cached(named("m", "f")).cache_peek(7).value == [7] * 100


def test_drop_old_ends_it(cli, kept, own, path):
    cli("secret", "rotate", path)
    done = cli("secret", "rotate", path, "--drop-old")
    assert (done.code, done.out.splitlines()[-1]) == (0, "1 old secret taken off the list.")
    assert len(own.read_text().splitlines()) == 1
    assert hits(path) == 40
    assert cli("verify", path).code == 0


def test_a_rotation_as_json_counts_the_entries(cli, kept, own, path):
    done = json.loads(cli("secret", "rotate", path, "--drop-old", "--json").out)
    assert (done["re_signed"], done["secrets_dropped"]) == (40, 1)


def test_making_a_secret_as_json_gives_its_path(cli, own):
    assert json.loads(cli("secret", "make", "--json").out) == {"path": str(own)}


def test_secrets_of_the_environment_are_dropped_there(cli, settings, path, store, monkeypatch):
    Cache(store, secret=SECRET).cached(named("m", "f"))(1)
    monkeypatch.setenv("MEMOPICKLE_SECRET", f"{'n' * 32},{SECRET}")
    done = cli("secret", "rotate", path, "--drop-old")
    assert done.code == 2
    assert "MEMOPICKLE_SECRET is not ours to change: take the old secrets off the list there" in " ".join(
        done.err.split()
    )


def test_drop_old_refuses_while_an_entry_cannot_be_signed_anew(cli, kept, own, path, store):
    Cache(store, secret="x" * 32).cached(named("m", "other"))(1)
    done = cli("secret", "rotate", path, "--drop-old")
    assert done.code == 1
    assert "the old secrets stay listed: 1 entry was not signed anew" in done.err
    assert len(own.read_text().splitlines()) == 2


def test_arrays_are_signed_anew(cli, own, path, store):
    numpy = need("numpy")
    Cache(store).cached(named("m", "f", lambda day: numpy.arange(100_000)))(1)
    assert cli("secret", "rotate", path).code == 0
    assert cli("secret", "rotate", path, "--drop-old").code == 0
    found = Cache(DirectoryStore(path)).cached(named("m", "f", lambda day: numpy.arange(100_000))).cache_peek(1)
    assert (found.value == numpy.arange(100_000)).all()


def test_a_secret_from_the_environment_is_the_users_to_change(cli, filled, path):
    done = cli("secret", "rotate", path)
    assert (done.code, done.out) == (2, "")
    assert "put a new one before it there" in done.err


def test_with_two_from_the_environment_entries_go_to_the_first(cli, filled, path, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", f"{'n' * 32},{SECRET}")
    assert cli("secret", "rotate", path).code == 0
    monkeypatch.setenv("MEMOPICKLE_SECRET", "n" * 32)
    assert cli("verify", path).out == f"12 entries good: {path}\n"


@pytest.mark.parametrize("call", ["rename", "unlink", "link"])
def test_killed_anywhere_it_loses_nothing_and_goes_on(cli, kept, own, path, call):
    tool("strace")
    for nth in (1, 2, 7, 30):
        inject = [
            "strace",
            "-f",
            "-qq",
            "-o",
            os.devnull,
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:signal=KILL:when={nth}",
        ]
        command = [*inject, sys.executable, "-m", "memopickle", "secret", "rotate", str(path)]
        subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert hits(path) == 40
    assert cli("secret", "rotate", path).code == 0
    assert hits(path) == 40
    assert states(cli, path)["signs"] == 40
    assert len(own.read_text().split()) == 2


def test_an_entry_that_is_being_computed_is_left_to_whoever_computes_it(cli, kept, path, store):
    lock = store.lock(kept.cache_key(3))
    assert lock.acquire(0)
    done = cli("secret", "rotate", path)
    lock.release()
    assert (done.code, done.out.splitlines()[0]) == (1, f"39 entries signed anew, 0 had been before, 1 busy: {path}")
    assert hits(path) == 40
