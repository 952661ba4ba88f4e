"""Whether a value comes back from a data format as it was: of the same types, and nothing made into something else.

JSON writes a tuple as a list, the key 1 as ``"1"`` and an IntEnum as a number, and says nothing. Here such values are
found before they are written, and refused with their place: ``result['rows'][3][1]``.
"""

from __future__ import annotations

from memopickle.typed import TYPE_CHECKING, Any, NamedTuple
from memopickle.unstorable import UnstorableError, cure, named
from memopickle.valuepath import item, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["DEEPEST", "Format", "check", "check_leaves"]

#: Containers within containers: what reads a format needs stack for each, wherever its caller stands.
DEEPEST = 300
#: A container that is met again is written again, and has no end where it holds itself. Of a value so much is written
#: at most beyond _REPEATS times what there is.
_MORE = 1_000_000
_REPEATS = 4

_CONTAINERS = frozenset({dict, list})


class Format(NamedTuple):
    """What a format gives back exactly. Types are meant exactly, without subclasses."""

    name: str
    #: Of values that hold no others.
    leaves: frozenset[type]
    keys: frozenset[type]
    #: Types that it would take, with their subclasses, and what they would come back as.
    becomes: Mapping[type, str]
    #: Tells why a leaf or key can't be written although its type can, or ``""``.
    flaw: Callable[[Any], str]


class _Place(NamedTuple):
    """A container, and where it is: in which other one, and under which key or index."""

    container: Any
    above: _Place | None = None
    step: object = None
    depth: int = 0


def check(value: object, form: Format) -> None:
    """Raise UnstorableError that names the first part which the format would not give back as it is.

    Looks at types and structure; at what a leaf contains look the format itself and then :func:`check_leaves`.
    """
    fine = form.leaves | _CONTAINERS
    seen: set[int] = set()
    there = written = 0
    for place in _places(value):
        container = place.container
        if not fine.issuperset(map(type, _values(container))):
            raise UnstorableError(_unfit(place, fine, form))
        if type(container) is dict and not form.keys.issuperset(map(type, container)):
            raise UnstorableError(_unfit_key(place, form))
        size = 1 + len(container)
        written += size
        if id(container) not in seen:
            seen.add(id(container))
            there += size
        if place.depth > DEEPEST or written > _MORE + _REPEATS * there:
            raise UnstorableError(f"{_path(place)}: nested more than {DEEPEST} deep, too often, or without end")


def check_leaves(value: object, form: Format) -> None:
    """Raise UnstorableError that names the first leaf, or key, that the format has no room for.

    ``value`` has passed :func:`check`.
    """
    for place in _places(value):
        for step, child in _items(place.container):
            if type(child) not in _CONTAINERS and (flaw := form.flaw(child)):
                raise UnstorableError(f"{_path(place, step)}: {flaw}")
            if type(place.container) is dict and (flaw := form.flaw(step)):
                raise UnstorableError(f"a key of {_path(place)}: {flaw}")


def _places(value: object) -> Iterator[_Place]:
    """Give all containers, outer ones first, beginning with a list that holds the value; those met again, again."""
    pending = [_Place([value])]
    while pending:
        place = pending.pop()
        yield place
        if not _CONTAINERS.isdisjoint(map(type, _values(place.container))):
            depth = place.depth + 1
            inner = [
                _Place(child, place, step, depth)
                for step, child in _items(place.container)
                if type(child) in _CONTAINERS
            ]
            pending += reversed(inner)


def _values(container: Any) -> Iterable[Any]:
    return container.values() if type(container) is dict else container


def _items(container: Any) -> Iterable[tuple[Any, Any]]:
    return container.items() if type(container) is dict else enumerate(container)


def _unfit(place: _Place, fine: frozenset[type], form: Format) -> str:
    step, child = next((step, child) for step, child in _items(place.container) if type(child) not in fine)
    comes_back = next((form.becomes[base] for base in type(child).__mro__ if base in form.becomes), None)
    if comes_back is not None:
        return f"{_path(place, step)}: {named(child)} would come back as {comes_back}"
    advice = cure(child)
    return f"{_path(place, step)}: {form.name} can't hold {named(child)}{'; ' * bool(advice)}{advice}"


def _unfit_key(place: _Place, form: Format) -> str:
    kind = next(type(key) for key in place.container if type(key) not in form.keys).__name__
    taken = ", ".join(sorted(known.__name__ for known in form.keys))
    return f"a key of {_path(place)}: it is of type {kind}, and {form.name} gives back as keys only: {taken}"


def _path(place: _Place, *steps: object) -> str:
    """Return the path of a container, or of what is in it one step further."""
    taken = list(steps)
    while place.above is not None:
        taken.append(place.step)
        place = place.above
    return joined([item(step) for step in reversed(taken[:-1])])  # the last is the step to the value itself
