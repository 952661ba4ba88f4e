"""Turning results into bytes and back.

A serializer gives a stream and, for large contiguous memory such as NumPy arrays, buffers that are stored beside
the stream without having been copied into it (pickle protocol 5).
"""

from __future__ import annotations

import copyreg
import sys

from memopickle import pickling as pickle
from memopickle.outofband import with_arrays
from memopickle.pickling import PROTOCOL
from memopickle.typed import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from memopickle.typed import Blob

    #: Tells of a buffer whether it goes into the stream.
    InBand = Callable[[pickle.PickleBuffer], bool]
    #: Gets a file to write to, and what decides about buffers; None: all go into the stream.
    MakePickler = Callable[[Any, InBand | None], Any]

__all__ = [
    "NAMES",
    "PICKLE",
    "NameOnly",
    "PickleSerializer",
    "ResultSerializer",
    "Serializer",
    "UserSerializer",
    "in_process",
    "serializer_name",
    "write_joined",
    "write_pickle",
]

#: What ``serializer=`` may name; :mod:`memopickle.formats` makes them.
NAMES = ("pickle", "cloudpickle", "dill", "json", "msgpack")

#: Smaller buffers stay in the stream: their own digest and alignment would cost more than the copy.
OUT_OF_BAND = 4096


class Serializer(Protocol):
    """What the entry format needs of a serializer. ``name`` is part of every key's variant and signed."""

    name: str

    def encode(self, value: Any) -> tuple[Sequence[Blob], Sequence[memoryview]]:
        """Return the stream, in pieces, and the buffers.

        Raises whatever the value's own code raises if it can't be stored.
        """
        ...

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview]) -> Any:
        """Return the value; called only with bytes whose signature was verified."""
        ...


class ResultSerializer(Serializer, Protocol):
    """What a cached function needs of one, besides."""

    #: What stands in the key's variant: the name, and what else decides who can read what was written.
    form: str

    def encode_whole(self, value: Any) -> bytes:
        """Return one stream that shares no memory with the value."""
        ...

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> Any: ...


class UserSerializer(Protocol):
    """What a user's own serializer is. ``loads(dumps(value))`` should equal the value: it is what hits return.

    Threads use it at the same time. Its name becomes part of every key and signature: give another one to a serializer
    that can't read what the old one wrote.
    """

    @property
    def name(self) -> str:
        """Text that is not empty and not the name of one of ours."""
        ...

    def dumps(self, value: Any, /) -> bytes:
        """Return the value as bytes; raise for one that can't be stored, which is returned all the same."""
        ...

    def loads(self, data: bytes, /) -> Any:
        """Return the value; called only with bytes whose signature was verified."""
        ...


class PickleSerializer:
    """The default: pickle protocol 5, large buffers out of band.

    Args:
        allowed: the only classes and functions that a stored result may name, as objects or as ``"module:qualname"``;
            None for all. A result that names another is not stored, and a stored one that does is not loaded: a
            :class:`BadPayloadError` names it before anything of it has run. None, bools, ints, floats, text,
            bytes, lists, tuples, dicts and sets name nothing. Raises ConfigurationError for what is neither.

    Entries are the same bytes, under the same keys, with and without ``allowed``: it may be added or changed at any
    time. What is allowed may be called with any arguments, so allow no function that does more than make a value.

    """

    name = form = "pickle"

    def __init__(self, allowed: Iterable[object] | None = None) -> None:
        self._allowed: frozenset[str] | None = None
        if allowed is not None:
            from memopickle.allowed import names_of  # where there is a list

            self._allowed = names_of(allowed)

    def __repr__(self) -> str:
        return f"PickleSerializer({'' if self._allowed is None else f'allowed={sorted(self._allowed)}'})"

    def encode(self, value: Any) -> tuple[list[Blob], list[memoryview]]:
        """Return the stream, in pieces, and the buffers beside it. Internal."""
        return write_pickle(self._pickler, value)

    def encode_at_once(self, value: Any) -> tuple[list[Blob], list[memoryview]] | None:
        """Do the same in one call, which copies large bytes; None for what is left to ``encode``. Internal."""
        if self._allowed is not None:
            return None
        stream = _Stream()
        stream.append(pickle.dumps(value, PROTOCOL, buffer_callback=stream.in_band))
        # Arrays name their package, and are handed over by a table that this call can't have.
        return None if "numpy" in sys.modules and b"numpy" in stream[0] else (stream, stream.buffers)

    def encode_whole(self, value: Any) -> bytes:
        """Return one stream that shares no memory with the value. Internal."""
        if self._allowed is None:
            return pickle.dumps(value, PROTOCOL)
        return write_joined(self._pickler, value)

    @property
    def loads(self) -> Callable[[bytes | memoryview], Any]:
        """What loads a stream that has no buffers, with nothing in between where everything may be loaded."""
        return pickle.loads if self._allowed is None else self.decode

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> Any:
        """Return the value; BadPayloadError, or whatever its own code raises. Internal."""
        if self._allowed is None:
            return pickle.loads(stream, buffers=buffers)
        from memopickle.allowed import load_allowed

        return load_allowed(stream, buffers, self._allowed)

    def _pickler(self, file: _Stream, in_band: InBand | None) -> pickle.Pickler:
        if self._allowed is None:
            made = pickle.Pickler(file, PROTOCOL, buffer_callback=in_band)
        else:
            from memopickle.allowed import AllowedPickler

            made = AllowedPickler(file, in_band, self._allowed)
        if in_band is not None and "numpy" in sys.modules:
            made.dispatch_table = with_arrays(copyreg.dispatch_table)
        return made


def write_pickle(make: MakePickler, value: Any) -> tuple[list[Blob], list[memoryview]]:
    """Return what a pickler writes, in pieces, and the large buffers beside it."""
    stream = _Stream()
    make(stream, stream.in_band).dump(value)
    return stream, stream.buffers


def write_joined(make: MakePickler, value: Any) -> bytes:
    """Return what a pickler writes, buffers and all."""
    stream = _Stream()
    make(stream, None).dump(value)
    return b"".join(stream)


class _Stream(list[Any]):
    """Takes what a pickler writes: large bytes come as the very objects that are pickled, and are not copied."""

    __slots__ = ("buffers",)
    write = list.append

    def __init__(self) -> None:
        self.buffers: list[memoryview] = []

    def in_band(self, buffer: pickle.PickleBuffer) -> bool:
        """Tell a pickler whether a buffer goes into the stream; large ones stay beside it."""
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True
        self.buffers.append(raw)
        return False


PICKLE = PickleSerializer()


class NameOnly:
    """Stands for a serializer where entries are verified and none is loaded."""

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, value: object) -> NoReturn:
        raise TypeError(f"only the name of the serializer {self.name!r} is known here")

    def decode(self, stream: object, buffers: object) -> NoReturn:
        self.encode(stream)


def serializer_name(chosen: str | PickleSerializer | UserSerializer) -> str:
    """Return the name of what ``serializer=`` may be."""
    return chosen if isinstance(chosen, str) else chosen.name


def in_process(serializer: ResultSerializer) -> ResultSerializer:
    """Return what copies values that never leave the process: pickle needs no list of what is allowed then."""
    return PICKLE if isinstance(serializer, PickleSerializer) else serializer
