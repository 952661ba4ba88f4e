"""``track_code="deep"``: the code that a function names, what that names in turn, and the values so named.

Followed are the globals and cells that the loaded code loads, attributes of modules and classes (``mod.helper``,
``Class.method``), methods and bases of classes, and imports inside functions. Only the project's own code is
followed; of other code the name counts. A global that is neither code nor a module counts by its value, or, if
that can't be keyed, by its type alone: a lock or a connection must not keep results from being found. Not seen:
what is looked up by a string (``getattr``, registries by name), methods of objects that are passed around, and
what a module does that a function imports and that is not loaded yet, beyond its own text.
"""

from __future__ import annotations

from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from memopickle.code import code_digest
from memopickle.code.classcode import code_of, functions_in
from memopickle.code.constants import encode_constant, framed
from memopickle.code.describe import full_name
from memopickle.code.functioncode import captured
from memopickle.code.origin import is_memopickle, is_project
from memopickle.deep.named import Names, names_in
from memopickle.deep.unloaded import module_digest
from memopickle.keys import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["deep_form"]

_ABSENT = object()


def deep_form(
    roots: Iterable[FunctionType | type],
    in_project: Callable[[str], bool] = is_project,
    parts: dict[str, bytes] | None = None,
) -> bytes:
    """Return bytes that change with the code and the values that these functions reach.

    Args:
        roots: functions and classes; they are followed wherever they come from.
        in_project: whether to follow the code of a module, by its name.
        parts: gets the form of each function and class that was reached, by its name.

    """
    return _Walk(in_project, {} if parts is None else parts).follow(list(roots))


class _Walk:
    """Visits everything once, in the order in which it is first named; names are taken in alphabetical order."""

    def __init__(self, in_project: Callable[[str], bool], parts: dict[str, bytes]) -> None:
        self._in_project = in_project
        self._parts = parts
        self._numbers: dict[int, int] = {}
        self._queue: list[FunctionType | type] = []

    def follow(self, roots: list[FunctionType | type]) -> bytes:
        for root in roots:
            self._enqueue(root)
        # The queue grows while it is read.
        return b"".join([self._visit(obj) for obj in self._queue])

    def _visit(self, obj: FunctionType | type) -> bytes:
        form = self._class(obj) if isinstance(obj, type) else self._function(obj)
        self._parts[full_name(obj)] = form
        return form

    def _enqueue(self, obj: FunctionType | type) -> bytes:
        """Give the object's number, the same in every process as it counts visits."""
        if id(obj) not in self._numbers:
            self._numbers[id(obj)] = len(self._numbers)
            self._queue.append(obj)
        return framed(b"R", b"%d" % self._numbers[id(obj)])

    def _function(self, function: FunctionType) -> bytes:
        names = names_in(function.__code__)
        cells = captured(function)
        found = [self._path(path, cells, function.__globals__) for path in sorted(names.paths)]
        found += [self._imported(module, names, function) for module in sorted(names.imports)]
        if "__wrapped__" in function.__dict__:
            found.append(self._refer(function.__dict__["__wrapped__"]))
        code = full_name(function).encode() + code_digest(function)
        return framed(b"X", code) + framed(b"g", b"".join(found))

    def _class(self, cls: type) -> bytes:
        bases = [self._refer(kind) for kind in cls.__bases__]
        methods = [self._refer(method) for method in code_of(cls)]
        code = full_name(cls).encode() + code_digest(cls)
        return framed(b"X", code) + framed(b"g", b"".join((*bases, *methods)))

    def _path(self, path: tuple[str, ...], cells: dict[str, Any], namespace: dict[str, Any]) -> bytes:
        """Follow a name and its attributes as far as they are fixed: through modules and classes."""
        value: Any = cells.get(path[0], namespace.get(path[0], _ABSENT))
        if value is _ABSENT:  # a builtin, or not defined yet
            return b""
        found = [encode_constant(path), self._refer(value)]
        for name in path[1:]:
            if not self._is_open(value):
                break
            value = _stored(value, name)
            found.append(self._refer(value))
        return b"".join(found)

    def _is_open(self, value: object) -> bool:
        """Tell whether attributes are looked at: not those of others' modules, such as ``os.environ``, ``sys.argv``."""
        if isinstance(value, ModuleType):
            return self._in_project(value.__name__)
        return isinstance(value, type) and self._in_project(value.__module__)

    def _imported(self, name: tuple[str, int], names: Names, function: FunctionType) -> bytes:
        """Follow an import inside a function: whatever of that module the function may mean by its names."""
        found = []
        for module in names.modules(name, function.__globals__):
            found.append(encode_constant(module.name))
            if module.loaded is None:
                found.append(module_digest(module.name, self._in_project))
            else:
                space = vars(module.loaded)
                found += [encode_constant(n) + self._refer(space[n]) for n in sorted(names.every & space.keys())]
        return b"".join(found)

    def _refer(self, value: Any) -> bytes:
        """Note what a name leads to, and visit it later if it is the project's own code."""
        if isinstance(value, ModuleType):
            return framed(b"M", value.__name__.encode())
        if value is _ABSENT or (is_memopickle(value) and not hasattr(type(value), "__memopickle_key__")):
            return b""
        functions = list(_code_in(value))
        if functions:
            return b"".join(map(self._code, functions))
        return self._value(value)

    def _code(self, obj: FunctionType | type) -> bytes:
        home = obj.__module__ if isinstance(obj, type) else str(obj.__globals__.get("__name__"))
        if self._in_project(home):
            return self._enqueue(obj)
        return framed(b"K", full_name(obj).encode())

    def _value(self, value: object) -> bytes:
        kind = self._code(type(value))
        if full_name(type(value)) == "os:_Environ":  # no two processes have the same
            return kind
        try:
            return kind + framed(b"D", digest(value))
        except Exception:  # noqa: BLE001 - a value's own reduction may raise anything
            return kind


def _code_in(value: Any) -> Iterator[FunctionType | type]:
    if isinstance(value, type):
        yield value
    elif isinstance(value, MethodType):
        yield from functions_in(value.__func__)
    else:
        yield from functions_in(value)


def _stored(owner: Any, name: str) -> object:
    """Return an attribute as it is stored, so that nothing runs."""
    spaces = [vars(kind) for kind in owner.__mro__] if isinstance(owner, type) else [vars(owner)]
    return next((space[name] for space in spaces if name in space), _ABSENT)
