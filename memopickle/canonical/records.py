"""Many values of one layout at once: rows, dicts with the same keys, plain instances of one class.

An accelerator that gives the bytes of the plain way, or ``None``: a list of ten thousand records is a table, and
its columns are quickly told to be numbers or strings. ``is_plain`` says which instances are records: those of
ordinary Python classes, whose state is their ``__dict__`` and nothing else.
"""

from __future__ import annotations

import copyreg
from itertools import chain
from marshal import dumps
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from memopickle.canonical.bulk import WIDEST_ROW, each_row, leaf, width
from memopickle.canonical.nodes import (
    DICT,
    LIMIT,
    LIST,
    OBJECT,
    TUPLE,
    VERSION,
    Named,
    assemble,
    collapse,
    scalar,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memopickle.canonical.nodes import Shape

    Encode = Callable[[object], bytes]

__all__ = ["is_plain", "plain", "records"]

_FEWEST = 4  # values that are worth it
_HEAP_TYPE = 1 << 9
_HOOKS = ("__reduce_ex__", "__reduce__", "__getstate__", "__getattribute__")
_ARGUMENTS = ("__getnewargs_ex__", "__getnewargs__")
_known: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def is_plain(cls: type) -> bool:
    """Whether pickle's own reduction of instances is the class and the ``__dict__``."""
    known = _known.get(cls)
    if known is None:
        known = _known[cls] = _looks_plain(cls)
    return known and cls not in copyreg.dispatch_table


def plain(value: object) -> Shape:
    """Take a plain instance apart, as its reduction would."""
    return OBJECT, (Named(type(value)), dict.copy(vars(value)) or None)


def records(items: Sequence[Any], encode: Encode) -> list[bytes] | None:
    """The encodings of values that are all laid out alike; ``encode`` is asked for what is no scalar."""
    if len(items) < _FEWEST:
        return None
    cls = type(items[0])
    if list(map(type, items)).count(cls) != len(items):
        return None
    if cls in (list, tuple):
        return _rows(LIST if cls is list else TUPLE, list(map(tuple, items)), encode)
    if cls is dict:
        return _dicts(b"", list(map(dict.copy, items)), encode)
    if is_plain(cls):
        return _dicts(encode(Named(cls)), [dict.copy(vars(item)) for item in items], encode)
    return None


def _rows(head: bytes, own: list[tuple[object, ...]], encode: Encode) -> list[bytes] | None:
    lengths = set(map(len, own))
    if len(lengths) > 1 or not 0 < max(lengths) <= WIDEST_ROW:
        return None
    columns = [list(map(itemgetter(i), own)) for i in range(max(lengths))]
    return _lines(head, columns, encode)[0]


def _dicts(cls: bytes, own: list[dict[Any, object]], encode: Encode) -> list[bytes] | None:
    """Dicts, or instances by their dicts if there is a class."""
    if set(map(type, chain.from_iterable(own))) != {str}:  # a key may be equal to a string and yet be none
        return None
    layouts = set(map(tuple, own))
    if len(layouts) > 1:
        return None
    names = sorted(layouts.pop())
    lines, widest = _lines(TUPLE, [list(map(itemgetter(name), own)) for name in names], encode)
    keys = leaf(tuple(names)) or b""
    before = (start(OBJECT, 2) + cls if cls else b"") + start(DICT, 2) + keys
    if len(before) + widest <= LIMIT:
        return [before + line for line in lines]
    inner = (assemble(DICT, (keys, line)) for line in lines)
    return [assemble(OBJECT, (cls, each)) for each in inner] if cls else list(inner)


def _lines(head: bytes, columns: list[list[Any]], encode: Encode) -> tuple[list[bytes], int]:
    """The rows of a table, encoded, and an upper bound of the bytes of one."""
    widths = list(map(width, columns))
    before = start(head, len(columns))
    if None not in widths:
        lines = [before + dumps(row, VERSION)[len(before) :] for row in zip(*columns, strict=True)]
    else:
        cells = [_cells(column, wide, encode) for column, wide in zip(columns, widths, strict=True)]
        lines = [before + b"".join(row) for row in zip(*cells, strict=True)]
    widest = max(map(len, lines))
    return (lines if widest <= LIMIT else list(map(collapse, lines))), min(widest, LIMIT)


def _cells(column: list[object], wide: int | None, encode: Encode) -> list[bytes]:
    if wide is not None:
        return list(map(scalar, column))
    return each_row(column) or list(map(encode, column))


class _Ordinary:
    """A class without anything: others whose instances are laid out alike have no room for a hidden state."""


def _looks_plain(cls: type) -> bool:
    *own, root = cls.__mro__
    return (
        root is object
        and (cls.__basicsize__, cls.__dictoffset__) == (_Ordinary.__basicsize__, _Ordinary.__dictoffset__)
        and all(base.__flags__ & _HEAP_TYPE and not base.__dict__.get("__slots__") for base in own)
        and all(getattr(cls, hook) is getattr(object, hook) for hook in _HOOKS)
        and not any(hasattr(cls, hook) for hook in _ARGUMENTS)
    )
