"""The options of a cached function: checked when decorating, completed by the cache's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

from memopickle.errors import ConfigurationError
from memopickle.expiry import SECOND, parse_duration, parse_ttl
from memopickle.serializers import PICKLE, PickleSerializer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta
    from typing import Literal

    from memopickle.expiry import TTL

__all__ = ["UNSET", "OptionValues", "Options", "Unset"]


class OptionValues(TypedDict, total=False):
    """The options of ``cached``, as a type checker sees them."""

    ttl: TTL
    ignore: str | Iterable[str]
    key: Callable[..., object] | None
    version: int | str | None
    track_code: Literal["function", "deep", "off"]
    depends_on: object
    single_flight: bool
    lock_timeout: float | str | timedelta | None
    on_error: Literal["warn", "raise"]
    serializer: Literal["pickle"] | PickleSerializer


class Unset:
    """The type of :data:`UNSET`."""

    def __repr__(self) -> str:
        return "<unset>"

    def __reduce__(self) -> str:
        return "UNSET"


#: Says that an option was not given, where None has a meaning of its own.
UNSET: Final = Unset()

_CHOICES = {"track_code": ("function", "deep", "off"), "on_error": ("warn", "raise")}
_DEFAULTS: dict[str, Any] = {
    "ttl": UNSET,  # the store's
    "ignore": (),
    "key": None,
    "version": None,
    "track_code": "function",
    "depends_on": (),
    "single_flight": True,
    "lock_timeout": None,
    "on_error": "warn",
    "serializer": PICKLE,
}


class Options:
    """What the decorator was told; attributes that were not given are UNSET. Immutable in use, and picklable."""

    __slots__ = ("given", *_DEFAULTS)
    given: dict[str, object]
    ttl: int | Callable[[Any], object] | Unset | None
    ignore: tuple[str, ...]
    key: Callable[..., object] | None
    version: int | str | None
    track_code: str
    depends_on: tuple[object, ...]
    single_flight: bool
    lock_timeout: float | None
    on_error: str
    serializer: PickleSerializer

    def __init__(self, **given: object) -> None:
        #: As the user wrote them.
        self.given = given
        for name in given:
            if name not in _DEFAULTS:
                raise ConfigurationError(_unknown(name))
        for name in _DEFAULTS:
            setattr(self, name, _check(name, given[name]) if name in given else UNSET)

    def over(self, defaults: Options) -> Options:
        """Return these options, completed by ``defaults`` and then by the library's own."""
        return Options(**{**_DEFAULTS, **defaults.given, **self.given})

    def __reduce__(self) -> tuple[object, ...]:
        return _remake, (self.given,)


def _remake(given: dict[str, object]) -> Options:
    return Options(**given)


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # for the error only

    near = get_close_matches(name, _DEFAULTS, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_DEFAULTS)}"
    return f"unknown option {name!r}; {hint}"


def _check(name: str, value: Any) -> Any:
    if isinstance(value, Unset):
        return value
    if name in _CHOICES:
        return _check_choice(name, value)
    return _CHECKS[name](value)


def _check_choice(name: str, value: object) -> object:
    if value not in _CHOICES[name]:
        raise ConfigurationError(f"{name}={value!r}: choose one of {', '.join(map(repr, _CHOICES[name]))}")
    return value


def _check_ignore(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"ignore={value!r}: give the names of parameters")
    return names


def _check_key(value: object) -> object:
    if value is not None and not callable(value):
        raise ConfigurationError(f"key={value!r}: give a callable of the call's arguments")
    return value


def _check_version(value: object) -> object:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | str)):
        raise ConfigurationError(f"version={value!r}: give an int or a str")
    return value


def _check_depends_on(value: Any) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _check_single_flight(value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"single_flight={value!r}: give True or False")
    return value


def _check_lock_timeout(value: object) -> float | None:
    return None if value is None else parse_duration(value, "lock_timeout") / SECOND


def _check_serializer(value: object) -> PickleSerializer:
    if value == PICKLE.name:
        return PICKLE
    if not isinstance(value, PickleSerializer):
        raise ConfigurationError(f"serializer={value!r}: give 'pickle', or PickleSerializer(allowed=[...])")
    return value


_CHECKS: dict[str, Callable[[Any], object]] = {
    "ttl": parse_ttl,
    "ignore": _check_ignore,
    "key": _check_key,
    "version": _check_version,
    "depends_on": _check_depends_on,
    "single_flight": _check_single_flight,
    "lock_timeout": _check_lock_timeout,
    "serializer": _check_serializer,
}
