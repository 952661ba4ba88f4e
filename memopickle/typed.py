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
    from _collections import _tuplegetter
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

    class _Record(tuple):
        """What named tuples have; as those of collections, but the constructor is compiled when first called."""

        __slots__ = ()

        def __new__(cls, *values, **named):
            fields = ", ".join(cls._fields)
            made = eval(f"lambda cls, {fields}: new(cls, ({fields},))", {"new": tuple.__new__})  # noqa: S307
            made.__defaults__ = tuple(cls._field_defaults.values())
            made.__qualname__ = f"{cls.__qualname__}.__new__"
            cls.__new__ = staticmethod(made)
            return made(cls, *values, **named)

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, /, **changes):
            return type(self)(**{**self._asdict(), **changes})

        __replace__ = _replace

        def __repr__(self):
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

        def __getnewargs__(self):
            return tuple(self)

    def _named_tuple(name, bases, space):
        fields = tuple(space["__annotations__"])
        defaults = {field: space[field] for field in fields if field in space}
        getters = {field: _tuplegetter(index, "") for index, field in enumerate(fields)}
        facts = {"__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": defaults}
        return type(name, (_Record,), space | getters | facts)

    class _Base:
        """A class statement makes of it what ``metaclass=`` says of the class below."""

        def __mro_entries__(self, bases):
            return (_base,)

    class _Metaclass(type):
        def __new__(cls, name, bases, space):
            return _named_tuple(name, bases, space)

    _base = type.__new__(_Metaclass, "NamedTuple", (), {})
    NamedTuple = _Base()


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
