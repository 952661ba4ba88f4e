"""The command line as a process of its own, as a user runs it."""

import os
import subprocess
import sys

import pytest


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
