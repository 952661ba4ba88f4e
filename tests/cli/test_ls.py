"""``memopickle ls``: filters, order, what it prints where, and that it reads no more than it must."""

import json

import pytest
from cli.conftest import fill
from helpers.terminal import plain

from memopickle import Cache, DirectoryStore


def listed(done, column=-1):
    """The last word of each line but the first: the functions."""
    assert done.code == 0, done.err
    return sorted(line.split()[column] for line in done.out.splitlines()[1:])


def test_every_entry_is_a_line(cli, filled, path):
    assert listed(cli("ls", path)) == sorted(["billing.rates:rate", "billing.rates:quote", "shipping:price"] * 4)


def test_without_a_store_it_is_the_default_cache(cli, filled, path, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_DIR", str(path))
    assert len(listed(cli("ls"))) == 12


def test_a_store_may_be_a_url(cli, filled, path):
    assert len(listed(cli("ls", f"dir:{path}"))) == 12


def test_a_shelf_is_listed(cli, tmp_path):
    from memopickle import ShelveStore

    fill(ShelveStore(tmp_path / "shelf"))
    assert len(listed(cli("ls", f"shelve:{tmp_path / 'shelf'}"))) == 6


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--function", "billing.rates.rate"], 4),
        (["--function", "billing.rates:rate"], 4),
        (["-f", "billing.*"], 8),
        (["-f", "*.nothing"], 0),
        (["--older-than", "7d"], 6),
        (["--newer-than", "7d"], 6),
        (["--expired"], 2),
        (["--expired", "-f", "shipping.*"], 0),
        (["--larger-than", "1GB"], 0),
        (["--smaller-than", "1GB"], 12),
        (["--namespace", ""], 12),
        (["--namespace", "other"], 0),
    ],
)
def test_filters(cli, filled, path, options, count):
    done = cli("ls", path, *options)
    assert done.code == 0
    assert len(done.out.splitlines()[1:]) == count


def test_all_namespaces_are_listed_unless_one_is_chosen(cli, filled, path):
    fill(filled, namespace="other")
    assert len(listed(cli("ls", path))) == 18
    assert len(listed(cli("ls", path, "--namespace", "other"))) == 6


def test_nothing_found_is_said_beside_the_result(cli, filled, path):
    done = cli("ls", path, "-f", "nothing")
    assert (done.code, done.out, done.err) == (0, "", f"No entries in {path}.\n")


@pytest.mark.parametrize(
    ("order", "name", "backwards"),
    [
        ("newest", "created", True),
        ("oldest", "created", False),
        ("largest", "bytes", True),
        ("smallest", "bytes", False),
        ("slowest", "compute_seconds", True),
        ("function", "function", False),
    ],
)
def test_sort(cli, filled, path, order, name, backwards):
    rows = json.loads(cli("ls", path, "--sort", order, "--json").out)["entries"]
    values = [row[name] for row in rows]
    assert len(values) == 12
    assert values == sorted(values, reverse=backwards)


def test_what_never_expires_comes_last(cli, filled, path):
    rows = json.loads(cli("ls", path, "--sort", "expires", "--json").out)["entries"]
    assert [row["function"].endswith("quote") for row in rows] == [True] * 4 + [False] * 8


def test_the_first_of_an_order(cli, filled, path):
    everything = json.loads(cli("ls", path, "--sort", "newest", "--json").out)["entries"]
    first = json.loads(cli("ls", path, "--sort", "newest", "--json", "-n", "3").out)["entries"]
    assert [row["created"] for row in first] == [row["created"] for row in everything[:3]]


def test_the_other_way_round(cli, filled, path):
    rows = json.loads(cli("ls", path, "--sort", "newest", "--reverse", "--json", "-n", "1").out)["entries"]
    oldest = json.loads(cli("ls", path, "--sort", "oldest", "--json", "-n", "1").out)["entries"]
    assert rows[0]["created"] == oldest[0]["created"]


def test_more_than_the_limit_is_said(cli, filled, path):
    done = cli("ls", path, "--limit", "2")
    assert len(done.out.splitlines()) == 3
    assert done.err == "2 are shown, and there are more: --limit 0 shows all.\n"


def test_exactly_the_limit_is_all(cli, filled, path):
    assert cli("ls", path, "--limit", "12").err == ""


def test_json_tells_each_entry(cli, filled, path):
    told = json.loads(cli("ls", path, "--json", "-f", "*.price", "-n", "1").out)
    (row,) = told["entries"]
    assert told["store"] == str(path)
    assert (row["function"], row["namespace"], row["version"], row["expires"]) == ("shipping:price", "", 3, None)
    assert row["key"] in set(filled.keys())
    assert row["bytes"] == filled.size(row["key"])


def test_json_of_nothing(cli, filled, path):
    assert json.loads(cli("ls", path, "--json", "-f", "nothing").out) == {"store": str(path), "entries": []}


def test_a_limited_listing_stops_early(cli, path, monkeypatch):
    cache = Cache(DirectoryStore(path), secret="s" * 32)
    many = cache.cached(lambda number: number)
    for number in range(30):
        many(number)
    read = []
    head = DirectoryStore.head
    monkeypatch.setattr(DirectoryStore, "head", lambda self, key, *size: read.append(key) or head(self, key, *size))
    assert len(listed(cli("ls", path, "-n", "5"))) == 5
    assert len(set(read)) == 6  # one more tells that there are more


def test_no_payload_is_read(cli, path, monkeypatch):
    fill(DirectoryStore(path))
    monkeypatch.setattr(DirectoryStore, "get", lambda self, key: pytest.fail("the whole entry was read"))
    assert len(listed(cli("ls", path, "--sort", "largest"))) == 6


def test_unreadable_heads_are_left_out(cli, damaged, path):
    assert len(listed(cli("ls", path))) == 10  # the flipped byte is in none


@pytest.mark.parametrize(
    "options",
    [["--reverse"], ["--limit", "-1"], ["--sort", "colour"], ["--older-than", "soon"], ["--larger-than", "much"]],
)
def test_wrong_usage(cli, filled, path, options):
    done = cli("ls", path, *options)
    assert (done.code, done.out) == (2, "")
    assert "Error: " in done.err


def test_what_a_terminal_would_obey_is_not_printed(cli, store, path):
    from cli.conftest import SECRET, named

    cached = Cache(store, secret=SECRET).cached(named("evil", "\x1b[2J\x07name"))
    cached(1)
    done = cli("ls", path)
    assert "\x1b" not in done.out
    assert "evil:\\x1b[2J\\x07name" in done.out


def test_a_terminal_shows_ages_and_short_keys(terminal, filled, path):
    code, appeared = terminal("ls", path, "--older-than", "7d", "--sort", "function")
    assert code == 0
    lines = plain(appeared).splitlines()
    assert lines[0].split() == ["key", "stored", "expires", "bytes", "seconds", "function"]
    assert [line.split()[1:4] for line in lines[1:]] == [["8", "d", "ago"]] * 6
    assert max(map(len, lines)) <= 80
