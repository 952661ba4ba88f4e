"""Encoding the results of one function, each in the way that is best for what they have been so far."""

from __future__ import annotations

from memopickle.pages import LARGE
from memopickle.serializers import PickleSerializer
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memopickle.serializers import Serializer
    from memopickle.typed import Blob

    Encoded = tuple[Sequence[Blob], Sequence[memoryview]]

__all__ = ["Encoder"]


class Encoder:
    """Pickles in one call while all results are small, which takes half the time; else as the serializer does.

    In one call large bytes are copied once more, and NumPy's arrays are not handed over by our table. So the first
    result is never pickled like this, and after one that should not have been none is. The bytes are the same either
    way. Safe between threads, which at worst find out the same at the same time.
    """

    def __init__(self, serializer: Serializer) -> None:
        self._encode = serializer.encode
        at_once = serializer.encode_at_once if type(serializer) is PickleSerializer else None
        #: What pickles in one call if the first result was small; None as soon as that is decided.
        self._promised: Callable[[Any], Encoded | None] | None = at_once
        self._at_once: Callable[[Any], Encoded | None] | None = None

    def encode(self, value: Any) -> tuple[Sequence[Blob], Sequence[memoryview], int]:
        """Return the stream in pieces, the buffers, and the size of the stream; raises what the serializer raises."""
        at_once = self._at_once  # read once: another thread may decide against it at any moment
        found = None if at_once is None else at_once(value)
        pieces, buffers = self._encode(value) if found is None else found
        size = sum(map(len, pieces))
        is_small = not buffers and size < LARGE
        if self._promised is not None:
            self._at_once, self._promised = self._promised if is_small else None, None
        elif found is None or not is_small:
            self._at_once = None
        return pieces, buffers, size
