"""What a cache tells its hooks: one small immutable record per thing that happened.

An event is built only where a hook is registered. ``function`` is the readable name (``module:qualname``),
``key`` the store key.
"""

from __future__ import annotations

from memopickle.errors import ConfigurationError
from memopickle.notices import warn_once
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BadEntry", "Event", "Evicted", "Hit", "LockWait", "Miss", "NotStored", "Raised", "Stored", "teller"]


class Hit(NamedTuple):
    """A stored value was returned; ``age`` is in seconds, ``saved`` the seconds that computing it took."""

    function: str
    key: str
    age: float
    saved: float


class Miss(NamedTuple):
    """No usable value was stored.

    ``reason`` is ``"absent"``, ``"expired"``, ``"future"``, ``"code changed"``, ``"exception"`` (one that is not
    remembered any more), ``"bad entry"`` or ``"store error"``.
    """

    function: str
    key: str
    reason: str


class Stored(NamedTuple):
    """A computed value was stored: ``size`` in bytes (0 where the store keeps the object), ``cost`` in seconds."""

    function: str
    key: str
    size: int
    cost: float


class NotStored(NamedTuple):
    """A computed value was returned to the caller but not stored; ``reason`` says why."""

    function: str
    key: str
    reason: str


class Raised(NamedTuple):
    """The function raised; ``reason`` names the type of the exception."""

    function: str
    key: str
    reason: str


class Evicted(NamedTuple):
    """The store removed an entry for space; ``function`` is known, else ``""``, if it was called in this process."""

    function: str
    key: str


class BadEntry(NamedTuple):
    """Stored bytes were refused, and not unpickled: ``place`` is where they lie, ``reason`` why they were."""

    function: str
    key: str
    place: str
    reason: str


class LockWait(NamedTuple):
    """The call waited for another's computation: how many ``seconds``, and whether that ``ended`` within the limit."""

    function: str
    key: str
    seconds: float
    ended: bool


Event = Hit | Miss | Stored | NotStored | Raised | Evicted | BadEntry | LockWait


def teller(hooks: Any) -> Callable[[Event], None] | None:
    """Return what tells an event to every hook, or None where there is none: then no event is built."""
    if hooks is None:
        return None
    several = tuple(hooks) if isinstance(hooks, list | tuple) else (hooks,)
    if not all(map(callable, several)):
        raise ConfigurationError(f"on_event={hooks!r}: give a callable of the event, or several")
    return _Teller(several)


class _Teller:
    """Tells an event to every hook, unless a hook has caused it."""

    def __init__(self, hooks: tuple[Callable[[Event], object], ...]) -> None:
        from threading import local  # where there are hooks

        self._hooks = hooks
        self._thread = local()

    def __call__(self, event: Event) -> None:
        # A hook that calls a cached function is not told what it causes itself: that would never end.
        if getattr(self._thread, "tells", False):
            return
        self._thread.tells = True
        try:
            for hook in self._hooks:
                _tell(hook, event)
        finally:
            self._thread.tells = False


def _tell(hook: Callable[[Event], object], event: Event) -> None:
    try:
        hook(event)
    except Exception as error:  # noqa: BLE001  a hook must not cost the caller the result
        warn_once(
            ("hook", id(hook)),
            f"the event hook {hook!r} failed ({type(error).__name__}: {error}); mend it: it is called all the same",
        )
