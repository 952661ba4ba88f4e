"""The oracle: whether two arguments are the same call, written apart from the keys.

It knows nothing of encodings: it looks at both values side by side, type by type, as docs/explanation/keys says.
Acyclic values only; tests of cycles say themselves what they expect.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import re
import struct
import types
import uuid
import zoneinfo


def same(a: object, b: object) -> bool:
    """Whether both are of one type and no function could tell them apart, save by dict order or identity."""
    if type(a) is not type(b):
        return False
    for kinds, compare in _RULES:
        if isinstance(a, kinds):
            return compare(a, b)
    return _objects(a, b)


def _equal(a, b):
    return a == b


def _floats(a, b):
    return struct.pack("<d", a) == struct.pack("<d", b)


def _complexes(a, b):
    return _floats(a.real, b.real) and _floats(a.imag, b.imag)


def _sequences(a, b):
    return len(a) == len(b) and all(map(same, a, b)) and _attributes(a, b)


def _deques(a, b):
    return a.maxlen == b.maxlen and _sequences(a, b)


def _unordered(a, b):
    """Whether the items can be paired off."""
    rest = list(b)
    for item in a:
        found = next((i for i, other in enumerate(rest) if same(item, other)), None)
        if found is None:
            return False
        del rest[found]
    return not rest and _attributes(a, b)


def _dicts(a, b):
    return _unordered(list(a.items()), list(b.items())) and _attributes(a, b)


def _defaultdicts(a, b):
    return a.default_factory is b.default_factory and _dicts(a, b)


def _ordered_dicts(a, b):
    return _sequences(list(a.items()), list(b.items())) and _attributes(a, b)


def _by(*names):
    return lambda a, b: all(same(getattr(a, name), getattr(b, name)) for name in names)


def _buffers(a, b):
    return (a.format, a.shape, a.tobytes()) == (b.format, b.shape, b.tobytes())


def _arrays(a, b):
    return (a.typecode, a.tobytes()) == (b.typecode, b.tobytes())


def _functions(a, b):
    captured = [tuple(cell.cell_contents for cell in f.__closure__ or ()) for f in (a, b)]
    return (
        (a.__module__, a.__qualname__, a.__code__) == (b.__module__, b.__qualname__, b.__code__)
        and same(a.__defaults__, b.__defaults__)
        and same(a.__kwdefaults__, b.__kwdefaults__)
        and same(*captured)
    )


def _exceptions(a, b):
    return same(a.args, b.args) and _attributes(a, b)


def _zones(a, b):
    return repr(a) == repr(b)


def _numpy_arrays(a, b):
    if (a.dtype.str, a.dtype.descr, a.shape) != (b.dtype.str, b.dtype.descr, b.shape):
        return False
    if a.dtype.hasobject:
        return same(a.tolist(), b.tolist())
    return a.tobytes() == b.tobytes()


def _objects(a, b):
    if type(a).__module__ == "numpy":
        return _numpy_arrays(a, b)
    return _attributes(a, b)


def _attributes(a, b):
    own = [_state(value) for value in (a, b)]
    return own[0].keys() == own[1].keys() and all(same(own[0][name], own[1][name]) for name in own[0])


def _state(value):
    slots = [name for cls in type(value).__mro__ for name in cls.__dict__.get("__slots__", ())]
    found = {name: getattr(value, name) for name in slots if hasattr(value, name) and not name.startswith("_")}
    return found | getattr(value, "__dict__", {})


_moment = ("hour", "minute", "second", "microsecond", "fold", "tzinfo")
_RULES = (
    (enum.Enum, lambda a, b: a is b or same(a.value, b.value)),
    ((type, types.ModuleType, types.BuiltinFunctionType), lambda a, b: a is b),
    ((bool, type(None), type(...), type(NotImplemented)), lambda a, b: a is b),
    ((str, bytes, int), lambda a, b: _equal(a, b) and _attributes(a, b)),
    (bytearray, _equal),
    (float, _floats),
    (complex, _complexes),
    ((list, tuple), _sequences),
    (collections.deque, _deques),
    (collections.OrderedDict, _ordered_dicts),
    (collections.defaultdict, _defaultdicts),
    (collections.Counter, _dicts),
    (types.MappingProxyType, lambda a, b: _dicts(dict(a), dict(b))),
    (dict, lambda a, b: _dicts(a, b) if type(a) is dict else _ordered_dicts(a, b)),
    ((set, frozenset), _unordered),
    (memoryview, _buffers),
    (array.array, _arrays),
    (range, _by("start", "stop", "step")),
    (slice, _by("start", "stop", "step")),
    (datetime.datetime, _by("year", "month", "day", *_moment)),
    (datetime.date, _by("year", "month", "day")),
    (datetime.time, _by(*_moment)),
    (datetime.timedelta, _equal),
    ((datetime.timezone, zoneinfo.ZoneInfo), _zones),
    (decimal.Decimal, lambda a, b: a.as_tuple() == b.as_tuple()),
    (fractions.Fraction, _by("numerator", "denominator")),
    (uuid.UUID, _by("int")),
    (pathlib.PurePath, lambda a, b: str(a) == str(b)),
    (re.Pattern, _by("pattern", "flags")),
    (functools.partial, _by("func", "args", "keywords")),
    (types.FunctionType, _functions),
    (types.MethodType, _by("__func__", "__self__")),
    (types.GenericAlias, _by("__origin__", "__args__")),
    (types.UnionType, _by("__args__")),
    (BaseException, _exceptions),
)
