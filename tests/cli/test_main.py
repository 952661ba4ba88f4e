"""The entry points: what they print and how they end, before any command runs."""

import subprocess
import sys

import pytest

import memopickle as library

BLOCKED = """
import sys
sys.modules[{name!r}] = None
from memopickle.cli import main
sys.exit(main())
"""


def run_without(name, environment):
    code = BLOCKED.format(name=name)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", ["click", "rich"])
def test_without_the_extra_one_line_says_what_to_install(name, user_environment):
    done = run_without(name, user_environment)
    assert done.stderr == f"memopickle: the command line needs {name}; run: pip install 'memopickle[cli]'\n"


def test_without_the_extra_it_is_wrong_usage(user_environment):
    done = run_without("click", user_environment)
    assert (done.returncode, done.stdout) == (2, "")


def test_another_missing_module_is_not_mistaken_for_the_extra(user_environment):
    done = run_without("json", user_environment)
    assert "ModuleNotFoundError" in done.stderr
    assert "pip install" not in done.stderr


def test_the_version_is_the_packages(memopickle):
    done = memopickle("--version")
    assert (done.returncode, done.stdout) == (0, f"memopickle, version {library.__version__}\n")


def test_help_lists_the_demo(memopickle):
    done = memopickle("--help")
    assert done.returncode == 0
    assert "demo" in done.stdout


def test_an_unknown_command_is_wrong_usage(memopickle):
    done = memopickle("dmeo")
    assert done.returncode == 2
    assert "dmeo" in done.stderr


def test_importing_the_package_needs_nothing_of_the_extra(user_environment):
    code = "import memopickle, sys; sys.exit('click' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=user_environment, timeout=60, check=False).returncode == 0
