"""The bytes of a value that belongs to code: an attribute of a class made at run time, a cell of a method.

Below ``keys`` and much simpler: constants and containers of them by value, code by its digest, anything else by
its type and attributes. A C object without attributes counts by its type alone.
"""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, ModuleType

from memopickle.code.constants import encode_constant, framed, is_constant
from memopickle.code.functioncode import captured, function_digest
from memopickle.code.origin import module_name_of
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Describer", "full_name"]


def full_name(obj: type | FunctionType | BuiltinFunctionType) -> str:
    """Return ``module:qualname``."""
    return f"{module_name_of(obj)}:{obj.__qualname__}"


class Describer:
    """Describes values; what it meets a second time, also in a cycle, is described by when it was met first."""

    def __init__(self, describe_class: Callable[[type, Describer], bytes]) -> None:
        self._describe_class = describe_class
        self._met: dict[int, int] = {}
        self._kept: list[object] = []  # an id is one object's only as long as the object lives

    def describe(self, value: object) -> bytes:
        """Return the bytes of any value."""
        if is_constant(value):
            return encode_constant(value)
        if isinstance(value, ModuleType):
            return framed(b"M", value.__name__.encode())
        if id(value) in self._met:
            return framed(b"R", b"%d" % self._met[id(value)])
        self._met[id(value)] = len(self._met)
        self._kept.append(value)
        return self._described(value)

    def describe_mapping(self, items: dict[str, object]) -> bytes:
        """Return the bytes of a namespace, in the order of its names."""
        return b"".join(encode_constant(name) + self.describe(items[name]) for name in sorted(items))

    def function(self, function: FunctionType) -> bytes:
        """Return a function by name, code and captured values; ``__class__`` is the class that it is described for."""
        cells = {name: value for name, value in captured(function).items() if name != "__class__"}
        code = full_name(function).encode() + function_digest(function)
        return framed(b"X", code) + self.describe(function.__defaults__) + self.describe_mapping(cells)

    def _described(self, value: object) -> bytes:
        if isinstance(value, type):
            return self._describe_class(value, self)
        if isinstance(value, FunctionType):
            return self.function(value)
        if isinstance(value, (list, tuple)):
            return framed(b"l", b"".join(map(self.describe, value)))
        if isinstance(value, (set, frozenset)):
            return framed(b"e", b"".join(sorted(map(self.describe, value))))
        if isinstance(value, dict):
            return framed(b"d", b"".join(sorted(self.describe(k) + self.describe(v) for k, v in value.items())))
        return self._object(value)

    def _object(self, value: object) -> bytes:
        name = getattr(value, "__qualname__", "") if isinstance(value, BuiltinFunctionType) else ""
        state = {key: item for key, item in _state(value).items() if key != "__doc__"}
        return framed(b"O", f"{full_name(type(value))} {name}".encode()) + self.describe_mapping(state)


def _state(value: object) -> dict[str, object]:
    """Return what a descriptor wraps, else attributes and slots."""
    if isinstance(value, (classmethod, staticmethod)):
        return {"__func__": value.__func__}
    if isinstance(value, property):
        return {"fget": value.fget, "fset": value.fset, "fdel": value.fdel}
    slots = [name for kind in type(value).__mro__ for name in _slots(kind)]
    return {
        **getattr(value, "__dict__", {}),
        **{name: getattr(value, name) for name in slots if name[:2] != "__" and hasattr(value, name)},
    }


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
