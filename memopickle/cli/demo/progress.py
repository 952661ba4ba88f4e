"""The progress bar: on a terminal only, and on stderr, so that stdout holds nothing but the result."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["watch"]


@contextmanager
def watch(name: str, count: int) -> Iterator[Callable[[], None]]:
    """Show how much of ``count`` is done; what is yielded counts one on."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (TextColumn("{task.description:6}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Not Progress.track: Ctrl-C at the wrong moment leaves its thread running, and the program waits for that.
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=count)
        yield lambda: progress.advance(task)
