"""The definition that a loaded class was made from, if the source at hand truly is its source.

The interpreter does not keep the code of a class body, so a definition is checked by what the class holds: every
method must have the code that the definition compiles to, every attribute written as a constant that value.
"""

from __future__ import annotations

import _ast

from memopickle.code.bytecode import bytecode_form
from memopickle.code.constants import encode_constant, is_constant
from memopickle.code.definition import FUTURE_ANNOTATIONS, future_flags
from memopickle.code.source import LOCK, source_of
from memopickle.code.statement import SUITES
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import CodeType

    from memopickle.code.source import Source
    from memopickle.code.statement import Statement

__all__ = ["class_definitions_of"]


def class_definitions_of(
    cls: type, methods: list[CodeType], module: Mapping[str, object]
) -> list[tuple[_ast.ClassDef, int]]:
    """Return the definitions that a class may have been made from, with the ``from __future__`` flags in force.

    Args:
        cls: the class.
        methods: the code of the methods that were written in it.
        module: the namespace of its module.

    """
    source = source_of(methods[0].co_filename if methods else str(module.get("__file__")), module)
    if source is None:
        return []
    with LOCK:
        for statement in source.pieces(methods[0].co_firstlineno) if methods else ():
            found = _matching(cls, methods, [statement], future_flags(methods[0]))
            if found:
                return found
        flags = future_flags(methods[0]) if methods else _written_flags(source)
        return _matching(cls, methods, source.statements(), flags)


def _matching(
    cls: type, methods: list[CodeType], statements: list[Statement], flags: int
) -> list[tuple[_ast.ClassDef, int]]:
    found = [
        node
        for statement in statements
        for node in _named(statement, cls.__qualname__)
        if _has_methods(methods, node, statement.compiled(flags)) and _has_constants(cls, node)
    ]
    lines = {code.co_firstlineno for code in methods[:1]}
    exact = [node for node in found if any(node.lineno <= line <= (node.end_lineno or line) for line in lines)]
    return [(node, flags) for node in exact or found]


def _written_flags(source: Source) -> int:
    """Return the flags that the text's own ``from __future__ import annotations`` asks for."""
    nodes = [statement.node for statement in source.statements()]
    futures = [node for node in nodes if isinstance(node, _ast.ImportFrom) and node.module == "__future__"]
    names = {alias.name for node in futures for alias in node.names}
    return FUTURE_ANNOTATIONS if "annotations" in names else 0


def _named(statement: Statement, qualname: str) -> Iterator[_ast.ClassDef]:
    """Give the classes of this name that a statement defines."""
    stack: list[tuple[_ast.AST, str]] = [(statement.node, "")]
    while stack:
        node, prefix = stack.pop()
        if isinstance(node, _ast.ClassDef):
            if prefix + node.name == qualname:
                yield node
            prefix += f"{node.name}."
        elif isinstance(node, (_ast.FunctionDef, _ast.AsyncFunctionDef)):
            prefix += f"{node.name}.<locals>."
        stack.extend((inner, prefix) for field in SUITES for inner in getattr(node, field, ()))


def _has_methods(methods: list[CodeType], node: _ast.ClassDef, compiled: Iterable[CodeType]) -> bool:
    """Tell whether the methods are those that the definition gives: none other, none missing."""
    forms = {(code.co_qualname, bytecode_form(code)) for code in compiled} if methods else set()
    names = {code.co_name for code in methods}
    written = [inner.name for inner in node.body if isinstance(inner, (_ast.FunctionDef, _ast.AsyncFunctionDef))]
    return names.issuperset(written) and all((code.co_qualname, bytecode_form(code)) in forms for code in methods)


def _has_constants(cls: type, node: _ast.ClassDef) -> bool:
    return all(_holds(cls, name, value) for name, value in _constants(node))


def _constants(node: _ast.ClassDef) -> Iterator[tuple[str, object]]:
    """Give the attributes that are written as constants."""
    for statement in node.body:
        if isinstance(statement, (_ast.Assign, _ast.AnnAssign)) and isinstance(statement.value, _ast.Constant):
            targets = statement.targets if isinstance(statement, _ast.Assign) else [statement.target]
            yield from ((t.id, statement.value.value) for t in targets if isinstance(t, _ast.Name))


def _holds(cls: type, name: str, written: object) -> bool:
    """Tell whether an attribute still is the constant that the definition gives it; a metaclass may have it."""
    if name.startswith("__") and not name.endswith("__"):
        name = f"_{cls.__name__.lstrip('_')}{name}"
    value = cls.__dict__.get(name, written)
    state = getattr(value, "__dict__", None)
    value = state.get("_value_", value) if isinstance(state, dict) else value  # the member of an enum
    return not is_constant(value) or encode_constant(value) == encode_constant(written)
