"""What each type is made of: the parts of a value, in an order that depends on the value alone.

``shape(value)`` takes one value apart, one level deep; who walks the parts is none of its business. Types are
recognised by name, so that none of their modules has to be imported for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    GenericAlias,
    MappingProxyType,
    MethodType,
    ModuleType,
    UnionType,
)
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from blake3 import blake3

from memopickle.canonical import arrays, callables, columns, tables
from memopickle.canonical.nodes import DICT, LIST, SORTABLE, TUPLE, UNORDERED, Named, Shape, Unordered, kind
from memopickle.canonical.records import is_plain, plain
from memopickle.canonical.reductions import named, reduced, refuse
from memopickle.errors import UnkeyableError

__all__ = ["shape"]

Handler: TypeAlias = Callable[[Any], Shape]

_known: WeakKeyDictionary[type, Handler] = WeakKeyDictionary()


def shape(value: object) -> Shape:
    """Take a value apart that is no scalar.

    Raises:
        UnkeyableError: for a value that has no parts which another process would share; without its path.

    """
    handler = _BUILTIN.get(type(value)) or _known.get(type(value))
    if handler is None:
        handler = _known[type(value)] = _handler_of(type(value))
    try:
        return handler(value)
    except (MemoryError, UnkeyableError):
        raise
    except Exception as error:  # properties, __reduce_ex__ and views are other people's code
        raise refuse(value, str(error) or type(error).__name__) from error


def _handler_of(cls: type) -> Handler:
    if any("__memopickle_key__" in vars(base) for base in cls.__mro__):
        return _stand_in
    if issubclass(cls, type):
        return callables.class_
    by_name = _BY_NAME.get((cls.__module__.partition(".")[0], cls.__qualname__))
    if by_name is not None:
        return by_name
    for base in cls.__mro__:
        by_base = _BY_BASE.get((base.__module__.partition(".")[0], base.__qualname__))
        if by_base is not None:
            return by_base
    if hasattr(cls, "__next__") and cls.__module__ in ("builtins", "itertools"):
        return _iterator
    return _object


def _object(value: object) -> Shape:
    return plain(value) if is_plain(type(value)) else reduced(value)


def _stand_in(value: Any) -> Shape:
    other = type(value).__memopickle_key__(value)
    return kind("stand-in"), (other,)


def _dict(value: dict[object, object]) -> Shape:
    own = value.copy()  # other threads may change the original meanwhile
    types = set(map(type, own))
    if len(types) == 1 and types <= SORTABLE:
        keys = tuple(sorted(own))  # type: ignore[type-var]
        return DICT, (keys, tuple(map(own.__getitem__, keys)))
    return _MIXED_DICT, (Unordered(own.items()),) if own else ()


def _slice(value: slice) -> Shape:
    return kind("slice"), (value.start, value.stop, value.step)


def _bytearray(value: bytearray) -> Shape:
    return kind("bytearray"), (bytes(value),)


def _memoryview(value: memoryview) -> Shape:
    whole = value if value.c_contiguous else memoryview(value.tobytes())
    content = blake3(whole.cast("B")).digest() if value.nbytes else b""
    return kind("memoryview"), (value.format, value.shape, content)


def _pickle_buffer(value: Any) -> Shape:
    return _memoryview(memoryview(value))


def _array(value: Any) -> Shape:
    if sys.byteorder == "big":
        value = value[:]
        value.byteswap()
    return kind("array"), (value.typecode, value.itemsize, len(value), blake3(value.tobytes()).digest())


def _iterator(value: object) -> Shape:
    raise refuse(value, "an iterator is used up by the call, and would not be by a cached one")


def _decimal(value: Any) -> Shape:
    return kind("Decimal"), tuple(value.as_tuple())


def _datetime(value: Any) -> Shape:
    day = (value.year, value.month, value.day)
    return kind("datetime"), (*day, *_clock(value))


def _clock(value: Any) -> tuple[object, ...]:
    return value.hour, value.minute, value.second, value.microsecond, value.fold, value.tzinfo


def _zone(value: Any) -> Shape:
    if value.key is None:
        raise refuse(value, "it was read from a file and has no name")
    return kind("ZoneInfo"), (value.key,)


def _path(value: Any) -> Shape:
    return kind("path"), (type(value).__name__, str(value))


def _path_subclass(value: Any) -> Shape:
    # Its own reduction has the parts of the path only, not the attributes that a subclass adds.
    return kind("path subclass"), (Named(type(value)), str(value), getattr(value, "__dict__", None))


def _enum(value: Any) -> Shape:
    content = None if type(value.value) is object else value.value  # nothing but to be a value of its own
    return kind("enum"), (Named(type(value)), value.name, content)


def _flag(value: Any) -> Shape:
    return kind("flag"), (Named(type(value)), value.value)  # the name of a combination varies by Python version


def _cached_function(value: Any) -> Shape:
    return kind("lru_cache"), (value.__wrapped__,)


def _parts(name: str, *attributes: str) -> Handler:
    """The handler of a type that these attributes say all about."""
    head = kind(name)

    def parts(value: object) -> Shape:
        return head, [getattr(value, attribute) for attribute in attributes]

    return parts


def _constant(name: str) -> Handler:
    head = kind(name)
    return lambda _: (head, ())


_MIXED_DICT = kind("mixed dict")
_SET, _FROZENSET, _PROXY = kind("set"), kind("frozenset"), kind("mappingproxy")

_BUILTIN: dict[type, Handler] = {
    list: lambda value: (LIST, tuple(value)),
    tuple: lambda value: (TUPLE, value),
    dict: _dict,
    set: lambda value: (_SET, (Unordered(value),)),
    frozenset: lambda value: (_FROZENSET, (Unordered(value),)),
    Unordered: lambda value: (UNORDERED, value.items),
    Named: lambda value: named(value) or shape(value.target),
    bytearray: _bytearray,
    memoryview: _memoryview,
    range: _parts("range", "start", "stop", "step"),
    slice: _slice,
    type(NotImplemented): _constant("NotImplemented"),
    type: callables.class_,
    FunctionType: callables.function,
    MethodType: callables.method,
    BuiltinFunctionType: callables.builtin,
    CellType: callables.cell,
    ModuleType: callables.module,
    MappingProxyType: lambda value: (_PROXY, (dict(value),)),
    GenericAlias: _parts("GenericAlias", "__origin__", "__args__", "__unpacked__"),
    UnionType: _parts("UnionType", "__args__"),
    property: _parts("property", "fget", "fset", "fdel"),
    staticmethod: _parts("staticmethod", "__func__"),
    classmethod: _parts("classmethod", "__func__"),
}

_BY_NAME: dict[tuple[str, str], Handler] = {
    ("_pickle", "PickleBuffer"): _pickle_buffer,
    ("array", "array"): _array,
    ("collections", "deque"): lambda value: (kind("deque"), (tuple(value), value.maxlen)),
    ("datetime", "date"): _parts("date", "year", "month", "day"),
    ("datetime", "datetime"): _datetime,
    ("datetime", "time"): lambda value: (kind("time"), _clock(value)),
    ("datetime", "timedelta"): _parts("timedelta", "days", "seconds", "microseconds"),
    ("datetime", "timezone"): lambda value: (kind("timezone"), value.__getinitargs__()),
    ("decimal", "Decimal"): _decimal,
    ("fractions", "Fraction"): _parts("Fraction", "numerator", "denominator"),
    ("functools", "_lru_cache_wrapper"): _cached_function,
    ("functools", "partial"): _parts("partial", "func", "args", "keywords", "__dict__"),
    ("pathlib", "PosixPath"): _path,
    ("pathlib", "PurePosixPath"): _path,
    ("pathlib", "PureWindowsPath"): _path,
    ("pathlib", "WindowsPath"): _path,
    ("pickle", "PickleBuffer"): _pickle_buffer,
    ("re", "Pattern"): _parts("Pattern", "pattern", "flags"),
    ("uuid", "UUID"): lambda value: (kind("UUID"), (value.int, value.is_safe.value)),
    ("zoneinfo", "ZoneInfo"): _zone,
}

_BY_BASE: dict[tuple[str, str], Handler] = {
    ("enum", "Flag"): _flag,
    ("enum", "Enum"): _enum,
    ("pathlib", "PurePath"): _path_subclass,
    **arrays.HANDLERS,
    **columns.HANDLERS,
    **tables.HANDLERS,
}
