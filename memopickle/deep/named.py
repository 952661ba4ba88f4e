"""The names that compiled code loads: globals and cells with their attributes, and its own imports."""

from __future__ import annotations

import dis
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType

__all__ = ["ImportedModule", "Names", "names_in"]

_STARTS = frozenset({
    "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS",
    "LOAD_FROM_DICT_OR_DEREF",
})  # fmt: skip
_STEPS = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


class ImportedModule(NamedTuple):
    """A module that a function imports: its absolute name, and the module if it is loaded."""

    name: str
    loaded: ModuleType | None


class Names:
    """What a function and the code nested in it name.

    Attributes:
        paths: a global or cell, then the attributes loaded of it: ``("mod", "helper")``.
        imports: the modules of import statements, each with its level (the number of leading dots).
        every: all names, those of attributes too.

    """

    __slots__ = ("_wanted", "every", "imports", "paths")

    def __init__(self) -> None:
        self.paths: set[tuple[str, ...]] = set()
        self.imports: set[tuple[str, int]] = set()
        self.every: set[str] = set()
        self._wanted: dict[tuple[str, int], set[str]] = {}

    def add(self, code: CodeType) -> None:
        """Add the names of one code object."""
        self.every.update(code.co_names)
        path: tuple[str, ...] = ()
        before: list[Any] = [None, None]
        for instruction in dis.get_instructions(code):
            if path and instruction.opname in _STEPS:
                path = (*path, instruction.argval)
                continue
            if path:
                self.paths.add(path)
            path = (instruction.argval,) if instruction.opname in _STARTS else ()
            if instruction.opname == "IMPORT_NAME":
                self._add_import(instruction.argval, *before)
            before = [before[1], instruction.argval]

    def _add_import(self, name: str, level: object, wanted: object) -> None:
        key = (name, level if isinstance(level, int) else 0)
        self.imports.add(key)
        self._wanted.setdefault(key, set()).update(wanted if isinstance(wanted, tuple) else ())

    def modules(self, imported: tuple[str, int], namespace: dict[str, Any]) -> Iterator[ImportedModule]:
        """Give the module of an import statement, and those that ``from package import`` names."""
        name = _absolute(*imported, str(namespace.get("__package__") or ""))
        loaded = sys.modules.get(name)
        yield ImportedModule(name, loaded)
        for wanted in sorted(self._wanted[imported]):
            inner = f"{name}.{wanted}"
            if inner in sys.modules or not hasattr(loaded, wanted):
                yield ImportedModule(inner, sys.modules.get(inner))


def names_in(code: CodeType) -> Names:
    """Return the names in a function's code, its comprehensions, lambdas and inner functions included."""
    names = Names()
    stack = [code]
    while stack:
        inner = stack.pop()
        names.add(inner)
        stack.extend(constant for constant in inner.co_consts if hasattr(constant, "co_code"))
    # `super()` loads it or finds it by itself, depending on the version.
    names.paths = {path for path in names.paths if path[0] != "__class__"}
    if "__class__" in code.co_freevars:
        names.paths.add(("__class__",))
    return names


def _absolute(name: str, level: int, package: str) -> str:
    if not level:
        return name
    base = package.rsplit(".", level - 1)[0]
    return f"{base}.{name}" if name else base
