"""The digest of a syntax tree: the same for the same program on every Python version that we support.

``ast.dump`` is no such form (its fields, and the splitting of f-strings, change between versions), so this is
our own. Left out, because they change nothing that a function does: positions, comments, docstrings and other
lone constants, ``pass``, type comments, annotations of local variables. In, although they seldom matter: names,
default expressions, annotations of parameters and results (a decorator may read them), decorators, save those
of memopickle and the ones above it, which see only what it returns.

The nodes come from ``_ast``, not ``ast``, whose import takes longer than parsing a module.
"""

from __future__ import annotations

import _ast
import sys

from blake3 import blake3

from memopickle.code.constants import encode_constant, framed
from memopickle.typed import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["FunctionNode", "syntax_digest"]

FunctionNode: TypeAlias = "_ast.FunctionDef | _ast.AsyncFunctionDef | _ast.Lambda"
_Field: TypeAlias = "tuple[str, object]"

_DEFINITIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef)
_FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda)
_SUITES = frozenset({"body", "orelse", "finalbody"})
_ANNOTATIONS = frozenset({"annotation", "returns"})
_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def syntax_digest(
    root: _ast.AST,
    *,
    is_ours: Callable[[_ast.expr], bool] = lambda _: False,
    text_annotations: bool = False,
) -> bytes:
    """Return the digest (32 bytes) of a tree.

    Args:
        root: a node as ``compile(..., PyCF_ONLY_AST)`` gives it; it is not changed.
        is_ours: whether a decorator expression is memopickle's; its options must not make results stale.
        text_annotations: whether ``from __future__ import annotations`` holds for this code.

    """
    return blake3(b"".join(_Writer(is_ours, text_annotations).write(root))).digest()


class _Writer:
    """Writes a tree as prefix-free tokens, without recursion: ``1 + 1 + ...`` is as deep as it is long."""

    def __init__(self, is_ours: Callable[[_ast.expr], bool], text_annotations: bool) -> None:
        self._is_ours = is_ours
        self._annotation_mark = "text:" if text_annotations else ""
        self._optimized = sys.flags.optimize > 0

    def write(self, root: _ast.AST) -> Iterator[bytes]:
        stack: list[tuple[object, bool]] = [(root, False)]
        while stack:
            value, local = stack.pop()
            if isinstance(value, _ast.AST):
                node = self._normal(value, local)
                fields = list(self._fields(node))
                yield b"N%b:%d:" % (type(node).__name__.encode(), len(fields))
                for name, content in reversed(fields):
                    stack.append((content, self._is_local(node, name, local)))
                    stack.append((_Token(name), local))
            elif isinstance(value, list):
                yield b"L%d:" % len(value)
                stack.extend((item, local) for item in reversed(value))
            else:
                yield framed(b"F", value.name) if isinstance(value, _Token) else encode_constant(value)

    @staticmethod
    def _is_local(node: _ast.AST, field: str, local: bool) -> bool:
        """Tell whether what stands in this field runs as the body of a function."""
        if field == "body" and isinstance(node, _FUNCTIONS):
            return True
        return local and not isinstance(node, _ast.ClassDef)

    def _normal(self, node: _ast.AST, local: bool) -> _ast.AST:
        """Return the one way of writing what has several."""
        if isinstance(node, _ast.JoinedStr):
            parts = _merged(node.values)
            if not parts:
                return _ast.Constant(value="")
            if len(parts) == 1 and isinstance(parts[0], _ast.Constant):
                return parts[0]
            return _ast.JoinedStr(values=parts)
        if isinstance(node, _ast.Name) and node.id == "__debug__":
            return _ast.Constant(value=not self._optimized)
        if local and isinstance(node, _ast.AnnAssign):
            return _unannotated(node)
        return node

    def _fields(self, node: _ast.AST) -> Iterator[_Field]:
        """Give the fields that count, by name; an empty one is as good as absent."""
        if isinstance(node, _ast.Constant):
            yield "value", node.value
            return
        for name in sorted(node._fields):
            content = self._content(node, name)
            if content is not None and content != []:
                mark = self._annotation_mark if name in _ANNOTATIONS else ""
                yield mark + name, content

    def _content(self, node: _ast.AST, name: str) -> object:
        content = getattr(node, name, None)
        if name in _SKIPPED:
            return None
        if isinstance(node, _DEFINITIONS) and name == "decorator_list":
            return self._decorators(node.decorator_list)
        if name in _SUITES and isinstance(content, list):
            return [statement for statement in content if not self._is_idle(statement)]
        if name == "format_spec" and isinstance(content, _ast.JoinedStr) and not _merged(content.values):
            return None
        return content

    def _decorators(self, decorators: Sequence[_ast.expr]) -> list[_ast.expr]:
        """Keep those below memopickle's own: what is above sees only its result."""
        ours = [index for index, expression in enumerate(decorators) if self._is_ours(expression)]
        return list(decorators[ours[-1] + 1 :]) if ours else list(decorators)

    def _is_idle(self, statement: _ast.AST) -> bool:
        if isinstance(statement, _ast.Expr):
            return isinstance(statement.value, _ast.Constant)
        return isinstance(statement, _ast.Pass) or (self._optimized and isinstance(statement, _ast.Assert))


class _Token:
    """The name of a field on the writer's stack."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name.encode()


def _unannotated(node: _ast.AnnAssign) -> _ast.AST:
    """Drop a local variable's annotation, which is never evaluated: ``x: int = 1`` is ``x = 1``."""
    if node.value is not None:
        return _ast.Assign(targets=[node.target], value=node.value)
    # Without a value it still makes the name local.
    return _ast.AnnAssign(target=node.target, annotation=_ast.Constant(value=...), simple=1)


def _merged(values: Iterable[_ast.expr]) -> list[_ast.expr]:
    """Return the parts of an f-string with its texts joined: versions differ in how they split them."""
    parts: list[_ast.expr] = []
    for part in values:
        if isinstance(part, _ast.Constant):
            if part.value == "":
                continue
            if parts and isinstance(parts[-1], _ast.Constant):
                parts[-1] = _ast.Constant(value=str(parts[-1].value) + str(part.value))
                continue
        parts.append(part)
    return parts
