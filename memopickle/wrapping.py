"""Taking a function for another: what may be decorated, and how the decorated one looks like it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from memopickle.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check_function", "imitate", "named"]

_COPIED = (
    "__module__",
    "__name__",
    "__qualname__",
    "__doc__",
    "__annotations__",
    "__type_params__",
    "__isabstractmethod__",
)
_COROUTINE, _GENERATOR, _ASYNC_GENERATOR = 0x80, 0x20, 0x200  # inspect.CO_COROUTINE and so on


def check_function(function: object) -> None:
    """Refuse, when decorating, what can't be cached; ConfigurationError says why."""
    if not callable(function):
        hint = "; put @cached under @property" if isinstance(function, property) else ""
        raise ConfigurationError(f"@cached needs a function, not {function!r}{hint}")
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    name = getattr(function, "__qualname__", repr(function))
    if flags & (_GENERATOR | _ASYNC_GENERATOR):
        raise ConfigurationError(f"{name} is a generator, whose results can be used only once; return a list instead")
    if flags & _COROUTINE:
        raise ConfigurationError(f"{name} is a coroutine function; this version caches ordinary functions only")


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
