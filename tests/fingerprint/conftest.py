"""Projects of real files, run in processes of their own."""

import importlib
import os
import subprocess
import sys

import pytest

import memopickle
from memopickle.fingerprint import fingerprint

PACKAGE_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(memopickle.__file__)))


@pytest.fixture
def write(tmp_path):
    """Write the files of a project: paths with ``/``, and texts."""

    def write(files, folder="."):
        for name, text in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / folder

    return write


@pytest.fixture
def run(tmp_path):
    """Run ``python *arguments`` in a folder; gives the lines that it prints."""

    def run(*arguments, cwd=tmp_path, **environment):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": PACKAGE_ROOT, **environment},
            cwd=cwd,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.splitlines()

    return run


@pytest.fixture
def load(write, monkeypatch):
    """Import a text as module ``m``, from a folder of its own."""
    count = 0

    def load(text):
        nonlocal count
        count += 1
        monkeypatch.delitem(sys.modules, "m", raising=False)
        monkeypatch.syspath_prepend(write({"m.py": text}, str(count)))
        module = importlib.import_module("m")
        monkeypatch.setitem(sys.modules, "m", module)
        return module

    return load


def fail(message):
    raise AssertionError(message)


@pytest.fixture
def identify():
    """A fingerprint during which nothing may be warned of."""

    def identify(function, **options):
        return fingerprint(function, warn=fail, **options)

    return identify
