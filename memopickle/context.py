"""What all who work on one function's calls share."""

from __future__ import annotations

from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.cache import Cache
    from memopickle.counts import Counts
    from memopickle.faces import Face
    from memopickle.freshness import Freshness
    from memopickle.listener import Listener
    from memopickle.options import Options
    from memopickle.trouble import Trouble

__all__ = ["Call", "Context"]


class Context(NamedTuple):
    """One function in one cache."""

    name: str
    cache: Cache
    face: Face
    freshness: Freshness
    options: Options
    counts: Counts
    trouble: Trouble
    listener: Listener


class Call(NamedTuple):
    """One call that missed."""

    key: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: Makes the entry's metadata, of the arguments as they were before the call.
    metadata: Callable[[], bytes]
