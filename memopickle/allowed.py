"""Pickles that name nothing but what is allowed: nothing else is written, and nothing else imported or run."""

from __future__ import annotations

import copyreg
import io
from types import BuiltinFunctionType, FunctionType, ModuleType

from memopickle import pickling as pickle
from memopickle.errors import BadPayloadError, ConfigurationError
from memopickle.pattern import pattern
from memopickle.pickling import PROTOCOL
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from memopickle.serializers import InBand

__all__ = ["AllowedPickler", "load_allowed", "names_of"]

_NAME = pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def names_of(allowed: Iterable[object]) -> frozenset[str]:
    """Return the names, ``module:qualname``, of what was given as objects or by name; ConfigurationError."""
    if isinstance(allowed, str) or callable(allowed):
        raise ConfigurationError(f"allowed={allowed!r}: give a list of classes")
    return frozenset(map(_name_of, allowed))


def load_allowed(stream: bytes | memoryview, buffers: Sequence[memoryview], allowed: frozenset[str]) -> Any:
    """Return the value; BadPayloadError names what is not allowed, before anything of it has run."""
    # Classes registered by number (PEP 307) are found here without being asked for by name.
    copyreg.clear_extension_cache()
    return _Unpickler(stream, buffers, allowed).load()


class AllowedPickler(pickle.Pickler):
    """Refuses what could not be loaded again, so that it is told once and not at every call."""

    def __init__(self, file: Any, in_band: InBand | None, allowed: frozenset[str]) -> None:
        super().__init__(file, PROTOCOL, buffer_callback=in_band)
        self._allowed = allowed

    def reducer_override(self, obj: Any) -> Any:
        if _stands_by_name(obj):
            name = _written_name(obj, obj.__qualname__)
            if name not in self._allowed:
                raise _refusal(name)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Finds what is allowed and nothing else; nothing is imported for the rest."""

    def __init__(self, stream: bytes | memoryview, buffers: Sequence[memoryview], allowed: frozenset[str]) -> None:
        super().__init__(io.BytesIO(stream), buffers=buffers)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}:{name}"
        if full not in self._allowed:
            raise _refusal(full)
        return super().find_class(module, name)


def _refusal(name: str) -> BadPayloadError:
    return BadPayloadError(f"the result names {name}, which is not among allowed=; add it if it is harmless")


def _stands_by_name(value: object) -> bool:
    if isinstance(value, BuiltinFunctionType):
        return isinstance(value.__self__, ModuleType | None)  # others are methods, and pickled by getattr
    # None, ... and NotImplemented lead to their types.
    return isinstance(value, type | FunctionType) and value not in (type(None), type(...), type(NotImplemented))


def _name_of(item: object) -> str:
    if isinstance(item, str):
        if not _NAME.fullmatch(item):
            raise ConfigurationError(f"allowed={item!r}: write it as 'module:qualname', such as 'decimal:Decimal'")
        return item
    qualname = getattr(item, "__qualname__", "")
    if not qualname or "<" in qualname or not callable(item):
        raise ConfigurationError(f"allowed={item!r}: give a class or function that its module's name for it leads to")
    return _written_name(item, qualname)


def _written_name(item: object, qualname: str) -> str:
    from pickle import whichmodule  # type: ignore[attr-defined]  # what pickle itself asks

    module: str = whichmodule(item, qualname)
    return f"{module}:{qualname}"
