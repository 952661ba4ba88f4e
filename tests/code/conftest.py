"""Modules made of text, imported from real files."""

import importlib.util
import os
import subprocess
import sys

import pytest

import memopickle
from memopickle.code import code_digest

PACKAGE_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(memopickle.__file__)))


@pytest.fixture
def run(tmp_path):
    """Run a program in a process of its own, in the test's folder; gives the words that it prints."""

    def run(program, *flags, **environment):
        search = os.pathsep.join((PACKAGE_ROOT, str(tmp_path)))
        return subprocess.run(
            [sys.executable, *flags, "-c", program],
            env={**os.environ, "PYTHONPATH": search, **environment},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.split()

    return run


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Import a text as module ``m``, each time from a file of its own."""
    count = 0

    def load(text, filename="m.py"):
        nonlocal count
        count += 1
        path = tmp_path / str(count) / filename
        path.parent.mkdir()
        path.write_text(text)
        spec = importlib.util.spec_from_file_location("m", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "m", module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def digest_of(load):
    """The code digest of ``f`` in a text."""

    def digest_of(text):
        return code_digest(load(text).f)

    return digest_of
