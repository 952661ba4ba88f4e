"""The digest of a class: what its definition says, if the definition at hand is that of the loaded class.

An expression in a class body that was edited between import and first use is not noticed: the interpreter does
not keep the code of the body. Without a definition that fits (no source, made by ``type()``, methods replaced) the
attributes themselves count.
"""

from __future__ import annotations

import operator
import sys
from types import FunctionType

from blake3 import blake3

from memopickle.code.classdefinition import class_definitions_of
from memopickle.code.constants import encode_constant, framed
from memopickle.code.definition import FUTURE_ANNOTATIONS
from memopickle.code.describe import Describer, full_name
from memopickle.code.functioncode import DecoratorTest, captured
from memopickle.code.origin import is_memopickle, is_project, is_standard_library
from memopickle.code.recent import Recent
from memopickle.code.syntax import syntax_digest
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["class_digest", "code_of", "functions_in"]

_GENERATED = ("<string>", "<attrs generated")  # where dataclasses, namedtuples and attrs say their methods come from
_known: Recent[int, tuple[list[object], bytes | None]] = Recent(512)
_NOT_CODE = frozenset({
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__abstractmethods__", "_abc_impl", "__annotations_cache__",
})  # fmt: skip


def class_digest(cls: type) -> bytes:
    """Return the digest (32 bytes) of a class and of those of its bases that are the project's own.

    A class that comes with Python is known by its name.
    """
    form = _named(cls) if is_standard_library(cls) else _whole(cls, Describer(_class_form))
    return blake3(form).digest()


def methods_of(cls: type) -> list[tuple[str, FunctionType]]:
    """Return the functions that a class itself holds, by attribute; those inside properties and wrappers too."""
    return [(name, found) for name, value in sorted(cls.__dict__.items()) for found in functions_in(value)]


def code_of(cls: type) -> list[FunctionType]:
    """Return the methods that someone wrote, in the class or elsewhere; not those generated from the class's body."""
    foreign = [method for name, method in methods_of(cls) if _is_foreign(cls, name, method)]
    return [*_written_in(cls), *foreign]


def functions_in(value: object) -> Iterator[FunctionType]:
    """Give the functions that an attribute of a class consists of."""
    if isinstance(value, FunctionType):
        yield value
    if isinstance(value, property):
        inner = [value.fget, value.fset, value.fdel]
    elif isinstance(value, (classmethod, staticmethod)):
        inner = [value.__func__]
    elif is_memopickle(value):
        inner = [getattr(value, "__wrapped__", None)]
    else:
        state = getattr(value, "__dict__", None)
        inner = [state.get("__wrapped__"), state.get("func")] if isinstance(state, dict) else []
    for part in inner:
        yield from functions_in(part)


def _class_form(cls: type, describer: Describer) -> bytes:
    return _whole(cls, describer) if is_project(cls.__module__) else _named(cls)


def _named(cls: type) -> bytes:
    return framed(b"K", full_name(cls).encode())


def _whole(cls: type, describer: Describer) -> bytes:
    bases = [_class_form(kind, describer) for kind in (*cls.__bases__, type(cls)) if kind not in (object, type)]
    return _named(cls) + framed(b"b", b"".join(bases)) + framed(b"k", _body(cls, describer))


def _written_in(cls: type) -> list[FunctionType]:
    """Return the methods that are written in a class, those that a decorator's wrapper captured too."""
    methods = [method for _, method in methods_of(cls)]
    inner = [found for method in methods for value in captured(method).values() for found in functions_in(value)]
    return [method for method in dict.fromkeys((*methods, *inner)) if _is_own(cls, method)]


def _body(cls: type, describer: Describer) -> bytes:
    definition = _definition(cls)
    if definition is None:
        attributes = {name: value for name, value in cls.__dict__.items() if name not in _NOT_CODE}
        return framed(b"A", describer.describe_mapping(attributes))
    methods = methods_of(cls)
    foreign = [encode_constant(name) + _put_in(m, describer) for name, m in methods if _is_foreign(cls, name, m)]
    cells = [_cells(method, describer) for method in _written_in(cls)]
    values = describer.describe_mapping(_values(cls)) if "<locals>" in cls.__qualname__ else b""
    return definition + b"".join(framed(b"m", b"".join(part)) for part in (foreign, cells, [values]))


def _values(cls: type) -> dict[str, object]:
    """Find the attributes of a class made in a function; what they were computed from may differ from call to call."""
    fields: dict[str, object] = cls.__dict__.get("__dataclass_fields__", {})
    plain = {
        name: value
        for name, value in cls.__dict__.items()
        if not name.endswith("_") and name not in _NOT_CODE and not any(functions_in(value))
    }
    return {**plain, **{f"{name} by default": getattr(field, "default", None) for name, field in fields.items()}}


def _put_in(method: FunctionType, describer: Describer) -> bytes:
    home = _home(method)
    return describer.describe(method) if is_project(home) else framed(b"K", home.encode())


def _cells(method: FunctionType, describer: Describer) -> bytes:
    values = {name: value for name, value in captured(method).items() if name != "__class__"}
    return describer.describe_mapping(values)


def _is_foreign(cls: type, name: str, method: FunctionType) -> bool:
    """Tell whether a method is neither written in the class nor generated from what is written there."""
    if _is_own(cls, method) or method.__code__.co_filename.startswith(_GENERATED):
        return False
    special = name[:1] == name[-1:] == "_"  # what metaclasses of the standard library add, which versions vary
    return is_project(_home(method)) or not special


def _home(method: FunctionType) -> str:
    """Return the module whose code it is; ``__module__`` may have been copied to it."""
    return str(method.__globals__.get("__name__"))


def _is_own(cls: type, method: FunctionType) -> bool:
    return method.__code__.co_qualname.startswith(f"{cls.__qualname__}.")


def _definition(cls: type) -> bytes | None:
    """Return the digest of the class's definition, or ``None`` if none surely is its own; looked up once."""
    content = _content(cls)
    known = _known.get(id(cls))
    if known is None or not _is_same(known[0], content):
        known = _known.keep(id(cls), (content, _find_definition(cls)))
    return known[1]


def _content(cls: type) -> list[object]:
    """Return what a class consists of; kept, it also keeps the ids of all that from being used again."""
    attributes = [part for name, value in cls.__dict__.items() for part in (name, value, getattr(value, "__code__", 0))]
    return [cls, *attributes]


def _is_same(one: list[object], other: list[object]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))


def _find_definition(cls: type) -> bytes | None:
    own = _written_in(cls)
    module = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    is_ours = DecoratorTest(own[0].__globals__ if own else module, {})
    digests = {
        syntax_digest(node, is_ours=is_ours, text_annotations=bool(flags & FUTURE_ANNOTATIONS))
        for node, flags in class_definitions_of(cls, [method.__code__ for method in own], module)
    }
    return digests.pop() if len(digests) == 1 else None
