"""What modules on the way to a hit take from ``typing``: type checkers get the real names, running programs stand-ins.

Importing ``typing`` takes half as long as starting an interpreter, and its NamedTuple compiles each annotation; a
process that only wants one stored result would pay for both. NamedTuple here is that of collections.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import (
        Any,
        Concatenate,
        Final,
        Generic,
        NamedTuple,
        NoReturn,
        ParamSpec,
        Protocol,
        Self,
        TypeAlias,
        TypedDict,
        TypeVar,
        overload,
    )

    #: Bytes, in whatever holds them.
    Blob: TypeAlias = bytes | bytearray | memoryview
else:
    from collections import namedtuple
    from types import GenericAlias

    Any = Concatenate = Final = NoReturn = Self = TypeAlias = object  # in annotations only, which nobody evaluates

    def overload(function):
        return function

    def TypeVar(name, **_):  # noqa: N802
        return name

    ParamSpec = TypeVar

    class Generic:
        __slots__ = ()

        def __class_getitem__(cls, parameters):
            return cls if cls is Generic else GenericAlias(cls, parameters)

    class Protocol:
        __slots__ = ()

    class TypedDict(dict):
        def __init_subclass__(cls, total=True):
            super().__init_subclass__()

    def _named_tuple(name, space):
        fields = tuple(space["__annotations__"])
        defaults = [space.pop(field) for field in fields if field in space]
        made = namedtuple(name, fields, defaults=defaults, module=space.pop("__module__"))
        for attribute, value in space.items():  # the docstring, properties and methods
            setattr(made, attribute, value)
        return made

    class _NamedTupleMeta(type):
        def __new__(cls, name, bases, space):
            return _named_tuple(name, space) if bases else super().__new__(cls, name, bases, space)

    class NamedTuple(metaclass=_NamedTupleMeta):
        __slots__ = ()


__all__ = [
    "TYPE_CHECKING",
    "Any",
    "Concatenate",
    "Final",
    "Generic",
    "NamedTuple",
    "NoReturn",
    "ParamSpec",
    "Protocol",
    "Self",
    "TypeAlias",
    "TypeVar",
    "TypedDict",
    "overload",
]
