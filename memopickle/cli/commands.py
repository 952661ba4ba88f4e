"""The group of all commands, and how they end."""

from __future__ import annotations

import click

from memopickle import __version__
from memopickle.cli.demo.command import demo

__all__ = ["group", "run"]

INTERRUPTED = 130  # what a shell reports of a program that SIGINT ended


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="memopickle")
def group() -> None:
    """Remember the results of expensive functions: signed, across processes."""


group.add_command(demo)


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
