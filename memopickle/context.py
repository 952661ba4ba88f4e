"""What all who work on one function's calls share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from memopickle.cache import Cache
    from memopickle.counts import Counts
    from memopickle.faces import Face
    from memopickle.freshness import Freshness
    from memopickle.listener import Listener
    from memopickle.options import Options
    from memopickle.trouble import Trouble

__all__ = ["Context"]


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
