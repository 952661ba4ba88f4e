"""NumPy arrays as buffers beside the pickle: more of them than NumPy itself hands over, and which hold plain data."""

from __future__ import annotations

import sys

from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reductions = Mapping[type, Callable[[Any], Any]]

__all__ = ["is_plain", "with_arrays"]

#: The table that a dispatch table with NumPy's arrays was last made of, and that.
_last: tuple[Reductions, Reductions] = {}, {}

#: dtype.kind of bool, integers, floats, complex numbers, timedelta64 and datetime64: any bytes are a value of theirs.
_PLAIN = frozenset("biufcmM")


def with_arrays(reductions: Reductions) -> Reductions:
    """Return a pickler's dispatch table with NumPy's arrays added, where this program uses NumPy at all."""
    global _last  # noqa: PLW0603
    known, made = _last  # one object, which threads exchange as a whole
    if made and known == reductions:
        return made
    numpy: Any = sys.modules.get("numpy")
    ndarray = getattr(numpy, "ndarray", None)  # missing while another thread is importing it
    if ndarray is None:
        return reductions
    known = dict(reductions)  # another thread may add to them before the next line
    made = {**known, ndarray: _reduce}
    _last = known, made
    return made


def is_plain(buffer: memoryview) -> bool:
    """Tell whether a buffer is the data of a NumPy array of bool, number or datetime dtype.

    Such data hold no offsets and no pointers: whatever the bytes are, NumPy reads them as values and nothing else.
    """
    numpy: Any = sys.modules.get("numpy")
    owner: Any = buffer.obj
    return numpy is not None and type(owner) is numpy.ndarray and owner.dtype.kind in _PLAIN


def _reduce(array: Any) -> Any:
    """Reduce an array as NumPy does, but for those that NumPy would copy into the stream without need."""
    if array.dtype.kind in "mM":
        if not array.flags.forc:
            array = array.copy()
        # The buffer protocol knows no dates: handed over as the integers that they are, and dates again by their dtype.
        make, (buffer, _, *rest) = array.view("i8").__reduce_ex__(5)
        return make, (buffer, array.dtype, *rest)
    if array.dtype.kind in _PLAIN and _has_gaps(array):
        array = array.copy()
    return array.__reduce_ex__(5)


def _has_gaps(array: Any) -> bool:
    """Tell whether an array's data are not one block of memory, in whatever order of the axes."""
    if array.flags.forc:
        return False
    order = sorted(range(array.ndim), key=array.strides.__getitem__, reverse=True)
    return not array.transpose(order).flags.c_contiguous
