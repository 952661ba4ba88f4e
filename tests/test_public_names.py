"""The names that ``import memopickle`` gives, some of them only when asked for."""

import ast
from pathlib import Path

import pytest

import memopickle


def test_every_public_name_is_there_and_listed():
    assert [name for name in memopickle.__all__ if not hasattr(memopickle, name)] == []
    assert set(memopickle.__all__) <= set(dir(memopickle))
    assert sorted(memopickle.__all__) == memopickle.__all__


def test_names_imported_when_asked_for_are_those_that_type_checkers_see():
    tree = ast.parse(Path(memopickle.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == memopickle._LAZY


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'RedisStroe'"):
        _ = memopickle.RedisStroe
