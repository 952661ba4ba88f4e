"""Digests that must never change: a cache outlives an upgrade of Python and of NumPy.

``python -m tests.keys.test_golden`` writes the file anew, after a deliberate change of the canonical form, which
also raises ``KEY_FORMAT``.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import json
import math
import operator
import pathlib
import random
import re
import sys
import types
import typing
import uuid
import zoneinfo
from pathlib import Path

import pytest

from memopickle.keys import KEY_FORMAT, digest
from tests.keys import samples

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

_FILE = Path(__file__).parents[1] / "formats" / "keys.json"
_NAMES = {
    module.__name__: module
    for module in (
        array,
        collections,
        datetime,
        decimal,
        enum,
        fractions,
        functools,
        ipaddress,
        math,
        operator,
        pathlib,
        random,
        re,
        types,
        typing,
        uuid,
        zoneinfo,
        numpy,
    )
    if module is not None
} | {"samples": samples}
_GOLDEN = json.loads(_FILE.read_text()) if _FILE.exists() else {"format": 0, "digests": {}}


def circle() -> list[object]:
    found: list[object] = [1]
    found.append({"again": found})
    return found


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def _digest(expression: str) -> str:
    return digest(eval(expression, _NAMES | {"circle": circle, "deep": deep})).hex()


@pytest.mark.parametrize("expression", _GOLDEN["digests"], ids=lambda text: text[:60])
def test_the_digest_of_this_argument_never_changes(expression: str) -> None:
    if "numpy" in expression and numpy is None:
        pytest.skip("NumPy is not installed")
    assert _digest(expression) == _GOLDEN["digests"][expression]


def test_the_digests_are_of_this_format() -> None:
    assert _GOLDEN["format"] == KEY_FORMAT


def test_there_are_enough_of_them_and_none_is_another() -> None:
    digests = _GOLDEN["digests"].values()
    assert len(set(digests)) == len(digests) >= 60


def main() -> None:
    """Write the digests of the same expressions anew, and of further ones given on the command line."""
    expressions = [*_GOLDEN["digests"], *sys.argv[1:]]
    found = {expression: _digest(expression) for expression in expressions}
    _FILE.write_text(json.dumps({"format": KEY_FORMAT, "digests": found}, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
