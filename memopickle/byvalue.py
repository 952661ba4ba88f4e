"""Pickles that hold functions and classes by value: lambdas, closures, and what a script or a shell has defined.

What is written is code of this Python version, so it is part of the key's variant: no other version reads it.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from memopickle.serializers import PROTOCOL, beside, write_pickle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.serializers import Blob, InBand

__all__ = ["CloudpickleSerializer", "DillSerializer"]


class _ByValue:
    """What both have in common: large buffers beside the stream, as for plain pickle."""

    name: str

    def __init__(self) -> None:
        self.form = f"{self.name}, {sys.implementation.cache_tag}"

    def encode(self, value: Any) -> tuple[list[Blob], list[memoryview]]:
        buffers: list[memoryview] = []
        return write_pickle(self.pickler, value, beside(buffers)), buffers

    def encode_whole(self, value: Any) -> bytes:
        return b"".join(write_pickle(self.pickler, value, None))

    def pickler(self, file: Any, in_band: InBand | None) -> Any:
        """Return the package's pickler; it is imported now."""
        raise NotImplementedError


class CloudpickleSerializer(_ByValue):
    """cloudpickle's pickles, which plain pickle loads where cloudpickle is installed."""

    name = "cloudpickle"

    def pickler(self, file: Any, in_band: InBand | None) -> Any:
        from cloudpickle import Pickler

        made = Pickler(file, PROTOCOL, in_band)
        # It would read an open file, and give back its text as another kind of object.
        made.dispatch_table = {**made.dispatch_table, io.TextIOWrapper: _refuse}
        return made

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> Any:
        return pickle.loads(stream, buffers=buffers)


class DillSerializer(_ByValue):
    """dill's pickles; of a function's globals they hold those that it uses."""

    name = "dill"

    def pickler(self, file: Any, in_band: InBand | None) -> Any:
        from dill import Pickler

        made = Pickler(file, PROTOCOL, buffer_callback=in_band, recurse=True, byref=False)
        save = made.save

        def save_unless_alive(value: Any, *args: Any, **kwargs: Any) -> None:
            # It would open a file by its name and make a new lock: not what was returned.
            if isinstance(value, io.IOBase | _LOCKS):
                _refuse(value)
            save(value, *args, **kwargs)

        made.save = save_unless_alive
        return made

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> Any:
        from dill import Unpickler

        return Unpickler(io.BytesIO(stream), buffers=buffers).load()


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"cannot pickle '{type(value).__name__}' object")
