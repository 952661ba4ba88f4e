"""The digest of one function's loaded code."""

from __future__ import annotations

import _ast
import builtins

from memopickle.code.bytecode import bytecode_digest
from memopickle.code.defaults import Defaults
from memopickle.code.definition import FUTURE_ANNOTATIONS, definitions_of, future_flags
from memopickle.code.origin import is_memopickle, is_partial
from memopickle.code.recent import Recent
from memopickle.code.syntax import syntax_digest
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CellType, FunctionType

__all__ = ["DecoratorTest", "captured", "function_digest"]

_UNKNOWN = object()
_known: Recent[int, _Known] = Recent(2048)


class DecoratorTest:
    """Tells whether a decorator expression is memopickle's, by looking up names and evaluating nothing."""

    def __init__(self, namespace: Mapping[str, object], local: Mapping[str, object]) -> None:
        self._namespaces = (local, namespace, vars(builtins))

    def __call__(self, expression: _ast.expr) -> bool:
        while isinstance(expression, _ast.Call):
            expression = expression.func
        path = _path(expression)
        found = self._resolve(path)
        # A name local to the enclosing function, like `cache` in `def make(cache): @cache.cached`, is out of
        # reach; then the last name decides.
        return path[-1:] in (["cached"], ["cache"]) if found is _UNKNOWN else found is not None and is_memopickle(found)

    def _resolve(self, path: list[str]) -> object:
        if not path:
            return None
        found = next((names[path[0]] for names in self._namespaces if path[0] in names), _UNKNOWN)
        for name in path[1:]:
            if found is _UNKNOWN or is_memopickle(found):
                break
            found = _attribute(found, name)
        return getattr(found, "func", None) if is_partial(found) else found


def function_digest(function: FunctionType) -> bytes:
    """Return the digest (32 bytes) of a function, from its source if that can be trusted, else from its bytecode.

    The source is read once for each code object: what was found out about loaded code stays true.
    """
    code = function.__code__
    known = _known.get(id(code)) or _known.keep(id(code), _Known(function))
    digests = {digest for defaults, digest in known.written if defaults.may_be_of(function)}
    return digests.pop() if len(digests) == 1 else known.bytecode()


class _Known:
    """What is known of a code object, which is kept alive, as its id is the key."""

    __slots__ = ("_bytecode", "_code", "written")

    def __init__(self, function: FunctionType) -> None:
        self._code = function.__code__
        self._bytecode: bytes | None = None
        is_ours = DecoratorTest(function.__globals__, captured(function))
        text_annotations = bool(future_flags(self._code) & FUTURE_ANNOTATIONS)
        self.written = [
            (Defaults(node.args), syntax_digest(node, is_ours=is_ours, text_annotations=text_annotations))
            for node in definitions_of(self._code, function.__globals__)
        ]

    def bytecode(self) -> bytes:
        """Return the digest of the bytecode."""
        if self._bytecode is None:
            self._bytecode = bytecode_digest(self._code)
        return self._bytecode


def _path(expression: _ast.expr) -> list[str]:
    """Return ``a.b.c`` as its names; empty for anything else."""
    names: list[str] = []
    while isinstance(expression, _ast.Attribute):
        names.append(expression.attr)
        expression = expression.value
    return [expression.id, *reversed(names)] if isinstance(expression, _ast.Name) else []


def _attribute(obj: object, name: str) -> object:
    """Return an attribute as it is stored, so that no property runs; ``None`` if there is none."""
    owners = obj.__mro__ if isinstance(obj, type) else (obj, *type(obj).__mro__)
    for owner in owners:
        try:
            return vars(owner)[name]
        except (TypeError, KeyError):
            continue
    return None


def captured(function: FunctionType) -> dict[str, object]:
    """Return the values in the cells of a closure, by variable; an empty cell (not yet assigned) is left out."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
