"""A progress bar over what takes long: on a terminal only, and on stderr, as stdout is for the result."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

__all__ = ["tracked"]

#: Fewer items are done before one could read how many.
_FEW = 1000
#: Items between two updates: one for each would cost as much as the work.
_STEP = 64


def tracked(label: str, items: Sequence[T]) -> Iterator[T]:
    """Iterate over items and show how many are done, and how long the rest will take."""
    if not sys.stderr.isatty() or len(items) <= _FEW:
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=len(items))
        for number, item in enumerate(items):
            yield item
            if number % _STEP == 0:
                progress.update(task, completed=number)
