"""The sections of the page: a heading, a line that says how to read it, a picture with its figures."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from memopickle.cli import units
from memopickle.cli.page import tables
from memopickle.cli.page.charts import columns
from memopickle.cli.page.markup import element, fragment
from memopickle.cli.page.tables import Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from memopickle.catalog import FunctionStats
    from memopickle.cli.page.ages import Ages, Span
    from memopickle.cli.page.markup import Markup

__all__ = ["all_sections"]

#: Bars in a chart; more are not compared at a glance. The table at the end has all functions.
_MOST = 20
_TIMES = "\N{MULTIPLICATION SIGN}"
_REASONS = {
    "absent": "never stored, or removed since",
    "expired": "older than the function's ttl",
    "code changed": "the function was edited",
    "bad entry": "damaged, or signed with another secret",
    "future": "stored by a clock that is ahead",
    "store error": "the store failed",
}


def all_sections(rows: Sequence[FunctionStats], ages: Ages, now: float) -> list[Markup]:
    """Return the sections in their order."""
    return [_rates(rows), _saved(rows), _bytes(rows), _ages(ages), _reasons(rows), _everything(rows, now)]


def _section(name: str, title: str, hint: str, *content: str) -> Markup:
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, element("p", hint, class_="hint"), *content, id=name)


def _rates(rows: Sequence[FunctionStats]) -> Markup:
    def row(one: FunctionStats) -> Bar:
        calls = units.plural(one.hits + one.misses, "call")
        return Bar(
            tables.function(one.function), one.hit_rate or 0, tables.rate(one.hit_rate), f"{one.hits:,} of {calls}"
        )

    chart = _chart("rates", ["Function", "Hit rate", "Hits"], rows, lambda one: one.hits + one.misses, row)
    return _section("rates", "Hit rate by function", "Calls that found their result; the most called first.", *chart)


def _saved(rows: Sequence[FunctionStats]) -> Markup:
    most = max(one.saved for one in rows)

    def row(one: FunctionStats) -> Bar:
        detail = f"{units.plural(one.hits, 'hit')} {_TIMES} {units.duration(one.seconds / one.stores)}"
        return Bar(tables.function(one.function), one.saved / most, tables.duration(one.saved), detail)

    chart = _chart("saved", ["Function", "Time saved", f"Hits {_TIMES} compute time"], rows, lambda one: one.saved, row)
    return _section("saved", "Time saved by function", "Hits times what computing a result took on average.", *chart)


def _bytes(rows: Sequence[FunctionStats]) -> Markup:
    whole = sum(one.bytes for one in rows)
    most = max(one.bytes for one in rows)

    def row(one: FunctionStats) -> Bar:
        entries = units.plural(one.entries, "entry", "entries")
        return Bar(
            tables.function(one.function), one.bytes / most, tables.size(one.bytes),
            f"{units.share(one.bytes / whole)} in {entries}",
        )  # fmt: skip

    chart = _chart("bytes", ["Function", "Bytes", "Share"], rows, lambda one: one.bytes, row)
    return _section("bytes", "Bytes by function", "What is stored now.", *chart)


def _chart(
    name: str,
    titles: Sequence[str],
    rows: Sequence[FunctionStats],
    weight: Callable[[FunctionStats], float],
    row: Callable[[FunctionStats], Bar],
) -> list[Markup]:
    """Return the bars of the functions of most weight, and a line about the others."""
    shown = sorted((one for one in rows if weight(one)), key=weight, reverse=True)
    said = []
    if len(shown) > _MOST:
        said.append(f"{units.plural(len(shown) - _MOST, 'more function')} in the table below")
    if len(shown) < len(rows):
        said.append(f"{units.plural(len(rows) - len(shown), 'function')} with none")
    rest = [element("p", "Not shown: " + ", ".join(said) + ".", class_="rest")] if said else []
    drawn = tables.bars(titles, map(row, shown[:_MOST]), aria_labelledby=f"{name}-title")
    return [drawn, *rest] if shown else rest


def _ages(ages: Ages) -> Markup:
    picture = columns(
        [span.entries for span in ages.spans],
        [span.end for span in ages.spans if span.end is not None],
        "Age of entries",
        "Columns, the newest entries left, the oldest right; the table that follows has the figures.",
    )
    whole = sum(span.entries for span in ages.spans) or 1
    cells = ((_span(span), tables.count(span.entries), units.share(span.entries / whole)) for span in ages.spans)
    figures = tables.table(["Age", "Entries", "Share"], cells, class_="small", aria_labelledby="ages-title")
    pair = element("div", picture, figures, class_="pair")
    return _section("ages", "Age of entries", "Time since each was stored; the newest left.", pair, *_remarks(ages))


def _span(span: Span) -> str:
    if span.begin is None:
        return f"under {span.end}"
    return f"over {span.begin}" if span.end is None else f"{span.begin} to {span.end}"


def _remarks(ages: Ages) -> Iterator[Markup]:
    if ages.expired:
        expired = units.plural(ages.expired, "entry has", "entries have")
        prune = element("code", "memopickle prune")
        yield element(
            "p", expired, " outlived the ttl that was set when storing: ", prune, " removes them.", class_="rest"
        )
    if ages.unreadable:
        unreadable = element("strong", units.plural(ages.unreadable, "entry", "entries"), " could not be read")
        yield element("p", unreadable, ": ", element("code", "memopickle verify"), " says why.", class_="rest")


def _reasons(rows: Sequence[FunctionStats]) -> Markup:
    counts: Counter[str] = sum((Counter(one.reasons) for one in rows), Counter())
    whole = counts.total()
    shown = [_reason(reason, count, whole) for reason, count in counts.most_common()]
    drawn = tables.bars(["Reason", "Misses", "Share"], shown, aria_labelledby="reasons-title")
    return _section(
        "reasons",
        "Misses by reason",
        "Why a look-up found nothing usable; also where the call then got the result of another that was under way.",
        drawn if shown else element("p", "None have been counted.", class_="rest"),
    )


def _reason(reason: str, count: int, whole: int) -> Bar:
    meaning = f": {_REASONS[reason]}" if reason in _REASONS else ""
    return Bar(reason, count / whole, tables.count(count), units.share(count / whole) + meaning)


def _everything(rows: Sequence[FunctionStats], now: float) -> Markup:
    titles = [
        "Function",
        "Entries",
        "Bytes",
        "Hits",
        "Misses",
        "Hit rate",
        "Time saved",
        "Newest",
        "Oldest",
        "Misses by reason",
    ]
    cells = [
        (
            tables.function(one.function), tables.count(one.entries), tables.size(one.bytes), tables.count(one.hits),
            tables.count(one.misses), tables.rate(one.hit_rate), tables.duration(one.saved),
            tables.age(one.newest, now), tables.age(one.oldest, now),
            _reasons_of(one),
        )
        for one in rows
    ]  # fmt: skip
    drawn = tables.table(titles, cells, class_="full", aria_labelledby="everything-title")
    return _section("everything", "All functions", "Most bytes first.", drawn)


def _reasons_of(one: FunctionStats) -> Markup:
    told: list[str] = [element("span", f"{reason} {count:,}") for reason, count in one.reasons.items()] or ["-"]
    return fragment(told[0], *chain.from_iterable((", ", text) for text in told[1:]))
