"""Interpreters of their own: over a copy of the package whose modules are compiled, and with a clean environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import memopickle

__all__ = ["Fresh"]


class Fresh:
    """Runs programs in new interpreters.

    The package is copied first, so that its compiled modules are there as after an installation, and nothing is
    written where it came from.
    """

    def __init__(self, root: str) -> None:
        self.site = os.path.join(root, "site")
        source = Path(memopickle.__file__).parent
        shutil.copytree(source, f"{self.site}/memopickle", ignore=shutil.ignore_patterns("__pycache__"))
        home = os.path.join(root, "home")
        os.mkdir(home)
        dropped = ("MEMOPICKLE", "PYTHON", "XDG_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        self.environment = {**kept, "HOME": home, "PYTHONPATH": self.site}
        subprocess.run([sys.executable, "-m", "compileall", "-q", self.site], check=True, env=self.environment)

    def run(self, program: str, *arguments: str) -> str:
        """Run a program to its end and return what it printed; what it says of a failure is shown."""
        with self.start(program, *arguments) as process:
            printed, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"a program of the benchmark failed ({process.returncode}):\n{program}")
        return printed

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a program."""
        script = os.path.join(self.site, f"program_{zlib.crc32(program.encode()):x}.py")
        if not os.path.exists(script):  # a file, as programs are: caches look into it for the function's source
            Path(script).write_text(program, encoding="utf-8")
        command = [sys.executable, script, *arguments]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.site, env=self.environment
        )
