"""``memopickle doctor``: what is set, and what is wrong, each with its cure."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from memopickle.cli.output import Column, json_option, print_json, print_rows
from memopickle.cli.places import Place, name_of, open_place, store_argument
from memopickle.cli.units import clean
from memopickle.config import as_store, default_cache
from memopickle.effective import explain_settings
from memopickle.errors import MemopickleError
from memopickle.health import OK, WRONG, Finding, examine

if TYPE_CHECKING:
    from memopickle.effective import Setting

__all__ = ["doctor"]


@click.command(short_help="Find what is wrong, and say how to mend it.")
@store_argument
@json_option
def doctor(store: str | None, as_json: bool) -> None:
    """Look at everything around STORE, and say what is wrong.

    That is: settings and where each comes from, versions, secret, permissions, file system, free space, clock, and a
    sample of the entries. Every finding that needs one comes with its cure. A small file is written beside the entries
    for a moment. Exit code 1 if something is wrong; a note is not wrong.

    \b
    Example:
      memopickle doctor
    """
    settings, findings = _settings()
    findings += _findings(store)
    if as_json:
        head = {"store": _name(store), "settings": [setting._asdict() for setting in settings]}
        print_json(head, "findings", (finding._asdict() for finding in findings))
    else:
        _print(settings, findings)
    if any(finding.state == WRONG for finding in findings):
        raise click.exceptions.Exit(1)


def _settings() -> tuple[list[Setting], list[Finding]]:
    try:
        return explain_settings(), []
    except MemopickleError as error:  # it names the file and the line
        return [], [Finding("settings", WRONG, str(error))]


def _findings(store: str | None) -> list[Finding]:
    try:
        place: Place = open_place(store)
    except (MemopickleError, OSError) as error:
        return [Finding("store", WRONG, str(error))]
    return [Finding("store", OK, place.name), *examine(place.store, place.exists)]


def _name(store: str | None) -> str:
    try:
        return name_of(default_cache().store if store is None else as_store(store))
    except MemopickleError:
        return store or ""


def _print(settings: list[Setting], findings: list[Finding]) -> None:
    if settings:
        print_rows(_SETTINGS, settings, "Settings")
        click.echo()
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        _print_text(f"{finding.state:5}  {finding.subject:{width}}  ", finding.text)
        if finding.cure:
            _print_text(" " * (width + 9) + "cure: ", finding.cure)
    wrong = sum(finding.state == WRONG for finding in findings)
    click.echo(
        f"\n{wrong} of {len(findings)} findings {'is' if wrong == 1 else 'are'} wrong."
        if wrong
        else "\nNothing is wrong."
    )


def _print_text(head: str, text: str) -> None:
    """Print a text beside its head: wrapped on a terminal, one line into a pipe."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = textwrap.wrap(clean(text), max(width - len(head), 20), break_long_words=False, break_on_hyphens=False)
        click.echo(head + f"\n{' ' * len(head)}".join(lines))
    else:
        click.echo(head + clean(text))


_SETTINGS = [
    Column("setting", lambda setting: setting.name),
    Column("value", lambda setting: setting.value, shortens=True),
    Column("source", lambda setting: setting.source, shortens=True),
]
