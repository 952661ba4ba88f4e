"""Cyclomatic complexity: the number of independent paths through a function (McCabe, 1976)."""

from __future__ import annotations

import ast
from typing import NamedTuple

__all__ = ["FunctionReport", "measure"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler)


class FunctionReport(NamedTuple):
    """One function or method: its dotted name inside the module, its line, its complexity."""

    name: str
    line: int
    complexity: int


class _Paths:
    """Counts the paths through one scope."""

    def __init__(self, name: str, line: int) -> None:
        self.name = name
        self.line = line
        self.count = 1


def measure(tree: ast.AST) -> tuple[FunctionReport, ...]:
    """Return every function below ``tree``, by line.

    A nested function counts for itself and not for the one around it; lambdas and comprehensions count for the
    function that they are in.
    """
    found: list[_Paths] = []
    # A stack of our own: deeply nested code must not exhaust Python's.
    stack: list[tuple[ast.AST, str, _Paths]] = [(tree, "", _Paths("", 0))]
    while stack:
        node, scope, paths = stack.pop()
        if isinstance(node, _SCOPES):
            scope = f"{scope}.{node.name}" if scope else node.name
            if isinstance(node, _FUNCTIONS):
                paths = _Paths(scope, node.lineno)
                found.append(paths)
        paths.count += _decisions(node)
        stack.extend((child, scope, paths) for child in ast.iter_child_nodes(node))
    return tuple(sorted((FunctionReport(one.name, one.line, one.count) for one in found), key=lambda one: one.line))


def _decisions(node: ast.AST) -> int:
    """Return how many further paths this node opens."""
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.match_case):
        return 0 if _takes_all(node) else 1
    return int(isinstance(node, _BRANCHES))


def _takes_all(case: ast.match_case) -> bool:
    """Tell whether this is ``case _:`` or ``case name:``, which is an else."""
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None
