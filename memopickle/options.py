"""The options of a cached function: checked when decorating, completed by the cache's defaults."""

from __future__ import annotations

from memopickle.errors import ConfigurationError
from memopickle.optionchecks import check_option, check_steps
from memopickle.serializers import PICKLE
from memopickle.typed import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta
    from typing import Literal

    from memopickle.expiry import TTL
    from memopickle.serializers import PickleSerializer, UserSerializer

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
    serializer: Literal["pickle", "cloudpickle", "dill", "json", "msgpack"] | PickleSerializer | UserSerializer
    compress: Literal["zlib", "lzma", "lz4", "zstd"] | None
    migrate: Mapping[int, Callable[[Any], object]] | None
    store_if: Callable[[Any], object] | None
    exceptions: type[Exception] | Iterable[type[Exception]]
    exception_ttl: float | str | timedelta | None
    jitter: float
    early_refresh: bool | float
    stale_while_revalidate: float | str | timedelta | None
    stale_if_error: float | str | timedelta | None


class Unset:
    """The type of :data:`UNSET`."""

    def __repr__(self) -> str:
        return "<unset>"

    def __reduce__(self) -> str:
        return "UNSET"


#: Says that an option was not given, where None has a meaning of its own.
UNSET = Unset()

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
    "compress": None,
    "migrate": None,
    "store_if": None,
    "exceptions": (),
    "exception_ttl": UNSET,  # that of results
    "jitter": 0.0,
    "early_refresh": False,
    "stale_while_revalidate": None,
    "stale_if_error": None,
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
    serializer: str | PickleSerializer | UserSerializer
    compress: str | None
    migrate: dict[int, Callable[[Any], object]]
    store_if: Callable[[Any], object] | None
    exceptions: tuple[type[Exception], ...]
    exception_ttl: int | Unset | None
    jitter: float
    early_refresh: float
    stale_while_revalidate: int
    stale_if_error: int

    def __init__(self, **given: object) -> None:
        #: As the user wrote them.
        self.given = given
        for name in given:
            if name not in _DEFAULTS:
                raise ConfigurationError(_unknown(name))
        for name in _DEFAULTS:
            value = given.get(name, UNSET)
            setattr(self, name, value if value is UNSET else check_option(name, value))
        if "migrate" in given and "version" in given:
            check_steps(self.migrate, self.version)
        if callable(given.get("ttl")) and given.get("exceptions") and given.get("exception_ttl", UNSET) is UNSET:
            raise ConfigurationError("ttl is a callable of the result, which an exception is not: give exception_ttl=")

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
