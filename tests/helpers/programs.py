"""Programs in processes of their own."""

import os
import subprocess
import sys
import textwrap

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


def run_examples(texts, folder):
    """Run pieces of code as one program in a folder; return what it printed, and what it wrote to standard error."""
    (folder / "program.py").write_text("\n".join(texts), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr
