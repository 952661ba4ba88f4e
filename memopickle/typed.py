"""What modules on the way to a hit take from ``typing``: type checkers get the real names, running programs stand-ins.

Importing ``typing`` takes as long as starting half an interpreter, and its NamedTuple compiles each annotation; a
process that only wants one stored result would pay for both.
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

    class _Fields(type):
        """Makes a class of annotated fields a named tuple, as typing's own does."""

        def __new__(cls, name, bases, space):
            fields = space["__annotations__"]
            defaults = [space.pop(field) for field in fields if field in space]
            made = namedtuple(name, fields, defaults=defaults, module=space["__module__"])
            for key, value in space.items():
                if key != "__module__":
                    setattr(made, key, value)
            return made

    class NamedTuple:
        """Never a base class itself: the class below it becomes a plain named tuple."""

        def __mro_entries__(self, bases):
            return (_base,)

    _base = type.__new__(_Fields, "NamedTuple", (), {})
    NamedTuple = NamedTuple()


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
