"""Functions, methods and classes as arguments: by name, by code, by the values that they captured."""

from __future__ import annotations

import sys
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any
from weakref import WeakKeyDictionary

from memopickle.canonical.nodes import Named, Shape, kind
from memopickle.canonical.reductions import global_name, refuse
from memopickle.code import code_digest, module_name_of
from memopickle.code.origin import is_project

__all__ = ["builtin", "cell", "class_", "function", "method", "module"]

_FUNCTION, _CLASS, _METHOD = kind("function"), kind("class"), kind("method")
_BUILTIN_METHOD, _MODULE, _CELL = kind("builtin method"), kind("module"), kind("cell")
_HEAP_TYPE = 1 << 9  # of type.__flags__: made by a class statement, mostly
_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)
_codes: WeakKeyDictionary[type, bytes] = WeakKeyDictionary()  # reading a class's source takes its time


def function(value: FunctionType) -> Shape:
    """A function: name, code, defaults as they are now, captured values, attributes."""
    if _is_library(value):
        return _FUNCTION, (Named(value),)
    return _FUNCTION, (
        module_name_of(value),
        value.__qualname__,
        code_digest(value),
        value.__defaults__,
        value.__kwdefaults__,
        captured(value),
        value.__dict__ or None,
    )


def class_(value: type) -> Shape:
    """A class: its name, and its code unless it comes with Python or was written in C.

    A class that its name does not lead to, such as one made by a function, may be one of several of the same code:
    then what its functions captured and what its attributes hold counts too.
    """
    name = global_name(value)
    if _is_library(value) or not value.__flags__ & _HEAP_TYPE:
        return _CLASS, (Named(value),) if name else (value.__module__, value.__qualname__)
    code = _codes.get(value)
    if code is None:
        code = _codes[value] = code_digest(value)
    parts = (module_name_of(value), value.__qualname__, code)
    return _CLASS, parts if name else (*parts, tuple(map(Named, value.__bases__)), _namespace(value))


def _namespace(cls: type) -> dict[str, object]:
    """What a class holds beside its code."""
    found = {name: _held(name, value) for name, value in vars(cls).items()}
    return {name: held for name, held in found.items() if held is not None}


def _held(name: str, value: Any) -> object:
    """The values of one attribute of a class; ``None`` if it has none of its own."""
    if isinstance(value, FunctionType):
        cells = {name: cell for name, cell in captured(value).items() if name != "__class__"}
        values = (value.__defaults__, value.__kwdefaults__, cells or None)
        return values if any(part is not None for part in values) else None
    if isinstance(value, staticmethod | classmethod):
        return _held(name, value.__func__)
    if type(value).__module__ == "functools" and type(value).__name__ == "cached_property":
        return _held(name, value.func)  # beside it, Python 3.11 keeps a lock
    if isinstance(value, property):
        return tuple(_held(name, part) for part in (value.fget, value.fset, value.fdel))
    if isinstance(value, _DESCRIPTORS) or name == "_abc_impl" or name[:1] == name[-1:] == "_":
        return None  # what the interpreter and enum keep for themselves
    return (value,)


def captured(value: FunctionType) -> dict[str, CellType]:
    """The variables that a function captured, by name."""
    return dict(zip(value.__code__.co_freevars, value.__closure__ or (), strict=True))


def cell(value: CellType) -> Shape:
    """A captured variable: its value, or nothing before it has one."""
    try:
        return _CELL, (value.cell_contents,)
    except ValueError:
        return _CELL, ()


def method(value: MethodType) -> Shape:
    """A bound method: its function and its object's state."""
    return _METHOD, (value.__func__, value.__self__)


def builtin(value: BuiltinFunctionType) -> Shape:
    """A function written in C, or a method of a built-in object with that object's state."""
    owner: Any = value.__self__
    if owner is None or isinstance(owner, ModuleType):
        name = global_name(value)
        if name is None:
            raise refuse(value, f"the name {value.__qualname__} does not lead to it")
        return kind("global"), name
    return _BUILTIN_METHOD, (Named(owner) if isinstance(owner, type) else owner, value.__name__)


def module(value: ModuleType) -> Shape:
    """A module: its name."""
    if sys.modules.get(value.__name__) is not value:
        raise refuse(value, "its name does not lead to it in sys.modules")
    return _MODULE, (value.__name__,)


def _is_library(value: FunctionType | type) -> bool:
    """Whether it belongs to Python itself: its code changes with Python's version, its meaning doesn't."""
    name = global_name(value)
    if name is None or name[0].partition(".")[0] not in sys.stdlib_module_names:
        return False
    return not is_project(name[0])  # a user's module may have the name of one of Python's
