"""Lists, tuples and rows of plain scalars, encoded by marshal in one go.

An accelerator and nothing else: each function gives the bytes that the plain way gives, child by child, or
``None`` where it does not apply. A million numbers cost a few calls of C code instead of a million of Python's.
What is looked at and what is encoded is always the same private copy: another thread that changes a list
meanwhile can't slip in what was not looked at.
"""

from __future__ import annotations

from itertools import chain
from marshal import dumps
from operator import itemgetter

from memopickle.canonical.nodes import (
    CHUNK,
    DICT,
    LIMIT,
    LIST,
    LONG,
    SCALARS,
    SORTABLE,
    TUPLE,
    VERSION,
    assemble,
    collapse,
    concatenated,
    scalar,
    start,
)
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["WIDEST_ROW", "each_row", "flat", "leaf", "mapping", "rows", "short_tuple", "width"]

_SEQUENCES: tuple[set[type], ...] = ({list}, {tuple})
WIDEST_ROW = 16  # columns; longer rows are worth a call each, and one that is shared is worth remembering
_HEADER = 5  # bytes of a list before its items: tag and count
_BOUNDED = SCALARS - {str, bytes}


def leaf(value: object) -> bytes | None:
    """The encoding of a value that needs no walk: a scalar, or a plain container of scalars."""
    kind = type(value)
    if kind in SCALARS:
        return scalar(value)
    if kind is list:
        return _sequence(LIST, tuple(value))  # type: ignore[arg-type]
    if kind is dict:
        return mapping(value.copy())  # type: ignore[attr-defined]
    return _sequence(TUPLE, value) if kind is tuple else None  # type: ignore[arg-type]


def short_tuple(value: tuple[Any, ...]) -> bytes | None:
    """The encoding of what most calls consist of: an argument or three, scalars or short containers of them."""
    for item in value:
        if type(item) not in _BOUNDED and not (type(item) is str and len(item) <= LONG):
            return _short_mixed(value)
    encoding = dumps(value, VERSION)
    return encoding if len(encoding) <= LIMIT else collapse(encoding)


def _short_mixed(value: tuple[Any, ...]) -> bytes | None:
    encodings = []
    for item in value:
        found = _short(item)
        if found is None:
            return None
        encodings.append(found)
    return assemble(TUPLE, encodings)


def _short(item: Any) -> bytes | None:
    kind = type(item)
    if kind in SCALARS:
        return scalar(item)
    if kind is tuple or kind is list:
        own = kind(item)
        return collapse(dumps(own, VERSION)) if len(own) <= WIDEST_ROW and all(map(_is_bounded, own)) else None
    return mapping(item.copy()) if kind is dict and len(item) <= WIDEST_ROW else None


def _is_bounded(item: Any) -> bool:
    return type(item) in _BOUNDED or (type(item) is str and len(item) <= LONG)


def flat(head: bytes, items: tuple[object, ...]) -> bytes | None:
    """The encoding of a sequence of scalars, none of them a long string."""
    if len(items) <= LIMIT:
        piece = _scalars_of(items)
        return None if piece is None else collapse(start(head, len(items)) + piece)
    return concatenated(head, len(items), map(_scalars_of, _chunks(items)))


def rows(head: bytes, items: tuple[object, ...]) -> bytes | None:
    """The encoding of a sequence of short lists, or of short tuples, of scalars."""
    if not items or not _are_rows(items):
        return None
    return concatenated(head, len(items), map(_rows_of, _chunks(items)))


def each_row(items: Sequence[object]) -> list[bytes] | None:
    """The encodings of short lists, or of short tuples, of scalars, one by one."""
    own = _own_rows(items) if _are_rows(items) else ()
    return [collapse(dumps(row, VERSION)) for row in own] if own and _row_width(own) else None


def mapping(own: dict[Any, object]) -> bytes | None:
    """The encoding of a dict of scalars whose keys are strings, or all numbers; nobody else may have the dict."""
    types = _types(tuple(own))
    if len(types) != 1 or not types <= SORTABLE or not _types(tuple(own.values())) <= SCALARS:
        return None
    keys = tuple(sorted(own))
    names = flat(TUPLE, keys)
    values = (_scalars_of(tuple(map(own.__getitem__, chunk))) for chunk in _chunks(keys))
    found = concatenated(TUPLE, len(keys), values)
    return None if names is None or found is None else assemble(DICT, (names, found))


def width(items: Sequence[object]) -> int | None:
    """An upper bound of the bytes that an item takes; ``None`` if not all are scalars or one is a long string."""
    types = _types(items)
    if not types <= SCALARS:
        return None
    text, octets = _longest(items, types, str), _longest(items, types, bytes)
    if text > LONG or octets > LONG:
        return None
    return _HEADER + max(12, 4 * text, octets, _longest(items, types, int, int.bit_length) // 7 + 2)


def _sequence(head: bytes, items: tuple[object, ...]) -> bytes | None:
    found = flat(head, items)
    return rows(head, items) if found is None else found


def _scalars_of(chunk: tuple[object, ...]) -> memoryview | None:
    # Looking and encoding chunk by chunk: the objects are still in the processor's cache at the second touch.
    types = _types(chunk)
    if not types <= SCALARS or _longest(chunk, types, str) > LONG or _longest(chunk, types, bytes) > LONG:
        return None
    return _joined(chunk)


def _joined(chunk: tuple[Any, ...]) -> memoryview:
    return memoryview(dumps(chunk, VERSION))[_HEADER:]


def _are_rows(items: Sequence[Any]) -> bool:
    return _types(items) in _SEQUENCES and max(map(len, items)) <= WIDEST_ROW


def _own_rows(items: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(map(type(items[0]), items))


def _rows_of(chunk: tuple[Any, ...]) -> memoryview | bytes | None:
    own = _own_rows(chunk)
    total = _row_width(own)
    if total is None:
        return None
    if total <= LIMIT:
        return _joined(own)
    return b"".join([collapse(dumps(row, VERSION)) for row in own])


def _row_width(own: tuple[Any, ...]) -> int | None:
    """An upper bound of the bytes that one of these rows takes, or ``None``."""
    lengths = set(map(len, own))
    columns: Iterator[Sequence[object]]
    if len(lengths) == 1:  # a table: each column has one type, mostly, which is quickly seen
        columns = (list(map(itemgetter(i), own)) for i in range(lengths.pop()))
        total = 0
    else:
        columns = iter([list(chain.from_iterable(own))])
        total = -1
    for column in columns:
        one = width(column)
        if one is None:
            return None
        total = total + one if total >= 0 else one * max(lengths)
    return _HEADER + total


def _chunks(items: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    return (items[i : i + CHUNK] for i in range(0, len(items), CHUNK))


def _types(items: Sequence[object]) -> set[type]:
    # Counting one type is faster than collecting all, and most lists have one.
    if len(items) > WIDEST_ROW and list(map(type, items)).count(type(items[0])) == len(items):
        return {type(items[0])}
    return set(map(type, items))


def _longest(items: Sequence[Any], types: set[type], wanted: type, measure: Callable[[Any], int] = len) -> int:
    if wanted not in types:
        return 0
    if len(types) > 1:
        items = [item for item in items if type(item) is wanted]
    return max(map(measure, items))
