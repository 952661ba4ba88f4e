"""The defaults of parameters as they are written, for comparing them with those that a function has.

The code object does not hold them, so an edit of a default since the import shows only here. Only constants can
be compared; what another expression gave is known by its value alone.
"""

from __future__ import annotations

import _ast

from memopickle.code.constants import encode_constant, is_constant
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FunctionType

__all__ = ["Defaults"]


class Defaults:
    """The defaults of one definition: the bytes of each constant, ``None`` for any other expression."""

    __slots__ = ("_named", "_positional")

    def __init__(self, parameters: _ast.arguments) -> None:
        self._positional = [_constant(expression) for expression in parameters.defaults]
        pairs = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
        self._named = {parameter.arg: _constant(expression) for parameter, expression in pairs if expression}

    def may_be_of(self, function: FunctionType) -> bool:
        """Tell whether a function may have got its defaults from here."""
        values = function.__defaults__ or ()
        named: Mapping[str, object] = function.__kwdefaults__ or {}
        return (
            len(values) == len(self._positional)
            and named.keys() == self._named.keys()
            and all(map(_may_be, self._positional, values))
            and all(_may_be(written, named[name]) for name, written in self._named.items())
        )


def _constant(expression: _ast.expr) -> bytes | None:
    return encode_constant(expression.value) if isinstance(expression, _ast.Constant) else None


def _may_be(written: bytes | None, value: object) -> bool:
    return written is None or (is_constant(value) and encode_constant(value) == written)
