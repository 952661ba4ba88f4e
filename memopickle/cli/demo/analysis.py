"""The expensive function of the demo: one module's source, parsed, tokenized and measured."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from typing import NamedTuple

from memopickle.cli.demo.complexity import FunctionReport, measure

__all__ = ["ModuleReport", "analyse"]


class ModuleReport(NamedTuple):
    """What the demo knows of one module."""

    name: str
    lines: int
    tokens: int
    comments: int
    functions: tuple[FunctionReport, ...]
    #: Why it could not be parsed; ``""`` where it was. Such a module has no tokens and no functions here.
    error: str


def analyse(name: str, source: bytes) -> ModuleReport:
    """Analyse one module.

    It gets the source and not a path on purpose: the arguments are the key of the cache, so the whole content is, and
    an edited file can't be served an old report, whatever its size and modification time say. What was keyed is also
    exactly what is analysed: a file that changes between the two can't come in between.
    """
    lines = len(source.splitlines())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence": the library's affair
            functions = measure(ast.parse(source))
        tokens, comments = _count_tokens(source)
    except (SyntaxError, ValueError, tokenize.TokenError) as error:
        return ModuleReport(name, lines, 0, 0, (), f"{type(error).__name__}: {error}")
    return ModuleReport(name, lines, tokens, comments, functions, "")


def _count_tokens(source: bytes) -> tuple[int, int]:
    """Return how many tokens there are, and how many of them are comments."""
    kinds = [token.type for token in tokenize.tokenize(io.BytesIO(source).readline)]
    return len(kinds), kinds.count(tokenize.COMMENT)
