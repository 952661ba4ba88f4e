"""The code blocks of the pages: found, and run as a reader would.

A block that can't be run here says why, in the line above it: ``<!-- not run: needs a server -->``. Of the others

* a ``python`` block with a title is written to the file of that name,
* the ``python`` blocks without one are parts of one program, which runs at the end of the page; a ``text`` block shows
  what they have printed since the last one (if they print at all),
* of a ``console`` block the lines that begin with ``$ `` are run in bash, and print the lines below them,
* ``bash`` and ``sh`` blocks are run.

In what is shown, ``...`` stands for anything, and a number for any number if it has a decimal point.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

__all__ = ["DOCS", "ROOT", "Block", "blocks", "pages", "run_page", "same_output", "texts"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w+)(?P<rest>[^\n]*)\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
#: What the program prints where a page shows its output.
_MARK = "-- shown so far --"
_PROGRAMS = {"python": "-W error", "python3": "-W error", "memopickle": "-m memopickle", "pytest": "-m pytest -n0"}


class Block(NamedTuple):
    """A fenced block: its language, title (or ""), text, and why it is not run (or None)."""

    language: str
    title: str
    text: str
    reason: str | None


def pages():
    """Return all pages, those beside the package first."""
    return [*sorted(ROOT.glob("[A-Z]*.md")), *sorted(DOCS.rglob("*.md"))]


def blocks(text):
    """Return the blocks of a page that name a language."""
    return [
        Block(
            found["language"],
            (re.search(r'title="([^"]+)"', found["rest"]) or ["", ""])[1],
            re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
            found["reason"],
        )
        for found in _BLOCK.finditer(text)
    ]


def texts(text, language):
    """Return the texts of a page's blocks in one language."""
    return [block.text for block in blocks(text) if block.language == language]


def run_page(page, folder, python=None):
    """Run what is on a page, in order, in a folder; AssertionError where it fails or prints something else.

    ``python`` is the one of another environment, in which memopickle is installed; else it is this one, with this tree.
    """
    session = _Session(folder, python)
    found = blocks(page.read_text(encoding="utf-8"))
    for block in found:
        if block.reason is None:
            session.take(block)
    if session.program:
        session.run_program()


class _Session:
    def __init__(self, folder, python):
        self.folder = folder
        self.program = ""
        #: What the parts of the program are to print, one after the other.
        self.shown = []
        self.environment = _environment(folder, python)

    def take(self, block):
        if block.language == "python" and block.title:
            (self.folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            self.program += f"{block.text}\n"
        elif block.language == "text" and "print(" in self.program:
            self.shown.append(block.text)
            self.program += f"print({_MARK!r}, flush=True)\n"
        elif block.language == "console":
            self.converse(block.text)
        elif block.language in {"bash", "sh"}:
            self.command(block.text)

    def run_program(self):
        (self.folder / "program.py").write_text(self.program, encoding="utf-8")
        *parts, rest = self.command("python -u program.py").split(f"{_MARK}\n")
        for shown, printed in zip([*self.shown, ""], [*parts, rest], strict=True):
            assert same_output(shown, printed), f"the page shows:\n{shown}\nprinted:\n{printed}"

    def converse(self, text):
        for command, expected in re.findall(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            printed = self.command(re.sub(r"^> ", "", command, flags=re.MULTILINE))
            assert same_output(expected, printed), f"$ {command}the page shows:\n{expected}\nprinted:\n{printed}"

    def command(self, script):
        ended = subprocess.run(
            ["bash", "-ec", script], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, f"$ {script}\n{ended.stdout}"
        return ended.stdout


def _environment(folder, python):
    """Give a reader's environment: a home that is new, and the programs that he installed."""
    home = folder / "home"
    home.mkdir(mode=0o700)  # it serves as the runtime directory too
    programs = home / "bin" if python is None else Path(python).parent
    if python is None:
        _write_programs(programs)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MEMOPICKLE_", "XDG_", "PYTEST_", "PYTHONPATH"))
    }
    return {
        **kept,
        **({"PYTHONPATH": str(ROOT)} if python is None else {}),
        "HOME": str(home),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "XDG_RUNTIME_DIR": str(home),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "MEMOPICKLE_CONFIG": os.devnull,
    }


def _write_programs(folder):
    folder.mkdir()
    for name, arguments in _PROGRAMS.items():
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (folder / name).chmod(0o755)


def same_output(shown, printed):
    """Tell whether what was printed is what a page shows."""
    lines = [line.rstrip() for line in shown.strip("\n").splitlines()]
    pattern = re.escape("\n".join(lines)).replace(r"\.\.\.", "@@")
    pattern = re.sub(r"\d+\\\.\d+", r"\\d[\\d.,]*", pattern).replace("@@", ".*?")
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip("\n").splitlines()), re.DOTALL)
