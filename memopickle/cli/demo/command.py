"""``memopickle demo``: options, the folder that it works in, and its end."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from memopickle.cli.demo.checks import judge
from memopickle.cli.demo.crew import CrewError
from memopickle.cli.demo.facts import facts
from memopickle.cli.demo.interrupts import ended_by_signals, held
from memopickle.cli.demo.library import library_path, modules
from memopickle.cli.demo.performance import perform
from memopickle.cli.demo.progress import watch
from memopickle.cli.demo.tables import show
from memopickle.cli.demo.tampering import KINDS
from memopickle.errors import MemopickleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.cli.demo.library import Module

__all__ = ["demo"]

_MOST_JOBS = 8  # more than this don't pay for their start


@click.command()
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes at a time.  [default: one a CPU, at most 8]")
@click.option("--limit", type=click.IntRange(len(KINDS)), help="Only so many modules, the first by name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document in place of the tables.")
@click.option("--keep", metavar="DIR", type=click.Path(file_okay=False), help="Leave the cache in DIR (new or empty).")
def demo(jobs: int | None, limit: int | None, as_json: bool, keep: str | None) -> None:
    """Analyse Python's standard library twice, through a cache; then attack it.

    Every module is parsed, tokenized and measured by a cached function, in parallel processes; new processes do it
    again from the cache. Then stored files are damaged, or replaced by hostile pickles, and asked for again.

    Everything is written to a temporary folder, with a secret that is held in memory only, and removed afterwards.
    Exit code 0: all that is claimed was observed. 1: something was not. 2: wrong usage.
    """
    found = _modules(limit)
    try:
        with ended_by_signals(), _folder(keep) as folder:
            seen = perform(found, folder, jobs or _cpus(), watch)
    except (CrewError, MemopickleError, OSError) as error:
        raise click.ClickException(f"the demo could not be run to its end: {error}") from error
    told = facts(seen, judge(seen))
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        show(told)
    if keep:
        click.echo(f"The cache was left in {keep}; its secret is gone, so it can be listed but not read.", err=True)
    if not told["ok"]:
        raise click.exceptions.Exit(1)


def _modules(limit: int | None) -> list[Module]:
    try:
        found = modules(limit)
    except OSError as error:
        raise click.ClickException(f"no sources of the standard library in {library_path()}: {error}") from error
    if len(found) < len(KINDS):
        raise click.ClickException(f"only {len(found)} modules with source in {library_path()}")
    return found


def _cpus() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _MOST_JOBS)


@contextmanager
def _folder(keep: str | None) -> Iterator[str]:
    if keep is None:
        yield from _temporary_folder()
        return
    if os.path.isdir(keep) and os.listdir(keep):
        raise click.BadParameter(f"{keep} is not empty", param_hint="--keep")
    os.makedirs(keep, mode=0o700, exist_ok=True)
    yield os.path.abspath(keep)


def _temporary_folder() -> Iterator[str]:
    folder = tempfile.TemporaryDirectory(prefix="memopickle-demo-")
    try:
        yield folder.name
    finally:
        with held():
            folder.cleanup()
