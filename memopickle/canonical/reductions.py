"""Objects by what pickle would reduce them to: a callable, its arguments, a state, items. Nothing is executed.

The class in a reduction is known by its name where the name leads to it, as in a pickle, so that an edit of a
method does not orphan every result for its instances. In ``__main__`` names come and go: there, and for a class
that no name leads to, the code counts too.
"""

from __future__ import annotations

import copyreg
import sys
from types import MethodType
from typing import TYPE_CHECKING, Any

from memopickle.canonical.nodes import OBJECT, Named, Shape, Unordered, kind
from memopickle.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["global_name", "reduced", "refuse", "type_name"]

_REDUCED, _GLOBAL = kind("reduced"), kind("global")
_PROTOCOL = 5
_UNORDERED_MAPPINGS = {"collections.Counter", "collections.defaultdict"}


def reduced(value: object) -> Shape:
    """Take any object apart by its reduction."""
    if type(value) is object:
        raise refuse(value, "a bare object() is nothing but its identity, which no other process shares")
    parts = _reduction(value)
    if isinstance(parts, str):
        return _singleton(value, parts)
    function, args, state, items, pairs, setter = [*parts, None, None, None, None][:6]
    _refuse_address(value, args)
    if function is copyreg.__newobj__:  # type: ignore[attr-defined]
        function, args = args[0], args[1:]
    if type(state) is dict and not state:
        state = None
    if isinstance(function, type) and not args and items is pairs is setter is None:
        return OBJECT, (Named(function), state)
    return _REDUCED, (Named(function), state, _names(args), _items(items), _pairs(value, pairs), setter)


def named(stand_in: Named) -> Shape | None:
    """The shape of a name that leads to its target; ``None`` where the target itself has to be looked at."""
    target = stand_in.target
    if isinstance(target, MethodType) and isinstance(target.__self__, type):
        return kind("method of class"), (Named(target.__self__), target.__name__)
    name = global_name(target)
    return (_GLOBAL, name) if name and name[0] not in ("__main__", "__mp_main__") else None


def global_name(target: object) -> tuple[str, str] | None:
    """Module and qualified name of a class or function, if they lead to it."""
    module = getattr(target, "__module__", None)
    name = getattr(target, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    return (_stable(module), name) if _found(module, name) is target else None


def refuse(value: object, reason: str) -> UnkeyableError:
    """The error for a value that can't be keyed; where it was found is added by whoever knows."""
    return UnkeyableError(type_name(type(value)), reason=reason)


def type_name(cls: type) -> str:
    """The name of a type for people: built-in ones without module."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _reduction(value: object) -> str | tuple[Any, ...]:
    reducer = copyreg.dispatch_table.get(type(value))
    try:
        found = reducer(value) if reducer else value.__reduce_ex__(_PROTOCOL)
    except (MemoryError, UnkeyableError):
        raise
    except Exception as error:
        raise refuse(value, str(error) or type(error).__name__) from error
    if not isinstance(found, str | tuple) or (isinstance(found, tuple) and not 2 <= len(found) <= 6):  # noqa: PLR2004
        raise refuse(value, "its __reduce__ returns neither a name nor 2 to 6 parts")
    return found


def _singleton(value: object, name: str) -> Shape:
    """A reduction that is a string says under which name of its module the object itself is found."""
    module = getattr(value, "__module__", None) or type(value).__module__
    if _found(module, name) is not value:
        raise refuse(value, f"its reduction is the name {name!r}, which does not lead to it in {module}")
    return _GLOBAL, (_stable(module), name)


def _refuse_address(value: object, args: Sequence[object]) -> None:
    """A reduction that holds the object's address is another one in every process."""
    address = id(value)
    for arg in args:
        if (type(arg) is int and arg == address) or (type(arg) is str and f"0x{address:x}" in arg):
            raise refuse(value, "its reduction holds its address in memory, which is another one in every process")


def _names(args: Sequence[object]) -> tuple[object, ...]:
    return tuple(Named(arg) if isinstance(arg, type) else arg for arg in args)


def _items(items: Any) -> tuple[object, ...]:
    return () if items is None else tuple(items)


def _pairs(value: object, pairs: Any) -> object:
    # Equal Counters and defaultdicts are one whatever their order, as plain dicts are. Other subclasses may
    # mean their order, as OrderedDict does.
    if pairs is None:
        return ()
    return Unordered(pairs) if type_name(type(value)) in _UNORDERED_MAPPINGS else tuple(pairs)


def _found(module: str, name: str) -> object:
    target: object = sys.modules.get(module)
    for part in name.split("."):
        target = getattr(target, part, None)
    return target


def _stable(module: str) -> str:
    # NumPy 2 put an underscore before its core; what is pickled from there is the same.
    return module.replace("numpy._core", "numpy.core", 1)
