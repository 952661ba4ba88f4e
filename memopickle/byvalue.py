"""Pickles that hold functions and classes by value: lambdas, closures, and what a script or a shell has defined.

What is written is code of this Python version, so it is part of the key's variant: no other version reads it.
"""

from __future__ import annotations

import io
import pickle
import sys
from functools import cache
from importlib import import_module

from memopickle.outofband import with_arrays
from memopickle.pickling import PROTOCOL
from memopickle.serializers import write_joined, write_pickle
from memopickle.typed import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.serializers import InBand
    from memopickle.typed import Blob

__all__ = ["ByValueSerializer", "CloudpickleSerializer", "DillSerializer"]

_FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.BufferedRWPair, io.FileIO)


class ByValueSerializer:
    """What both have in common: buffers beside the stream, as for plain pickle, of what hands them over."""

    name: str

    def __init__(self) -> None:
        self.form: str = f"{self.name}, {sys.implementation.cache_tag}"

    def encode(self, value: Any) -> tuple[list[Blob], list[memoryview]]:
        return write_pickle(self.pickler, value)

    def encode_whole(self, value: Any) -> bytes:
        return write_joined(self.pickler, value)

    def pickler(self, file: Any, in_band: InBand | None) -> Any:
        """Return the package's pickler; it is imported now."""
        raise NotImplementedError


class CloudpickleSerializer(ByValueSerializer):
    """cloudpickle's pickles, which plain pickle loads where cloudpickle is installed."""

    name = "cloudpickle"

    def pickler(self, file: Any, in_band: InBand | None) -> Any:
        base = import_module("cloudpickle").Pickler
        # It would read an open file, and give back its text as another kind of object.
        table = {**with_arrays(base.dispatch_table), io.TextIOWrapper: _refuse}
        # The table of a class is what a pickler written in C asks, not that of an instance.
        return type("Pickler", (base,), {"dispatch_table": table})(file, PROTOCOL, in_band)

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> Any:
        return pickle.loads(stream, buffers=buffers)


class DillSerializer(ByValueSerializer):
    """dill's pickles; of a function's globals they hold those that it uses. It copies arrays into the stream."""

    name = "dill"

    def encode(self, value: Any) -> tuple[list[Blob], list[memoryview]]:
        _refuse_lock(value)
        return super().encode(value)

    def encode_whole(self, value: Any) -> bytes:
        _refuse_lock(value)
        return super().encode_whole(value)

    def pickler(self, file: Any, in_band: InBand | None) -> Any:
        return _dill_pickler()(_Copied(file), PROTOCOL, buffer_callback=in_band, recurse=True, byref=False)

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> Any:
        return import_module("dill").Unpickler(io.BytesIO(stream), buffers=buffers).load()


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"cannot pickle '{type(value).__name__}' object")


def _refuse_lock(value: object) -> None:
    # Within an object a new lock does what the old one did. As a result it is to be shared, or else it locks nothing.
    if hasattr(type(value), "acquire") and hasattr(type(value), "release"):
        _refuse(value)


@cache
def _dill_pickler() -> Any:
    base: Any = import_module("dill").Pickler

    class Pickler(base):  # type: ignore[misc]
        __module__ = base.__module__  # by which dill knows its own

        def save(self, obj: Any, *args: Any, **kwargs: Any) -> None:
            if isinstance(obj, _FILES):
                _refuse(obj)  # it would be opened again by its name, whatever that leads to by then
            super().save(obj, *args, **kwargs)

    return Pickler


class _Copied:
    """A file that gets bytes: a pickler written in Python hands over views of a buffer that it may let go of."""

    def __init__(self, file: Any) -> None:
        self._write = file.write

    def write(self, data: bytes | memoryview) -> None:
        self._write(bytes(data))
