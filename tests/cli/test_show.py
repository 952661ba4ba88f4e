"""``memopickle show``: one entry, found by the beginning of its key."""

import json

import pytest
from helpers.terminal import plain


@pytest.fixture
def key(filled):
    return min(filled.keys())


@pytest.mark.parametrize("part", [slice(None), slice(60), slice(8, 60)])
def test_enough_of_a_key_means_one_entry(cli, filled, path, key, part):
    done = cli("show", key[part], path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0].split() == ["key", key]
    assert done.out.splitlines()[-1].split() == ["signature", "good"]


def test_what_a_terminal_lists_can_be_shown(cli, terminal, filled, path):
    listed = plain(terminal("ls", path)[1]).splitlines()[1:]
    assert [cli("show", line.split()[0], path).code for line in listed] == [0] * 12


def test_arguments_that_several_functions_were_called_with(cli, filled, path, key):
    done = cli("show", key[41:60], path)
    assert (done.code, done.out) == (2, "")
    assert "may mean 3 entries" in done.err


def test_json(cli, filled, path, key):
    told = json.loads(cli("show", key, path, "--json").out)
    assert (told["key"], told["signature"], told["place"]) == (key, "good", filled.place(key))
    assert "day" in told["arguments"]


def test_none_begins_like_that(cli, filled, path):
    done = cli("show", "zz", path)
    assert (done.code, done.out) == (1, "")
    assert f"no entry of {path} begins with 'zz'" in done.err


def test_several_begin_like_that(cli, filled, path, key):
    done = cli("show", key[:40], path)
    assert (done.code, done.out) == (2, "")
    assert key in done.err


def test_a_damaged_entry_is_shown_as_such(cli, damaged, path, key):
    done = cli("show", key, path)
    assert done.code == 1
    assert "NOT GOOD (damaged): the signature does not match" in done.out


def test_another_secret_is_said(cli, filled, path, key, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "x" * 32)
    done = cli("show", key, path)
    assert done.code == 1
    assert "NOT GOOD (unknown secret)" in done.out


def test_without_a_secret_none_is_made(cli, filled, path, key, monkeypatch, tmp_path):
    monkeypatch.delenv("MEMOPICKLE_SECRET")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert cli("show", key, path).code == 1
    assert not (tmp_path / "config").exists()
