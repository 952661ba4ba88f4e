"""docs/reference/errors.md lists every message of the package's exceptions and warnings."""

import ast

import pytest
from helpers.house import program
from helpers.pages import DOCS

PAGE = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lister():
    return program("messages")


def test_every_message_of_the_source_is_on_the_page(lister):
    missing = [one for one in lister.messages() if f"| {lister.escape(one.text)} | {one.kind} |" not in PAGE]
    assert missing == [], "run: python docs/messages.py"


def test_the_page_lists_nothing_that_is_gone(lister):
    assert lister.filled(PAGE, lister.messages()) == PAGE, "run: python docs/messages.py"


def test_a_new_message_is_noticed(lister):
    tree = ast.parse('raise StoreError(f"the moon is {phase}", place)')
    assert list(lister.messages_of(tree, "stores/moon.py")) == [
        lister.Message("StoreError", "stores/moon.py", "the moon is …")
    ]


def test_every_public_exception_has_messages_on_the_page():
    from memopickle import errors

    kinds = {name for name in errors.__all__ if not name.startswith("Memopickle")}
    assert {kind for kind in kinds if f"| {kind} |" not in PAGE} == set()
