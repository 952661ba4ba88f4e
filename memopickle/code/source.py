"""The source texts of modules: read once, parsed piece by piece.

A function's first call in a process waits for this, also if its result is stored. Parsing a module of 1,000 lines
takes 10 ms, so first the few lines around the wanted one are tried. What is found in them is checked by compiling,
like everything here, so a wrong cut costs time and nothing else.
"""

from __future__ import annotations

import _ast
import os
import re
from typing import TYPE_CHECKING, TypeAlias

from memopickle.code.recent import Recent
from memopickle.code.statement import SUITES, Statement, parse
from memopickle.forking import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LOCK", "Source", "source_of"]

LOCK = Guard()  # held while statements are compiled: that moves their lines for a moment

_Stamp: TypeAlias = "tuple[int, ...] | int"
_parsed: Recent[tuple[str, _Stamp], Source] = Recent(8)  # a parsed module of 1,000 lines takes some megabytes
_NAME = re.compile(rb"[A-Za-z_]\w*")
_IMPORT = re.compile(rb"^([ \t]*)(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(\([^)]*\)|[^\n#;(]*)", re.MULTILINE)
_COMMENT = re.compile(rb"#[^\n]*")
_ENCODING = re.compile(rb"coding[:=](?![ \t]*utf-?8)", re.IGNORECASE)
_NO_BEGIN = frozenset({b"", b" ", b"\t", b"#", b")", b"]", b"}", b"\r", b"\f", b"\\"})


class Source:
    """The text of one module."""

    __slots__ = ("_guesses", "_lines", "_statements", "_text")

    def __init__(self, text: str | bytes) -> None:
        self._text = text
        self._statements: list[Statement] | None = None
        self._guesses: list[list[_ast.stmt]] | None = None
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
        lines = raw.split(b"\n")
        self._lines = lines if isinstance(text, str) or not _ENCODING.search(b"\n".join(lines[:2])) else []

    def statements(self) -> list[Statement]:
        """Return all top-level statements; none if the text can't be parsed."""
        if self._statements is None:
            nodes = _parse_if_possible(self._text)
            imports = [node for node in _module_level(nodes) if _is_import(node)]
            self._statements = [Statement(node, imports) for node in nodes]
        return self._statements

    def pieces(self, line: int) -> Iterator[Statement]:
        """Give what seems to be the top-level statement that holds a line, with different guesses at its context."""
        if self._guesses is None:
            every = self._imports(rb"[ \t]*")
            # A module that mentions `super` outside of its classes has `super().name` compiled in another way.
            guesses = dict.fromkeys((self._imports(b""), every, every + b"\nsuper"))
            self._guesses = [_parse_if_possible(text) for text in guesses]
        nodes = _parse_if_possible(self._cut(line))
        for context in self._guesses:
            for node in nodes:
                yield Statement(node, context)

    def _cut(self, line: int) -> bytes:
        """Return the statement at a line: from a line that seems to begin one, decorators first, to the next such."""
        lines, count = self._lines, len(self._lines)
        if line > count:
            return b""
        start = self._beginning(line - 1)
        while start and lines[above := self._beginning(start - 1)][:1] == b"@":
            start = above
        end = start
        while end < count and (lines[end][:1] in _NO_BEGIN or lines[end][:1] == b"@"):
            end += 1
        end += 1
        while end < count and lines[end][:1] in _NO_BEGIN:
            end += 1
        return b"\n" * start + b"\n".join(lines[start:end])

    def _beginning(self, index: int) -> int:
        while index and self._lines[index][:1] in _NO_BEGIN:
            index -= 1
        return index

    def _imports(self, indentation: bytes) -> bytes:
        """Return an import statement of the names that the module seems to import."""
        names = set()
        for indent, listed in _IMPORT.findall(b"\n".join(self._lines)):
            if re.fullmatch(indentation, indent):
                for item in _COMMENT.sub(b"", listed).strip(b"() \t").split(b","):
                    names.add(item.split()[-1].partition(b".")[0] if item.split() else b"")
        found = sorted(name for name in names if _NAME.fullmatch(name))
        return b"import " + b", ".join(found) if found else b""


def _parse_if_possible(text: str | bytes) -> list[_ast.stmt]:
    try:
        return parse(text)
    except (SyntaxError, ValueError, OverflowError, RecursionError):
        return []


def source_of(filename: str, namespace: Mapping[str, object]) -> Source | None:
    """Return the source that goes by this name, or ``None``; read once as long as the file stays as it is.

    Args:
        filename: ``co_filename`` of the code: a file, or what a notebook or doctest registered.
        namespace: the globals of the code, for modules from a zip file.

    """
    try:
        return _file(filename)
    except (OSError, ValueError):
        return _registered(filename, namespace)


def _file(filename: str) -> Source:
    # Stat before reading: what is put there in between is read again for the next function.
    status = os.stat(filename)
    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
    return _parsed.get((filename, stamp)) or _parsed.keep((filename, stamp), Source(_read(filename)))


def _read(filename: str) -> bytes:
    with open(filename, "rb") as file:
        return file.read()


def _registered(filename: str, namespace: Mapping[str, object]) -> Source | None:
    """Return source that is no file: a notebook cell, an interactive line, a doctest, a module in a zip file."""
    import linecache  # only what is no file needs it

    text = "".join(linecache.getlines(filename, dict(namespace)))
    if not text:
        return None
    stamp = hash(text)
    return _parsed.get((filename, stamp)) or _parsed.keep((filename, stamp), Source(text))


def _is_import(node: _ast.stmt) -> bool:
    if isinstance(node, _ast.ImportFrom):
        return node.module != "__future__"
    return isinstance(node, _ast.Import)


def _module_level(nodes: list[_ast.stmt]) -> Iterator[_ast.stmt]:
    """Give the statements that run as part of the module, those in branches and loops too, not in definitions."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef)):
            stack.extend(inner for field in SUITES for inner in getattr(node, field, ()))
