"""The command line: ``memopickle`` and ``python -m memopickle``. Needs the extra ``cli`` (click and rich)."""

from __future__ import annotations

import sys

__all__ = ["main"]

_NEEDED = ("click", "rich")


def main() -> int:
    """Run the command line and return its exit code: 0 fine, 1 found something wrong, 2 wrong usage."""
    # Imported here: a spawned process imports this module again, and without the extra one line must do.
    try:
        import rich  # noqa: F401  its parts are imported where they are needed, too late for that line

        from memopickle.cli.commands import run
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _NEEDED:
            raise
        sys.stderr.write(f"memopickle: the command line needs {missing}; run: pip install 'memopickle[cli]'\n")
        return 2
    return run()
