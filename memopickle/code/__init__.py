"""The digest of the loaded code of a function or class.

From the syntax tree where the source is at hand and is truly the source of what is loaded, so that comments,
docstrings, formatting and the Python version don't matter; else from the bytecode.
"""

from __future__ import annotations

from memopickle.code.functioncode import function_digest
from memopickle.code.origin import module_name_of, source_root
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FunctionType

__all__ = ["code_digest", "module_name_of", "source_root"]


def code_digest(obj: FunctionType | type) -> bytes:
    """Return the digest (32 bytes) of a function's or a class's code.

    It covers what is written (defaults and decorators as expressions), not what was captured or what the
    defaults evaluated to. Options of memopickle's own decorators are not in it.
    """
    if not isinstance(obj, type):
        return function_digest(obj)
    from memopickle.code.classcode import class_digest  # a class is not needed for most functions

    return class_digest(obj)
