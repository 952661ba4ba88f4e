"""The page as a whole."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle import __version__
from memopickle.cli import units
from memopickle.cli.page import sections, tables
from memopickle.cli.page.markup import Markup, element, fragment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memopickle.catalog import FunctionStats
    from memopickle.cli.page.ages import Ages

__all__ = ["GENERATOR", "Report", "render"]

#: By this line a page is known to be one of ours.
GENERATOR = '<meta name="generator" content="memopickle report">'


class Report(NamedTuple):
    """What the page tells."""

    #: The store, as one would call it, and the namespace if only one is looked at.
    name: str
    namespace: str | None
    #: When, seconds since the epoch.
    now: float
    rows: Sequence[FunctionStats]
    #: The sums of the rows, as ``memopickle stats --json`` has them.
    total: Mapping[str, Any]
    ages: Ages


def render(report: Report) -> str:
    """Return the page: HTML that needs no other file, runs nothing, and says so to the browser."""
    style = Markup(files("memopickle.cli.page").joinpath("style.css").read_text(encoding="utf-8"))
    body = [_header(report), _summary(report)]
    if report.rows:
        body += sections.all_sections(report.rows, report.ages, report.now)
    else:
        body.append(element("p", "Nothing is stored here, and no calls have been counted."))
    body.append(element("footer", _footer()))
    page = element("html", _head(report, style), element("body", element("main", *body)), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _head(report: Report, style: Markup) -> Markup:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        Markup(GENERATOR),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"Cache report: {report.name}"),
        element("style", style),
    )


def _header(report: Report) -> Markup:
    moment = units.moment(report.now) or ""
    when = element("time", moment.replace("T", " ").replace("Z", " UTC"), datetime=moment)
    place = [element("code", report.name), " · ", when]
    if report.namespace is not None:
        place += [" · namespace ", element("code", report.namespace or '""')]
    return element("header", element("h1", "Cache report"), element("p", *place, class_="place"))


def _summary(report: Report) -> Markup:
    total = report.total
    calls = f"{units.plural(total['hits'], 'hit')}, {units.plural(total['misses'], 'miss', 'misses')}"
    return element(
        "dl",
        _tile("Entries", tables.count(total["entries"]), f"of {units.plural(total['functions'], 'function')}"),
        _tile("Size", tables.size(total["bytes"]), "in the store"),
        _tile("Hit rate", tables.rate(total["hit_rate"]), calls),
        _tile("Time saved", tables.duration(total["saved_seconds"]), "by hits"),
        id="summary",
    )


def _tile(title: str, figure: Markup, detail: str) -> Markup:
    return element("div", element("dt", title), element("dd", figure), element("dd", detail, class_="detail"))


def _footer() -> Markup:
    return fragment(
        "Hits, misses and times are what the programs that use the cache have written down, all processes together. "
        "Ages are by the heads of entries; newest and oldest are the times of their files. "
        "No signature was checked for this page: ",
        element("code", "memopickle verify"),
        f" does that. Made by memopickle {__version__}.",
    )
