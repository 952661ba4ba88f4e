"""docs/reference/events.md and the docstrings say of each event what it holds."""

import ast
import inspect
import re

import pytest
from helpers.pages import DOCS

from memopickle import events, freshness, lookup

PAGE = (DOCS / "reference" / "events.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", PAGE, re.MULTILINE))
EVENTS = [getattr(events, name) for name in events.__all__ if name not in {"Event", "teller"}]


@pytest.mark.parametrize("event", EVENTS)
def test_the_page_lists_what_an_event_holds(event):
    assert tuple(re.findall(r"`(\w+)`", ROWS[event.__name__])) == event._fields[2:]
    assert event._fields[:2] == ("function", "key")


def test_the_page_lists_no_other_event():
    assert {name for name in ROWS if name[0].isupper()} == {event.__name__ for event in EVENTS}


def reasons_in_the_sources():
    """Return why a look-up finds nothing: what ``reason`` becomes there, and what makes an entry stale."""
    found = {""}
    for module in (lookup, freshness):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "reason":
                found.add(getattr(node.value, "value", ""))
            if isinstance(node, ast.FunctionDef) and node.name == "stale":
                texts = (
                    one.value
                    for one in ast.walk(node)
                    if isinstance(one, ast.Constant) and one.value != ast.get_docstring(node)
                )
                found.update(text for text in texts if isinstance(text, str))
    return found - {""}


def test_page_and_docstring_give_every_reason_of_a_miss():
    table = PAGE.partition("## Reasons of a miss")[2].partition("## Reasons of `NotStored`")[0]
    assert set(re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE)) == reasons_in_the_sources()
    assert set(re.findall(r'"([a-z ]+)"', events.Miss.__doc__)) == reasons_in_the_sources()
