"""Asking before something is removed."""

from __future__ import annotations

import sys

import click

from memopickle.cli.output import note

__all__ = ["agree", "need_somebody"]


def need_somebody() -> None:
    """UsageError where there is nobody to ask, whatever there would be to remove."""
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask; say --yes to remove, or --dry-run to see what that would be")


def agree(question: str) -> None:
    """Ask; unless the answer is yes, the command ends here with exit code 1."""
    if not click.confirm(question, err=True):
        note("Nothing was removed.")
        raise click.exceptions.Exit(1)
