"""Programs in processes of their own."""

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

#: Drops what lets root pass file modes by; then modes hold for root as for anybody.
WITHOUT_PRIVILEGES = """
import ctypes, os
if os.geteuid() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())):
        raise SystemExit("cannot drop capabilities")
"""


def run(program, *arguments, timeout=60, before=(), **environment):
    """Run a program to its end and return what it printed; it must end with 0."""
    command = [*before, sys.executable, "-P", "-W", "error", "-c", textwrap.dedent(program), *map(str, arguments)]
    ended = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def tool(name):
    """Return the path of a program, or skip; where MEMOPICKLE_REQUIRE_TOOLS is 1, fail."""
    return shutil.which(name) or missing(name)


def missing(what):
    """Skip the test, as it needs what is not here; where MEMOPICKLE_REQUIRE_TOOLS is 1, fail."""
    (pytest.fail if os.environ.get("MEMOPICKLE_REQUIRE_TOOLS") == "1" else pytest.skip)(f"{what} is missing")
