"""Regular expressions that are compiled when first used: a hit needs none, and ``re`` is among the slower imports."""

from __future__ import annotations

from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from re import compile as pattern
else:

    class pattern:  # noqa: N801  takes the place of re.compile
        """Has the methods of a compiled pattern."""

        def __init__(self, text):
            self._text = text

        def __getattr__(self, name):
            import re

            found = getattr(re.compile(self._text), name)
            setattr(self, name, found)  # asked for once only
            return found


__all__ = ["pattern"]
