"""The source texts of modules: read once, parsed piece by piece.

A function's first call in a process waits for this, also if its result is stored. Parsing a module of 1,000 lines
takes 10 ms, so first the few lines around the wanted one are tried. What is found in them is checked by compiling,
like everything here, so a wrong cut costs time and nothing else. No regular expression is used: importing ``re``, and
compiling some, takes longer than all the rest.
"""

from __future__ import annotations

import _ast
import os

from memopickle.code.recent import Recent
from memopickle.code.statement import SUITES, Statement, parse
from memopickle.forking import Guard
from memopickle.typed import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LOCK", "Source", "source_of"]

LOCK = Guard()  # held while statements are compiled: that moves their lines for a moment

_Stamp: TypeAlias = "tuple[int, ...] | int"
_parsed: Recent[tuple[str, _Stamp], Source] = Recent(8)  # a parsed module of 1,000 lines takes some megabytes
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
        self._lines = lines if isinstance(text, str) or _is_utf8(b"\n".join(lines[:2])) else []

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
            every = self._imports(nested=True)
            # A module that mentions `super` outside of its classes has `super().name` compiled in another way.
            guesses = dict.fromkeys((self._imports(nested=False), every, every + b"\nsuper"))
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

    def _imports(self, nested: bool) -> bytes:
        """Return an import statement of the names that the module seems to import; ``nested``: in its blocks too."""
        names: set[bytes] = set()
        in_brackets = False
        for line in self._lines:
            if not in_brackets and (b"import" not in line or (line[:1] in (b" ", b"\t") and not nested)):
                continue
            listed = (line if in_brackets else _listed(line)).partition(b"#")[0].partition(b";")[0]
            in_brackets = (in_brackets or listed[:1] == b"(") and b")" not in listed
            names.update(map(_bound_name, listed.partition(b")")[0].lstrip(b"(").split(b",")))
        found = sorted(name for name in names if name.decode("ascii", "replace").isidentifier())
        return b"import " + b", ".join(found) if found else b""


def _listed(line: bytes) -> bytes:
    """Return what follows ``import`` in a line that begins an import statement, ``b""`` for any other."""
    words = line.split(None, 3)
    if words[:1] == [b"import"]:
        return b" ".join(words[1:])
    return words[3] if len(words) > 3 and (words[0], words[2]) == (b"from", b"import") else b""  # noqa: PLR2004


def _bound_name(item: bytes) -> bytes:
    """Return the name that ``package.module`` or ``thing as name`` binds."""
    words = item.split()
    return words[-1].partition(b".")[0] if words else b""


def _is_utf8(start: bytes) -> bool:
    """Tell whether the first lines of a file declare no other encoding."""
    declared = start.lower().replace(b"=", b":").split(b"coding:")[1:]
    return all(rest.lstrip(b" \t").startswith((b"utf-8", b"utf8")) for rest in declared)


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
