"""Runs the commands of benchmarks/, and finds what they have put into the pages."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["COMPARISON", "PICTURES", "ROOT", "block", "run", "table"]

ROOT = Path(__file__).parents[2]
COMPARISON = ROOT / "docs" / "explanation" / "comparison.md"
PICTURES = ROOT / "docs" / "pictures"


def run(script, temporary, *arguments, **environment):
    """Run a command, with its temporary files below a folder, and return how it ended."""
    command = [sys.executable, "-B", ROOT / "benchmarks" / script, *map(str, arguments)]
    environment = {**os.environ, "TMPDIR": str(temporary), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def table(text):
    """The cells of the first Markdown table in a text: its heading, and its rows by their first cell."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heading, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return heading, {row[0]: row[1:] for row in rows}


def block(page, command):
    """What a page has between the markers of a command."""
    _, begun, rest = page.read_text().partition(f"<!-- begin: {command} -->")
    found, ended, _ = rest.partition(f"<!-- end: {command} -->")
    assert begun and ended, f"{page} has no place for {command}"
    return found
