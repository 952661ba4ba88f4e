"""The command line as a process of its own, as a user runs it."""

import os
import subprocess
import sys
import time
from typing import NamedTuple

import pytest
from helpers.terminal import in_terminal

from memopickle import Cache, DirectoryStore, config
from memopickle import settings as configuration
from memopickle.cli import main


@pytest.fixture(scope="session")
def user_environment():
    """Return the environment of a user who set nothing of memopickle's and nothing about terminals."""
    unwanted = ("MEMOPICKLE_", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


@pytest.fixture(scope="session")
def memopickle(user_environment):
    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "memopickle", *arguments],
            env=user_environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


# -- a cache to look into, and the command line in this process --------------------------------------------------------

#: Of the caches below; no comma, which separates several.
SECRET = "a secret of more than 32 bytes for the command line"
DAY = 86400


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Set the environment of a user who has a secret and nothing else; the working directory is this test's."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    given = {"MEMOPICKLE_SECRET": SECRET, "MEMOPICKLE_CONFIG": os.devnull, "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    for name, text in given.items():
        monkeypatch.setenv(name, text)


@pytest.fixture
def cli(settings, monkeypatch, capsys):
    """Run the command line in this process; return its exit code and what it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["memopickle", *map(str, arguments)])
        monkeypatch.setattr(config, "_default", None)  # as in a new process
        configuration.reread()
        capsys.readouterr()
        code = main()
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def terminal(settings):
    """Run the command line in a terminal of its own; return its exit code and all that appeared."""

    def run(*arguments, columns=80, answer=""):
        return in_terminal([sys.executable, "-m", "memopickle", *map(str, arguments)], columns, answer)

    return run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def store(path):
    return DirectoryStore(path)


def named(module, name, compute=lambda day: [day] * 100):
    """A function of this name, whose module need not exist."""

    def function(day):
        return compute(day)

    function.__module__, function.__qualname__, function.__name__ = module, name, name
    return function


def fill(store, *, age=0, namespace="", count=2):
    """Store results of three functions, as if ``age`` seconds ago: of ``quote`` they expire after an hour."""
    cache = Cache(store, namespace=namespace, secret=SECRET, clock=lambda: time.time() - age)
    for module, name, options in (
        ("billing.rates", "rate", {}),
        ("billing.rates", "quote", {"ttl": "1h"}),
        ("shipping", "price", {"version": 3}),
    ):
        cached = cache.cached(named(module, name), **options)
        for day in range(count):
            cached(f"{age}-{day}")
    return cache


@pytest.fixture
def filled(store):
    """Twelve entries of three functions: of each two of today, and two of more than a week ago."""
    fill(store)
    fill(store, age=8 * DAY)
    return store


@pytest.fixture
def names(store):
    """Return the names of the functions whose entries are left, one for each, sorted."""

    def left(of=store):
        from memopickle.config import ProjectsCache

        return sorted(info.function.partition(":")[2] for info in ProjectsCache(of).entries())

    return left


@pytest.fixture
def damaged(filled):
    """Flip a byte of one of the twelve, cut one short, and put a directory with something in it in place of one."""
    places = [filled.place(key) for key in sorted(filled.keys())]
    with open(places[0], "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    os.truncate(places[1], 50)
    os.unlink(places[2])
    os.mkdir(places[2])
    with open(os.path.join(places[2], "mine"), "x"):
        pass
    return filled
