"""NumPy's arrays and SciPy's sparse ones: by dtype, shape and contents, whatever their layout in memory.

Nothing is imported here: types are recognised by name, and whoever has an array has imported its module. What
lies in memory as it is to be hashed is hashed in place; other layouts are read in C order through a small buffer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from memopickle.canonical.nodes import Named, kind
from memopickle.canonical.reductions import reduced, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.canonical.nodes import Shape

__all__ = ["HANDLERS"]

_ARRAY, _SUBCLASS, _MASKED = kind("numpy.ndarray"), kind("numpy.ndarray subclass"), kind("numpy.MaskedArray")
_SCALAR, _DTYPE, _FIELDS = kind("numpy.generic"), kind("numpy.dtype"), kind("numpy.dtype fields")
_FLAT_KINDS = frozenset("biufcmMSUV")  # whose contents are all there is, byte by byte
_SPARSE_PARTS = {
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "coords"),
    "csc": ("data", "indices", "indptr"),
    "csr": ("data", "indices", "indptr"),
    "dia": ("data", "offsets"),
    "lil": ("data", "rows"),
}


def _ndarray(value: Any) -> Shape:
    """An array; of a subclass also its attributes, unless it reduces itself in its own way."""
    numpy = sys.modules["numpy"]
    if type(value) is numpy.ndarray:
        return _ARRAY, (value.dtype, value.shape, _contents(value))
    if type(value).__reduce__ is not numpy.ndarray.__reduce__:
        return reduced(value)
    attributes = getattr(value, "__dict__", None)
    return _SUBCLASS, (Named(type(value)), value.view(numpy.ndarray), attributes or None)


def _memory_map(value: Any) -> Shape:
    # Its attributes are the open file, which says nothing about the contents.
    return _SUBCLASS, (Named(type(value)), value.view(sys.modules["numpy"].ndarray), None)


def _masked(value: Any) -> Shape:
    """A masked array, with the data under the mask: a function can see them."""
    masked = sys.modules["numpy"].ma
    cls = None if type(value) is masked.MaskedArray else Named(type(value))
    return _MASKED, (cls, value.data, masked.getmaskarray(value), value.fill_value, bool(value.hardmask))


def _scalar(value: Any) -> Shape:
    return _SCALAR, (sys.modules["numpy"].asarray(value),)


def _dtype(value: Any) -> Shape:
    metadata = dict(value.metadata) if value.metadata else None
    if value.names is not None:
        fields = tuple((name, *value.fields[name]) for name in value.names)
        return _FIELDS, (fields, value.itemsize, value.isalignedstruct, value.type.__name__, metadata)
    if value.subdtype is not None:
        return kind("numpy.dtype array"), (*value.subdtype, metadata)
    if value.kind in _FLAT_KINDS or value.kind == "O":
        return _DTYPE, (value.str, metadata)
    missing = (value.na_object,) if hasattr(value, "na_object") else ()
    return _DTYPE, (value.char, missing, getattr(value, "coerce", None), metadata)


def _contents(array: Any) -> object:
    """What the elements hold: a digest of their bytes, or where these are addresses, the elements."""
    if array.dtype.names is not None:  # field by field: between them may lie bytes that nobody set
        return tuple(array[name] for name in array.dtype.names)
    if array.dtype.kind not in _FLAT_KINDS:
        return tuple(array.reshape(-1).tolist())
    return _digest(array) if array.size and array.dtype.itemsize else b""


def _digest(array: Any) -> bytes:
    if array.flags.c_contiguous:
        return blake3(array.reshape(-1).view("u1")).digest()
    hasher = blake3()
    walk = sys.modules["numpy"].nditer(
        array, flags=["external_loop", "buffered"], op_flags=[["readonly", "contig"]], order="C", buffersize=1 << 16
    )
    for piece in walk:
        hasher.update(piece.view("u1"))
    return hasher.digest()


def _ufunc(value: Any) -> Shape:
    name: str = value.__name__
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is value:
            return kind("global"), (module, name)
    raise refuse(value, f"the name {name} leads to it neither in numpy nor in scipy.special")


def _generator(value: Any) -> Shape:
    return kind("numpy.Generator"), (value.bit_generator,)


def _random_state(value: Any) -> Shape:
    return kind("numpy.RandomState"), (value.get_state(legacy=False),)


def _bit_generator(value: Any) -> Shape:
    return kind("numpy.BitGenerator"), (value.state, getattr(value.seed_seq, "state", None))


def _sparse(value: Any) -> Shape:
    """A sparse matrix or array as it is stored; caches that SciPy keeps beside the data stay out."""
    parts = [getattr(value, name) for name in _SPARSE_PARTS.get(value.format, ())]
    if value.format == "dok":
        parts = [dict(value.items())]
    return kind("scipy.sparse"), (type(value).__name__, tuple(map(int, value.shape)), value.dtype, *parts)


HANDLERS: dict[tuple[str, str], Callable[[Any], Shape]] = {
    ("numpy", "BitGenerator"): _bit_generator,
    ("numpy", "Generator"): _generator,
    ("numpy", "MaskedArray"): _masked,
    ("numpy", "MaskedConstant"): reduced,
    ("numpy", "RandomState"): _random_state,
    ("numpy", "dtype"): _dtype,
    ("numpy", "generic"): _scalar,
    ("numpy", "memmap"): _memory_map,
    ("numpy", "ndarray"): _ndarray,
    ("numpy", "ufunc"): _ufunc,
    ("scipy", "_spbase"): _sparse,
    ("scipy", "spmatrix"): _sparse,
}
