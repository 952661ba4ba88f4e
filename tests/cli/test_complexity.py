"""Cyclomatic complexity, on functions counted by hand."""

import ast
import textwrap

import pytest

from memopickle.cli.demo.complexity import measure

BODIES = {
    "pass": 1,
    "if a: pass": 2,
    "if a: pass\nelse: pass": 2,
    "if a: pass\nelif b: pass\nelse: pass": 3,
    "for x in a: pass\nelse: pass": 2,
    "while a: pass": 2,
    "try: pass\nexcept A: pass\nexcept B: pass\nfinally: pass": 3,
    "with a: pass": 1,
    "return a and b": 2,
    "return a and b and c or d": 4,
    "return a if b else c": 2,
    "return [x for x in a]": 2,
    "return [x for x in a if b if c]": 4,
    "return {x: y for x in a for y in b}": 3,
    "return lambda: a or b": 2,
    "match a:\n  case 1: pass\n  case 2: pass\n  case _: pass": 3,
    "match a:\n  case 1: pass\n  case x if x > 1: pass": 3,
    "if a and b:\n  for x in a:\n    while c: pass": 5,
}


def functions(source):
    return {one.name: one.complexity for one in measure(ast.parse(textwrap.dedent(source)))}


@pytest.mark.parametrize("body", BODIES)
def test_each_decision_adds_a_path(body):
    assert functions("def f():\n" + textwrap.indent(body, "    ")) == {"f": BODIES[body]}


def test_methods_are_named_with_their_class():
    assert functions("class A:\n  class B:\n    async def f(self): await x") == {"A.B.f": 1}


def test_a_nested_function_counts_for_itself():
    assert functions("def f():\n  if a: pass\n  def g():\n    if b or c: pass") == {"f": 2, "f.g": 3}


def test_code_outside_functions_counts_for_none():
    assert functions("if a:\n  def f(): pass") == {"f": 1}


def test_functions_come_by_line():
    found = measure(ast.parse("def b(): pass\ndef a(): pass\nclass C:\n  def c(self): pass"))
    assert [(one.name, one.line) for one in found] == [("b", 1), ("a", 2), ("C.c", 4)]


def test_deeply_nested_code_is_no_trouble():
    source = "def f(): return " + "-" * 90 + "1" + " + 1" * 900
    assert functions(source) == {"f": 1}
