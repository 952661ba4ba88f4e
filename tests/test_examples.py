"""docs/examples/clear_cache.py, run as a script on caches that another program filled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memopickle import Cache, DirectoryStore

SCRIPT = Path(__file__).parents[1] / "docs" / "examples" / "clear_cache.py"

BILLING = """
import os
import time
from memopickle import Cache, DirectoryStore

age = float(os.environ["AGE"])
store = DirectoryStore(os.environ["CACHE"])
cache = Cache(store, namespace=os.environ["NAMESPACE"], secret="s" * 32, clock=lambda: time.time() - age)

@cache.cached
def rate(day):
    return day

@cache.cached(ttl="1h")
def quote(day):
    return day

@cache.cached
def rebate(day):
    return day

rate(age), quote(age), rebate(age)
"""

WEEK = 7 * 86400


@pytest.fixture
def directory(tmp_path):
    """A cache with three functions: an entry each from today, and one each from more than a week ago.

    The program that filled it is gone.
    """
    program = tmp_path / "billing.py"
    program.write_text(BILLING)
    for age, namespace in ((0, ""), (WEEK + 60, ""), (0, "other")):
        fill(program, tmp_path / "cache", age, namespace)
    program.unlink()
    return tmp_path / "cache"


def fill(program, directory, age, namespace):
    given = {"AGE": str(age), "CACHE": str(directory), "NAMESPACE": namespace}
    subprocess.run([sys.executable, str(program)], env=os.environ | given, check=True, timeout=60)


def clear(*arguments):
    """Run the script as a user who has no home and no secret: none is needed."""
    unset = {name: value for name, value in os.environ.items() if not name.startswith("MEMOPICKLE_")}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        env=unset | {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "COLUMNS": "100"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def left(directory, namespace=""):
    """Return the names of the functions whose entries are left, sorted."""
    entries = Cache(DirectoryStore(directory), namespace=namespace).entries()
    return sorted(entry.function.partition(":")[2] for entry in entries)


ALL = ["quote", "quote", "rate", "rate", "rebate", "rebate"]


def test_by_name(directory):
    done = clear(directory, "billing.rate")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 entries removed\n", "")
    assert left(directory) == ["quote", "quote", "rebate", "rebate"]


def test_by_wildcard(directory):
    assert clear(directory, "billing.r*").stdout == "6 entries removed\n"
    assert left(directory) == ["quote", "quote"]


def test_by_age(directory):
    assert clear(directory, "--older-than", "7d").stdout == "3 entries removed\n"
    assert left(directory) == ["quote", "rate", "rebate"]


def test_by_name_and_age(directory):
    assert clear(directory, "billing.rate", "--older-than", "1w").stdout == "1 entries removed\n"
    assert left(directory) == ["quote", "quote", "rate", "rebate", "rebate"]


def test_nothing_is_as_old_as_that(directory):
    done = clear(directory, "--older-than", "8d")
    assert (done.returncode, done.stdout) == (0, "0 entries removed\n")
    assert left(directory) == ALL


def test_expired(directory):
    assert clear(directory, "--expired").stdout == "1 entries removed\n"
    assert left(directory) == ["quote", "rate", "rate", "rebate", "rebate"]


def test_one_namespace(directory):
    assert clear(directory, "--namespace", "other").stdout == "3 entries removed\n"
    assert (left(directory), left(directory, "other")) == (ALL, [])


def test_everything(directory):
    assert clear(directory, "--all").stdout == "9 entries removed\n"
    assert left(directory) == left(directory, "other") == []


def test_a_name_that_is_not_there(directory):
    done = clear(directory, "billing.rat")
    assert (done.returncode, done.stdout) == (0, "0 entries removed\n")


@pytest.mark.parametrize(
    "what",
    [["billing.rate"], ["billing.*"], ["--older-than", "7d"], ["--expired"], ["--namespace", "other"], ["--all"]],
)
def test_a_dry_run_announces_what_the_run_removes(directory, what):
    announced = clear(directory, *what, "--dry-run").stdout.splitlines()[-1]
    assert clear(directory, *what).stdout.strip() == announced.replace("would be removed", "removed")


def test_a_dry_run_counts_damaged_entries_too(directory):
    key = next(Cache(DirectoryStore(directory)).entries()).key
    Path(DirectoryStore(directory).place(key)).write_bytes(b"damaged")
    announced = clear(directory, "--all", "--dry-run").stdout
    assert announced.startswith("(damaged)\n")
    assert announced.endswith("\n9 entries would be removed\n")
    assert clear(directory, "--all").stdout == "9 entries removed\n"


def test_a_dry_run_removes_nothing(directory):
    done = clear(directory, "billing.rate", "--dry-run")
    assert done.returncode == 0
    assert done.stdout.count("billing:rate  stored ") == 3
    assert left(directory) == ALL


def test_a_wrong_path_is_told_and_not_made(tmp_path):
    wrong = tmp_path / "cahce"
    done = clear(wrong, "--all")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"clear_cache: there is no cache directory at {wrong}\n"
    assert not wrong.exists()


def test_a_file_is_no_cache(tmp_path):
    (tmp_path / "file").write_text("mine")
    assert clear(tmp_path / "file", "--all").returncode == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "text").write_text("mine")
    assert clear(tmp_path, "--all").stdout == "0 entries removed\n"
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["mine", "mine/text"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--older-than", "7"],
        ["--older-than", "soon"],
        ["--older-than", "-1d"],
        ["--all", "--expired"],
        ["--older-than", "1d", "--expired"],
        ["--al", "--everything"],
        ["one", "two"],
    ],
)
def test_wrong_usage_removes_nothing(directory, arguments):
    done = clear(directory, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
    assert left(directory) == ALL
