"""The definition that loaded code was compiled from, if the source at hand truly is its source.

A file may have been edited since it was imported. So a definition is believed only if compiling it gives the
loaded code again; its line may have changed.
"""

from __future__ import annotations

from memopickle.code.bytecode import bytecode_form
from memopickle.code.source import LOCK, source_of
from memopickle.code.statement import first_line
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType

    from memopickle.code.source import Source
    from memopickle.code.statement import Statement
    from memopickle.code.syntax import FunctionNode

__all__ = ["FUTURE_ANNOTATIONS", "definitions_of", "future_flags"]

FUTURE_ANNOTATIONS = 0x1000000  # CO_FUTURE_ANNOTATIONS

_FUTURES = 0x1FE0000  # CO_FUTURE_*: what `from __future__ import` leaves in the flags of code


def future_flags(code: CodeType) -> int:
    """Return the ``from __future__`` imports in force where this code was compiled, as flags for ``compile``."""
    return code.co_flags & _FUTURES


def definitions_of(code: CodeType, namespace: Mapping[str, object]) -> list[FunctionNode]:
    """Return the definitions that this code may have been made from: they compile to it.

    One as a rule; none if the source is missing or was edited; several only if equal lambdas share a line and
    the interpreter keeps no columns.
    """
    source = source_of(code.co_filename, namespace)
    if source is None:
        return []
    with LOCK:
        return _near(source, code) or _at_line(source.statements(), code) or _anywhere(source, code)


def _near(source: Source, code: CodeType) -> list[FunctionNode]:
    """Look where the code says that it comes from, without parsing the rest."""
    for statement in source.pieces(code.co_firstlineno):
        found = _at_line([statement], code)
        if found:
            return found
    return []


def _at_line(statements: list[Statement], code: CodeType) -> list[FunctionNode]:
    """Find what stands at the line that the code gives."""
    line = code.co_firstlineno
    for statement in statements:
        if statement.covers(line):
            nodes = [node for node in statement.functions(code.co_name) if first_line(node) == line]
            if len(nodes) > 1:
                return _told_apart(statement, nodes, code)
            if nodes and any(_same(candidate, code) for candidate in statement.compiled(future_flags(code))):
                return nodes
    return []


def _anywhere(source: Source, code: CodeType) -> list[FunctionNode]:
    """Find what compiles to this code although it stands elsewhere: the file was edited above it."""
    return [
        node
        for statement in source.statements()
        if (nodes := statement.functions(code.co_name))
        for node in _told_apart(statement, nodes, code)
    ]


def _told_apart(statement: Statement, nodes: list[FunctionNode], code: CodeType) -> list[FunctionNode]:
    """Keep those of the nodes that compile to this code; the one at its columns if several do."""
    found = [
        (node, candidate)
        for node, candidate in zip(nodes, statement.compiled_apart(nodes, future_flags(code)), strict=True)
        if candidate is not None and _same(candidate, code)
    ]
    exact = [node for node, candidate in found if _columns(candidate) == _columns(code)]
    return exact if len(exact) == 1 else [node for node, _ in found]


def _same(candidate: CodeType, code: CodeType) -> bool:
    return candidate.co_qualname == code.co_qualname and bytecode_form(candidate) == bytecode_form(code)


def _columns(code: CodeType) -> list[tuple[int | None, int | None]]:
    return [(start, end) for _, _, start, end in code.co_positions()]
