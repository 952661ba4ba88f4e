"""The C half of ``pickle``, which is all that a hit needs; the Python half takes longer to import than a hit takes."""

from __future__ import annotations

from memopickle.typed import TYPE_CHECKING

__all__ = ["PROTOCOL", "PickleBuffer", "Pickler", "Unpickler", "dumps", "loads"]

#: Fixed, so that what one supported Python writes every other can read.
PROTOCOL = 5

if TYPE_CHECKING:
    from pickle import PickleBuffer, Pickler, Unpickler, dumps, loads
else:
    try:
        from _pickle import PickleBuffer, Pickler, Unpickler, dumps, loads
    except ImportError:  # an interpreter that has the Python half only
        from pickle import PickleBuffer, Pickler, Unpickler, dumps, loads
