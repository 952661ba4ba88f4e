"""docs/explanation/keys.md is true: every pair of its table is tried."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import pathlib
import re
from dataclasses import make_dataclass
from pathlib import Path

import pytest
from helpers.needed import need

from memopickle.keys import digest

_PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "keys.md"
_ROW = re.compile(r"^\| `(?P<one>.+?)` \| `(?P<other>.+?)` \| (?P<entries>one|two) \| (?P<why>.+?) \|$", re.MULTILINE)
_ROWS = [match.groups() for match in _ROW.finditer(_PAGE.read_text())]

_NAMES: dict[str, object] = {
    **{name: getattr(collections, name) for name in ("Counter", "OrderedDict", "defaultdict", "deque")},
    **{name: getattr(datetime, name) for name in ("date", "datetime", "timedelta")},
    **{name: getattr(pathlib, name) for name in ("PurePosixPath", "PureWindowsPath")},
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "partial": functools.partial,
    "re": re,
    "utc": datetime.UTC,
    "east": datetime.timezone(datetime.timedelta(hours=2)),
    "adder": lambda n: lambda x: x + n,
    "Point": make_dataclass("Point", ["x", "y"]),
    "Other": make_dataclass("Other", ["x", "y"]),
}


@pytest.mark.parametrize(("one", "other", "entries", "why"), _ROWS, ids=lambda text: text[:40])
def test_the_table_is_true(one: str, other: str, entries: str, why: str) -> None:
    names = dict(_NAMES)
    if "np." in one:
        names["np"] = need("numpy")
    keys = {digest(eval(expression, names)) for expression in (one, other)}
    assert len(keys) == {"one": 1, "two": 2}[entries], why


def test_no_row_of_the_table_is_overlooked() -> None:
    table = [line for line in _PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(_ROWS) == len(table) > 40
