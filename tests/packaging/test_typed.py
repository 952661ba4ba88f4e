"""What type checkers see of the installed wheel, from a project elsewhere: the types are there, and hold."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.needed import missing
from helpers.pages import ROOT

import memopickle

#: What is right and what is wrong stands in ``tests/typing/api.py``: each wrong use has a comment that an error must be
#: there, and without the error the comment is one.
PROGRAM = ROOT / "tests" / "typing" / "api.py"

USER = """
from memopickle import cached

@cached(ttl="1h")
def lengths(words: list[str], *, limit: int = 10) -> dict[str, int]:
    return {word: len(word) for word in words[:limit]}

reveal_type(lengths)
reveal_type(lengths(["a"], limit=3))
lengths("a", limit="3")
lengths(["a"], 3)
lengths(["a"]).append("b")
"""


@pytest.fixture(scope="module")
def project(built, tmp_path_factory):
    """A folder with a user's program, and an environment in which nothing but the wheel is installed."""
    folder = tmp_path_factory.mktemp("project")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    install = [sys.executable, "-m", "pip", "--python", venv, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--no-compile", built.wheel], check=True)
    (folder / "api.py").write_text(PROGRAM.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "user.py").write_text(USER, encoding="utf-8")
    settings = {"reportUnnecessaryTypeIgnoreComment": "error", "enableTypeIgnoreComments": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def check(project, *command):
    """Run a type checker in the project, whose environment is active, and return what it said."""
    environment = {**os.environ, "PATH": f"{project / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode in (0, 1), ended.stderr + ended.stdout
    return ended.stdout


@pytest.fixture(scope="module")
def told_by_mypy(project):
    """The lines that it printed, by file."""
    options = ["--strict", "--python-executable", "venv/bin/python", "--cache-dir", "cache"]
    lines = check(project, "mypy", *options, "api.py", "user.py").splitlines()
    return {name: [line for line in lines if line.startswith(f"{name}:")] for name in ("api.py", "user.py")}


@pytest.fixture(scope="module")
def pyright(project):
    """Give what runs pyright and reads what it said; it fetches itself from the network when it is first used."""
    tried = subprocess.run([sys.executable, "-m", "pyright", "--version"], capture_output=True, text=True, check=False)
    if tried.returncode:
        missing("a pyright that has downloaded itself")
    return lambda *arguments: json.loads(check(project, "pyright", "--outputjson", *arguments))


@pytest.fixture(scope="module")
def told_by_pyright(pyright):
    """What it reported, by file."""
    found = pyright("api.py", "user.py")
    assert found["summary"]["filesAnalyzed"] == 2
    reports = [(Path(one["file"]).name, one) for one in found["generalDiagnostics"]]
    return {name: [one for file, one in reports if file == name] for name in ("api.py", "user.py")}


def test_mypy_agrees_with_all_that_is_said_of_the_types(told_by_mypy):
    assert told_by_mypy["api.py"] == []


def test_pyright_agrees_with_all_that_is_said_of_the_types(told_by_pyright):
    assert told_by_pyright["api.py"] == []


def test_mypy_sees_the_signature_of_a_decorated_function_and_its_wrong_uses(told_by_mypy):
    said = "\n".join(told_by_mypy["user.py"])
    assert re.search(r"CachedFunction\[\[words: list\[str\], \*, limit: int =( ...)?\], dict\[str, int\]\]", said)
    assert 'Revealed type is "dict[str, int]"' in said
    errors = re.findall(r"^user.py:(\d+): error: .* \[([\w-]+)\]$", said, re.MULTILINE)
    assert errors == [("10", "arg-type"), ("10", "arg-type"), ("11", "call-arg"), ("12", "attr-defined")], said


def test_pyright_sees_the_signature_of_a_decorated_function_and_its_wrong_uses(told_by_pyright):
    said = told_by_pyright["user.py"]
    revealed = [one["message"] for one in said if one["severity"] == "information"]
    assert "CachedFunction[(words: list[str], *, limit: int = 10), dict[str, int]]" in revealed[0]
    assert 'is "dict[str, int]"' in revealed[1]
    assert [(one["range"]["start"]["line"] + 1, one["rule"]) for one in said if one["severity"] == "error"] == [
        (10, "reportArgumentType"),
        (10, "reportArgumentType"),
        (11, "reportCallIssue"),
        (12, "reportAttributeAccessIssue"),
    ]


def test_pyright_knows_the_type_of_every_public_name_and_of_its_members(pyright):
    said = pyright("--verifytypes", "memopickle", "--ignoreexternal")
    symbols = {symbol["name"]: symbol for symbol in said["typeCompleteness"]["symbols"] if symbol["isExported"]}
    public = {f"{module}.{name}" for name, module in memopickle._LAZY.items()}
    assert public <= symbols.keys()
    modules = ("memopickle.errors", "memopickle.events", "memopickle.signed", "memopickle.testing")
    members = tuple(f"{name}." for name in (*public, *modules))
    unknown = [name for name, symbol in symbols.items() if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]]
    assert [name for name in unknown if name in public or name.startswith(members)] == []
