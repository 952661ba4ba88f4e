"""Call forms: ``f(1)``, ``f(x=1)`` and ``f(1, y=default)`` give one tuple of values.

For each function a small function of the same signature is made once, which returns its arguments: the interpreter
itself then does the binding, thirty times faster than ``inspect.Signature.bind`` and with the same rules.
"""

from __future__ import annotations

from types import FunctionType

from memopickle.errors import ConfigurationError
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Binder", "check_ignored", "make_binder"]

_VARARGS, _VARKEYWORDS = 0x04, 0x08  # inspect.CO_VARARGS, inspect.CO_VARKEYWORDS


class Binder(NamedTuple):
    """The names that take part in the key, and how to get their values from a call (TypeError for a wrong call)."""

    names: tuple[str, ...]
    bind: Callable[..., tuple[Any, ...]]
    shape: Shape

    def own_names(self) -> tuple[str, ...]:
        """Return the names without that of the parameter that takes all other keywords."""
        return tuple(name for name in self.names if name != self.shape.varkeywords)

    def own_values(self, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the values that ``own_names`` stand for; None for a call with other keywords, which are in the key."""
        if self.shape.varkeywords not in self.names:
            return values
        return None if values[-1] else values[:-1]


class Shape(NamedTuple):
    """A signature, as far as binding goes."""

    positional_only: tuple[str, ...]
    positional: tuple[str, ...]
    varargs: str
    keyword_only: tuple[str, ...]
    varkeywords: str
    defaults: tuple[Any, ...]
    keyword_defaults: dict[str, Any]

    def names(self) -> tuple[str, ...]:
        every = (*self.positional_only, *self.positional, self.varargs, *self.keyword_only, self.varkeywords)
        return tuple(name for name in every if name)

    def signature(self) -> str:
        """Return the parameters as they stand in a ``def``, without defaults."""
        parts = list(self.positional_only)
        if parts:
            parts.append("/")
        parts += self.positional
        if self.varargs or self.keyword_only:
            parts.append("*" + self.varargs)
        parts += self.keyword_only
        if self.varkeywords:
            parts.append("**" + self.varkeywords)
        return ", ".join(parts)

    def passed_on(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what a call that passes on its arguments has by position, and by name."""
        rest = (f"*{self.varargs}",) if self.varargs else ()
        return (*self.positional_only, *self.positional, *rest), self.keyword_only

    def named_defaults(self) -> Iterable[tuple[str, object]]:
        plain = (*self.positional_only, *self.positional)
        yield from zip(plain[len(plain) - len(self.defaults) :], self.defaults, strict=True)
        yield from self.keyword_defaults.items()


def check_ignored(function: Callable[..., Any], ignore: Iterable[str]) -> None:
    """Raise ConfigurationError unless every ignored name is a parameter of the function."""
    names = _shape(function).names()
    unknown = sorted(frozenset(ignore).difference(names))
    if unknown:
        name = getattr(function, "__qualname__", repr(function))
        has = ", ".join(names) or "none"
        raise ConfigurationError(f"ignore={unknown[0]!r}: {name} has no such parameter; it has {has}")


class Default(NamedTuple):
    """Stands in a key for a default that has none of its own, such as ``_MISSING = object()``."""

    parameter: str


def make_binder(
    function: Callable[..., Any], ignore: Iterable[str], has_key: Callable[[object], bool] = lambda value: True
) -> Binder:
    """Make the binder of a function, without the ignored parameters.

    A default for which ``has_key`` is false is bound as a :class:`Default`, as long as it is that very object.
    """
    shape = _shape(function)
    ignored = frozenset(ignore)
    kept = tuple(name for name in shape.names() if name not in ignored)
    sentinels = {name: value for name, value in shape.named_defaults() if name in kept and not has_key(value)}
    return Binder(kept, _compile(shape, kept, sentinels), shape)


def _compile(shape: Shape, kept: tuple[str, ...], sentinels: dict[str, object]) -> Callable[..., tuple[Any, ...]]:
    scope: dict[str, Any] = {"__sentinels__": sentinels, "__defaults__": {name: Default(name) for name in sentinels}}
    values = (
        f"__defaults__[{name!r}] if {name} is __sentinels__[{name!r}] else {name}" if name in sentinels else name
        for name in kept
    )
    source = f"def bind({shape.signature()}): return ({''.join(value + ', ' for value in values)})"
    exec(source, scope)  # noqa: S102  made of identifiers that a compiler has already accepted
    bind: FunctionType = scope["bind"]
    bind.__defaults__ = shape.defaults
    bind.__kwdefaults__ = dict(shape.keyword_defaults)
    return bind


def _shape(function: Callable[..., Any]) -> Shape:
    return _shape_of_code(function) if isinstance(function, FunctionType) else _shape_of_callable(function)


def _shape_of_code(function: FunctionType) -> Shape:
    code = function.__code__
    names = code.co_varnames
    first_keyword = code.co_argcount
    rest = first_keyword + code.co_kwonlyargcount
    varargs = names[rest] if code.co_flags & _VARARGS else ""
    varkeywords = names[rest + bool(varargs)] if code.co_flags & _VARKEYWORDS else ""
    return Shape(
        names[: code.co_posonlyargcount], names[code.co_posonlyargcount : first_keyword], varargs,
        names[first_keyword:rest], varkeywords, function.__defaults__ or (), function.__kwdefaults__ or {},
    )  # fmt: skip


def _shape_of_callable(function: Callable[..., Any]) -> Shape:
    """Return the shape of a builtin, a partial or a callable object, by what ``inspect`` finds out about it."""
    import inspect  # 17 ms, and almost all cached callables are plain functions

    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except ValueError:  # some builtins don't tell
        return Shape((), (), "args", (), "kwargs", (), {})
    by_kind = {kind: [p for p in parameters if p.kind is kind] for kind in inspect._ParameterKind}
    kinds = inspect.Parameter
    plain = by_kind[kinds.POSITIONAL_ONLY] + by_kind[kinds.POSITIONAL_OR_KEYWORD]

    def names(kind: inspect._ParameterKind) -> tuple[str, ...]:
        return tuple(p.name for p in by_kind[kind])

    return Shape(
        names(kinds.POSITIONAL_ONLY),
        names(kinds.POSITIONAL_OR_KEYWORD),
        "".join(names(kinds.VAR_POSITIONAL)),
        names(kinds.KEYWORD_ONLY),
        "".join(names(kinds.VAR_KEYWORD)),
        tuple(p.default for p in plain if p.default is not p.empty),
        {p.name: p.default for p in by_kind[kinds.KEYWORD_ONLY] if p.default is not p.empty},
    )
