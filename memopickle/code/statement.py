"""One top-level statement of a module, and the code objects that it compiles to.

To know what a function's text compiles to, the statement that holds it is enough, and from the rest of the module
its context: the imports, as the compiler calls ``name.method()`` in another way if the module imports that name.
"""

from __future__ import annotations

import _ast
import warnings
from types import CodeType

from memopickle.typed import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memopickle.code.syntax import FunctionNode

__all__ = ["SUITES", "Statement", "first_line", "parse", "walk"]

SUITES = ("body", "orelse", "finalbody", "handlers", "cases")  # the fields that hold statements

_Placed: TypeAlias = "_ast.stmt | _ast.expr | _ast.excepthandler | _ast.arg | _ast.keyword | _ast.alias | _ast.pattern"
_PLACED = (_ast.stmt, _ast.expr, _ast.excepthandler, _ast.arg, _ast.keyword, _ast.alias, _ast.pattern)
_FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda)
_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without importing ast
_MARKED_LINES, _MARKED_STEP = 1 << 24, 1 << 14  # lines beyond those of any real file
_TOO_ODD = (SyntaxError, ValueError, OverflowError, RecursionError)


class Statement:
    """A statement and its context. Not to be used from two threads at once."""

    __slots__ = ("_compiled", "_context", "node")

    def __init__(self, node: _ast.stmt, context: Sequence[_ast.stmt]) -> None:
        self.node: _ast.stmt = node
        self._context = context
        self._compiled: dict[int, list[CodeType]] = {}

    def covers(self, line: int) -> bool:
        """Tell whether a line belongs to the statement."""
        return first_line(self.node) <= line <= (self.node.end_lineno or line)

    def functions(self, name: str) -> list[FunctionNode]:
        """Return the functions of a name that the statement defines, outer ones first; ``<lambda>`` is a name too."""
        return [node for node in walk(self.node) if isinstance(node, _FUNCTIONS) and _name(node) == name]

    def compiled(self, flags: int) -> list[CodeType]:
        """Return all code objects of the statement, nested ones too; none if it can't be compiled.

        Args:
            flags: the ``from __future__`` imports in force, as ``compile`` takes them.

        """
        if flags not in self._compiled:
            self._compiled[flags] = self._compile(flags)
        return self._compiled[flags]

    def compiled_apart(self, nodes: list[FunctionNode], flags: int) -> list[CodeType | None]:
        """Return the code object of each of these definitions in the statement.

        Lambdas on one line have no mark that survives compiling (3.12 drops the columns of some), so each
        definition gets a line of its own for a moment.
        """
        places: list[tuple[_Placed, int, int]] = []
        try:
            for number, node in enumerate(nodes):  # outer ones first, so that inner ones keep what they get
                places += _move(node, _MARKED_LINES + number * _MARKED_STEP)
            by_line = {code.co_firstlineno: code for code in self._compile(flags)}
            return [by_line.get(first_line(node)) for node in nodes]
        finally:
            for place, first, last in reversed(places):
                place.lineno, place.end_lineno = first, last

    def _compile(self, flags: int) -> list[CodeType]:
        module = _ast.Module(body=[*self._context, self.node], type_ignores=[])
        try:
            return list(_nested(_quietly(module, flags)))
        except _TOO_ODD:  # an `await` in a notebook cell, for example
            return []


def parse(text: str | bytes) -> list[_ast.stmt]:
    """Return the top-level statements of a source text.

    Raises:
        SyntaxError, ValueError, OverflowError, RecursionError: if Python can't.

    """
    tree: _ast.Module = _quietly(text, _ONLY_AST)
    return tree.body


def first_line(node: _ast.stmt | _ast.Lambda) -> int:
    """Return the line that the code of a definition begins with: that of its first decorator."""
    decorators: list[_ast.expr] = getattr(node, "decorator_list", [])
    return decorators[0].lineno if decorators else node.lineno


def walk(root: _ast.AST) -> Iterator[_ast.AST]:
    """Give every node, the outer before the inner."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, _ast.AST):
                stack.append(value)
            elif isinstance(value, list):
                stack.extend(item for item in value if isinstance(item, _ast.AST))


def _quietly(source: str | bytes | _ast.Module, flags: int) -> Any:
    """Compile without a second warning about an invalid escape or ``x is 1``, which could also be an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(source, "<source>", "exec", flags, dont_inherit=True)


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _move(root: FunctionNode, line: int) -> list[tuple[_Placed, int, int]]:
    """Move a definition to a line; gives where its nodes were before."""
    by = line - first_line(root)
    places = [(node, node.lineno, node.end_lineno or node.lineno) for node in walk(root) if isinstance(node, _PLACED)]
    for node, first, last in places:
        node.lineno, node.end_lineno = first + by, last + by
    return places


def _name(node: FunctionNode) -> str:
    return "<lambda>" if isinstance(node, _ast.Lambda) else node.name
