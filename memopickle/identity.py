"""What a function is: its name, the code that it and what it wraps are made of, the values that it captured."""

from __future__ import annotations

import os
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType

from memopickle.code import code_digest
from memopickle.code.constants import encode_constant, framed
from memopickle.code.describe import full_name
from memopickle.code.origin import is_partial, is_project, is_standard_library, module_name_of
from memopickle.errors import UnkeyableError
from memopickle.keys import digest
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Identity", "readable_name", "unveil"]

_EMPTY = b"empty"  # a cell whose variable has no value yet


class Identity:
    """Reads one function, once. What leads back to something already read is noted as such, so cycles end.

    Attributes:
        codes: what the code of the function, and of what it wraps, comes to; empty if code does not count.
        values: the captured values, in an order that depends on the code alone.
        unkeyable: variable, function and type of every value that can't be keyed; a random token stands for it.
        functions: the functions and classes read, those captured too.

    """

    def __init__(self, function: object, *, with_code: bool = True) -> None:
        self.codes: list[bytes] = []
        self.values: list[bytes] = []
        self.unkeyable: list[tuple[str, str, str]] = []
        self.functions: list[FunctionType | type] = []
        self._met: dict[int, int] = {}
        self._kept: list[object] = []  # an id is one object's only as long as the object lives
        self._read(function, self.codes if with_code else None)

    def _read(self, obj: Any, codes: list[bytes] | None) -> None:
        """Read a callable; its code goes to ``codes``, its captured values to ``values``."""
        obj = unveil(obj)
        if id(obj) in self._met:
            self.values.append(framed(b"R", b"%d" % self._met[id(obj)]))
            return
        self._met[id(obj)] = len(self._met)
        self._kept.append(obj)
        if isinstance(obj, FunctionType):
            self._function(obj, codes)
        elif isinstance(obj, type):
            self._class(obj, codes)
        elif isinstance(obj, MethodType):
            self._read(obj.__func__, codes)
            self._value("self", readable_name(obj), obj.__self__)
        elif is_partial(obj):
            self._partial(obj, codes)
        elif isinstance(obj, BuiltinFunctionType):
            self._builtin(obj, codes)
        elif hasattr(obj, "__wrapped__") and not is_project(type(obj).__module__):
            # A library's wrapper, such as lru_cache's: its options stand in the decorator's expression.
            _add(codes, full_name(type(obj)).encode())
            self._read(obj.__wrapped__, codes)
        else:
            self._object(obj, codes)

    def _function(self, function: FunctionType, codes: list[bytes] | None) -> None:
        first = not self.functions
        self.functions.append(function)
        code = None if is_standard_library(function) else code_digest  # its text changes with Python's version
        _add(codes, full_name(function).encode() if code is None or codes is self.values else b"", code, function)
        # What it wraps comes first: it is code of this function, not a value, although a cell holds it too.
        if "__wrapped__" in function.__dict__:
            self._read(function.__dict__["__wrapped__"], codes)
        name = readable_name(function)
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._cell(variable, name, cell)
        if not first:  # the defaults of the function itself are in the key of every call
            self._defaults(function)

    def _class(self, cls: type, codes: list[bytes] | None) -> None:
        self.functions.append(cls)
        _add(codes, full_name(cls).encode(), code_digest, cls)

    def _builtin(self, function: BuiltinFunctionType, codes: list[bytes] | None) -> None:
        _add(codes, f"{module_name_of(function)}:{function.__qualname__}".encode())
        if not isinstance(function.__self__, (ModuleType, type(None))):
            self._value("self", readable_name(function), function.__self__)

    def _object(self, obj: object, codes: list[bytes] | None) -> None:
        _add(codes, full_name(type(obj)).encode(), code_digest, type(obj))
        self.functions.append(type(obj))
        self._keyed("self", readable_name(obj), obj)

    def _partial(self, partial: Any, codes: list[bytes] | None) -> None:
        self._read(partial.func, codes)
        name = readable_name(partial)
        self.values.append(framed(b"P", b"%d" % len(partial.args)))
        for position, value in enumerate(partial.args, 1):
            self._value(f"bound argument {position}", name, value)
        for parameter, value in sorted(partial.keywords.items()):
            self._value(parameter, name, value)

    def _cell(self, variable: str, function: str, cell: CellType) -> None:
        try:
            value = cell.cell_contents
        except ValueError:
            self.values.append(framed(b"V", variable.encode()) + framed(b"E", _EMPTY))
            return
        if variable == "__class__" and isinstance(value, type):
            self.values.append(framed(b"V", b"__class__") + framed(b"C", b"".join(_lineage(value))))
        else:
            self._value(variable, function, value)

    def _value(self, variable: str, function: str, value: object) -> None:
        """Add a captured value; a function is read here, as its cells may lead back to the one being read."""
        self.values.append(framed(b"V", variable.encode()))
        value = unveil(value)
        if id(value) in self._met or isinstance(value, FunctionType):
            self._read(value, self.values)
            return
        self._keyed(variable, function, value)

    def _keyed(self, variable: str, function: str, value: object) -> None:
        try:
            self.values.append(framed(b"D", digest(value, variable)))
        except UnkeyableError as error:
            self.unkeyable.append((variable, function, error.type_name))
            self.values.append(framed(b"?", os.urandom(32)))

    def _defaults(self, function: FunctionType) -> None:
        """Add the defaults of a wrapped or captured function; of one that can't be keyed the expression is enough."""
        named = function.__kwdefaults__ or {}
        for default in (*(function.__defaults__ or ()), *(named[name] for name in sorted(named))):
            try:
                self.values.append(framed(b"D", digest(default)))
            except UnkeyableError:
                self.values.append(framed(b"?", full_name(type(default)).encode()))


def unveil(obj: Any) -> Any:
    """Return what memopickle decorated, for a function that it decorated; else the object itself."""
    while hasattr(type(obj), "__memopickle_key__"):
        obj = type(obj).__memopickle_key__(obj)
    return obj.__func__ if isinstance(obj, (classmethod, staticmethod)) else obj


def readable_name(obj: Any) -> str:
    """Return ``module:qualname``, the same on every Python version and whether run as a script or imported.

    Of a partial or method it is the function's, of another callable object its class's.
    """
    obj = unveil(obj)
    if is_partial(obj):
        return readable_name(obj.func)
    if not isinstance(getattr(obj, "__qualname__", None), str):
        return readable_name(obj.__wrapped__) if hasattr(obj, "__wrapped__") else readable_name(type(obj))
    name: str = obj.__qualname__
    for comprehension in ("<listcomp>", "<setcomp>", "<dictcomp>"):  # scopes of their own until 3.12
        name = name.replace(f"{comprehension}.<locals>.", "").replace(f"{comprehension}.", "")
    return f"{module_name_of(obj)}:{name}"


def _add(codes: list[bytes] | None, name: bytes, code: Any = None, obj: object = None) -> None:
    if codes is not None:
        codes.append(framed(b"X", name + (code(obj) if code else b"")))


def _lineage(cls: type) -> Iterable[bytes]:
    """Give the classes in which ``super()`` looks: by name, and those made in a function by code too."""
    for kind in cls.__mro__:
        made = kind is not cls and "<locals>" in kind.__qualname__
        yield encode_constant(full_name(kind)) + (code_digest(kind) if made else b"")
