"""Encoding the results of one function, each in the way that is best for what they have been so far."""

from __future__ import annotations

from memopickle.serializers import OUT_OF_BAND, PickleSerializer
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memopickle.serializers import Serializer
    from memopickle.typed import Blob

__all__ = ["Encoder"]


class Encoder:
    """Tells what to pickle in one call, which takes half the time: results, while all of them are small.

    In one call large bytes are copied once more, and NumPy's arrays are not handed over by our table. So the first
    result is never pickled like this, and after one that should not have been none is. The bytes are the same either
    way. Safe between threads, which at worst find out the same at the same time.

    Args:
        serializer: of the results.
        at_once: whether to pickle in one call at all.

    """

    def __init__(self, serializer: Serializer, *, at_once: bool = True) -> None:
        self._encode = serializer.encode
        #: What pickles in one call if the first result was small; None as soon as that is decided.
        self._promised: Callable[[Any], bytes | None] | None = None
        if at_once and type(serializer) is PickleSerializer:
            self._promised = serializer.encode_at_once
        #: What does it now, or returns None for a result that is not small: then, and where this is None, ``encode``
        #: does it. To be read once: another thread may decide against it at any moment.
        self.at_once: Callable[[Any], bytes | None] | None = None

    def encode(self, value: Any) -> tuple[Sequence[Blob], Sequence[memoryview], int]:
        """Return the stream in pieces, the buffers, and the size of the stream; raises what the serializer raises.

        Of a result that ``at_once`` did not take.
        """
        pieces, buffers = self._encode(value)
        size = sum(map(len, pieces))
        is_small = not buffers and size < OUT_OF_BAND
        self.at_once, self._promised = self._promised if is_small else None, None
        return pieces, buffers, size
