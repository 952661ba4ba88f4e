"""The group of all commands, and how they end."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from memopickle import __version__
from memopickle.cli.units import clean
from memopickle.errors import ConfigurationError, MemopickleError

__all__ = ["group", "run"]

INTERRUPTED = 130  # what a shell reports of a program that SIGINT ended
BROKEN_PIPE = 141  # ... and of one that SIGPIPE ended

#: Where each command is, in the order in which one meets them.
_COMMANDS = {
    "stats": "memopickle.cli.stats",
    "report": "memopickle.cli.report",
    "ls": "memopickle.cli.ls",
    "show": "memopickle.cli.show",
    "explain": "memopickle.cli.explain",
    "clear": "memopickle.cli.clear",
    "prune": "memopickle.cli.prune",
    "verify": "memopickle.cli.verify",
    "copy": "memopickle.cli.copy",
    "snapshots": "memopickle.cli.snapshots.command",
    "secret": "memopickle.cli.secret",
    "doctor": "memopickle.cli.doctor",
    "demo": "memopickle.cli.demo.command",
}


class _Group(click.Group):
    """Imports a command when it is asked for: the demo's alone takes as long as all the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # what a closed pipe refuses must be known here, not while Python shuts down
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(BROKEN_PIPE) from None
        except ConfigurationError as error:
            raise click.UsageError(clean(str(error))) from error
        except (MemopickleError, OSError) as error:
            raise click.ClickException(clean(str(error))) from error
        return result


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="memopickle")
def group() -> None:
    """Remember the results of expensive functions: signed, across processes.

    The commands look into any cache and keep it in order, without importing the programs that fill it and, but for
    'explain', without unpickling anything. STORE is a directory or a store URL (dir:, shelve:, ...); without it, the
    default cache of this user and directory, by MEMOPICKLE_STORE, MEMOPICKLE_DIR or the settings file.

    Exit codes: 0 fine, 1 found something wrong, 2 wrong usage, 130 interrupted.

    \b
    Examples:
      memopickle stats
      memopickle ls --sort largest -n 10
      memopickle clear --function 'pkg.*' --older-than 7d --dry-run
    """


def run() -> int:
    """Run the command that the arguments name; return the exit code."""
    try:
        code = group.main(prog_name="memopickle", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else 0
