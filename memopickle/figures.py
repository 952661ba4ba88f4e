"""The figures of each function: what is stored, and what became of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.catalog import FunctionStats, function_names
from memopickle.tally import Sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from memopickle.stores.base import Store, Summary

__all__ = ["rows"]


def rows(store: Store, prefix: str, totals: Mapping[str, tuple[str, Sums]]) -> list[FunctionStats]:
    """Return a row for each function below a key prefix that has entries or was called, most bytes first.

    Args:
        store: what is asked for the entries.
        prefix: that of a namespace, ``""`` for all.
        totals: names and sums of calls, by function part.

    """
    called = {part: found for part, found in totals.items() if part.startswith(prefix)}
    names = {part: name for part, (name, _) in called.items()}
    names.update({part: name for part, name in function_names(store, prefix).items() if name or part not in names})
    by_name: dict[str, list[str]] = {}
    for part, name in names.items():
        by_name.setdefault(name, []).append(part)
    found = [
        _row(name, [store.summary(part) for part in parts], _sums(called, parts)) for name, parts in by_name.items()
    ]
    return sorted(found, key=lambda row: (-row.bytes, row.function))


def _sums(called: Mapping[str, tuple[str, Sums]], parts: Iterable[str]) -> Sums:
    total = Sums()
    for part in parts:
        if part in called:
            total.add(called[part][1])
    return total


def _row(name: str, summaries: list[Summary], sums: Sums) -> FunctionStats:
    reasons = sorted(sums.reasons.items(), key=lambda item: (-item[1], item[0]))
    return FunctionStats(
        function=name,
        entries=sum(summary.entries for summary in summaries),
        bytes=sum(summary.bytes for summary in summaries),
        hits=sums.hits,
        misses=sums.misses,
        reasons=dict(reasons),
        computations=sums.computations,
        errors=sums.errors,
        stores=sums.stores,
        stored_bytes=sums.bytes,
        seconds=sums.nanoseconds / 1e9,
        first=sums.first or None,
        last=sums.last or None,
        oldest=min((summary.oldest for summary in summaries if summary.oldest is not None), default=None),
        newest=max((summary.newest for summary in summaries if summary.newest is not None), default=None),
    )
