"""What each option of a cached function may be."""

from __future__ import annotations

from memopickle.errors import ConfigurationError
from memopickle.expiry import SECOND, parse_duration, parse_ttl
from memopickle.header import ALGORITHMS
from memopickle.serializers import NAMES, PICKLE, PickleSerializer
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.serializers import UserSerializer

__all__ = ["check_option", "check_steps"]

_CHOICES: dict[str, tuple[object, ...]] = {
    "track_code": ("function", "deep", "off"),
    "on_error": ("warn", "raise"),
    "compress": ALGORITHMS,
}


def check_option(name: str, value: Any) -> Any:
    """Return an option as the library uses it; ConfigurationError says what it may be."""
    if name in _CHOICES:
        return _check_choice(name, value)
    return _CHECKS[name](value)


def check_steps(migrate: dict[int, Callable[[Any], object]], version: object) -> None:
    """Raise ConfigurationError unless the steps lead, one by one, up to the version."""
    if not migrate:
        return
    if not isinstance(version, int):
        raise ConfigurationError(f"migrate= leads from one number to the next, but version={version!r}: give an int")
    steps = sorted(migrate)
    if steps != list(range(steps[0], version)):
        raise ConfigurationError(
            f"migrate={{{', '.join(f'{step}: ...' for step in steps)}}} does not lead to version={version}: "
            f"give a step for each version from the oldest up to {version - 1}"
        )


def _check_choice(name: str, value: object) -> object:
    if value not in _CHOICES[name]:
        raise ConfigurationError(f"{name}={value!r}: choose one of {', '.join(map(repr, _CHOICES[name]))}")
    return value


def _several(value: Any, one: type) -> tuple[Any, ...]:
    """Return several values, or one by itself, as a tuple; what is neither is alone in it, for the check to refuse."""
    return tuple(value) if hasattr(value, "__iter__") and not isinstance(value, one) else (value,)


def _check_ignore(value: Any) -> tuple[str, ...]:
    names = _several(value, str)
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


def _check_serializer(value: Any) -> str | PickleSerializer | UserSerializer:
    if isinstance(value, str) and value in NAMES:
        return PICKLE if value == PICKLE.name else value
    if isinstance(value, PickleSerializer):
        return value
    if isinstance(value, str) or not all(callable(getattr(value, name, None)) for name in ("dumps", "loads")):
        raise ConfigurationError(
            f"serializer={value!r}: give one of {', '.join(map(repr, NAMES))}, PickleSerializer(allowed=[...]), or an "
            "object with name, dumps and loads"
        )
    name = getattr(value, "name", None)
    if not isinstance(name, str) or not name.isprintable() or not name or "+" in name or name in NAMES:
        raise ConfigurationError(
            f"serializer={value!r}: its name is {name!r}; give it one of its own, as text without '+'"
        )
    return value  # type: ignore[no-any-return]


def _check_migrate(value: Any) -> dict[int, Callable[[Any], object]]:
    given = {} if value is None else value
    steps: dict[Any, Any] = dict(given) if hasattr(given, "keys") else {"": given}
    if not all(type(step) is int and callable(steps[step]) for step in steps):
        raise ConfigurationError(f"migrate={value!r}: give {{1: f}}, where f makes a value of version 2 of one of 1")
    return steps


def _check_store_if(value: object) -> object:
    if value is not None and not callable(value):
        raise ConfigurationError(f"store_if={value!r}: give a callable of the result, true where it is to be stored")
    return value


def _check_exceptions(value: Any) -> tuple[type[Exception], ...]:
    kinds = _several(value, type)
    if not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds):
        raise ConfigurationError(
            f"exceptions={value!r}: give classes of exceptions; those outside Exception, such as KeyboardInterrupt, "
            "are never stored"
        )
    return kinds


def _check_exception_ttl(value: object) -> int | None:
    return None if value is None else parse_duration(value, "exception_ttl")


def _check_jitter(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigurationError(f"jitter={value!r}: give the part of the ttl, from 0 to below 1, such as 0.1")
    return float(value)


def _check_early_refresh(value: Any) -> float:
    if not isinstance(value, bool | int | float) or not 0 <= value < float("inf"):
        raise ConfigurationError(f"early_refresh={value!r}: give True, False, or a factor: above 1 for earlier")
    return float(value)


def _check_window(name: str) -> Callable[[object], int]:
    return lambda value: 0 if value is None else parse_duration(value, name)


_CHECKS: dict[str, Callable[[Any], object]] = {
    "ttl": parse_ttl,
    "ignore": _check_ignore,
    "key": _check_key,
    "version": _check_version,
    "depends_on": _check_depends_on,
    "single_flight": _check_single_flight,
    "lock_timeout": _check_lock_timeout,
    "serializer": _check_serializer,
    "migrate": _check_migrate,
    "store_if": _check_store_if,
    "exceptions": _check_exceptions,
    "exception_ttl": _check_exception_ttl,
    "jitter": _check_jitter,
    "early_refresh": _check_early_refresh,
    "stale_while_revalidate": _check_window("stale_while_revalidate"),
    "stale_if_error": _check_window("stale_if_error"),
}
