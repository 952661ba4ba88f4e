"""Taking a function for another: what may be decorated, and how the decorated one looks like it."""

from __future__ import annotations

import sys
from types import MethodType

from memopickle.errors import ConfigurationError
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

__all__ = ["check_function", "code_of", "imitate", "is_async", "named"]

_COPIED = (
    "__module__",
    "__name__",
    "__qualname__",
    "__doc__",
    "__annotations__",
    "__type_params__",
    "__isabstractmethod__",
)
#: What inspect.markcoroutinefunction and, before Python 3.12, asyncio set.
_MARKS = ("_is_coroutine_marker", "_is_coroutine")
_COROUTINE, _GENERATOR, _ASYNC_GENERATOR = 0x80, 0x20, 0x200  # inspect.CO_COROUTINE and so on


def check_function(function: object) -> None:
    """Refuse, when decorating, what can't be cached; ConfigurationError says why."""
    if not callable(function):
        hint = "; put @cached under @property" if isinstance(function, property) else ""
        raise ConfigurationError(f"@cached needs a function, not {function!r}{hint}")
    if _flags(function) & (_GENERATOR | _ASYNC_GENERATOR):
        name = getattr(function, "__qualname__", repr(function))
        raise ConfigurationError(f"{name} is a generator, whose results can be used only once; return a list instead")


def is_async(function: Any) -> bool:
    """Tell whether a call is to be awaited: of an ``async def``, or what is marked as one.

    As ``inspect.iscoroutinefunction``, which takes 17 ms to import, and for objects with an ``async def __call__`` too.
    """
    function = _innermost(function)
    return bool(_flags(function) & _COROUTINE) or any(hasattr(function, mark) for mark in _MARKS)


def code_of(function: Any) -> CodeType | None:
    """Return the code that a call runs first, None where it is not Python's."""
    function = _innermost(function)
    code: CodeType | None = getattr(function, "__code__", None)
    return code or getattr(type(function).__call__, "__code__", None)


def _flags(function: object) -> int:
    return getattr(code_of(function), "co_flags", 0)


def _innermost(function: Any) -> Any:
    """Return the function in a static or class method, a bound method, or a partial of one."""
    while True:
        if isinstance(function, staticmethod | classmethod | MethodType):
            function = function.__func__
        elif _is_partial(function):
            function = function.func
        else:
            return function


def _is_partial(obj: object) -> bool:
    return any(kind.__module__ == "functools" and kind.__qualname__ == "partial" for kind in type(obj).__mro__)


def imitate(imitation: Any, function: Callable[..., Any]) -> None:
    """Give an object the name, documentation, annotations and attributes of a function."""
    imitation.__dict__.update(getattr(function, "__dict__", {}))
    for name in _COPIED:
        if hasattr(function, name):
            setattr(imitation, name, getattr(function, name))
    imitation.__wrapped__ = function


def named(function: object) -> object:
    """Return what the function's own name leads to, where it leads anywhere."""
    found: object = sys.modules.get(getattr(function, "__module__", None) or "")
    for part in getattr(function, "__qualname__", "<lambda>").split("."):
        found = found.__dict__.get(part) if isinstance(found, type) else getattr(found, part, None)
    return found
