"""Which part of a result can't be pickled, as ``result.config.lock``. Only for results that could not be stored.

A part is at fault if it can't be pickled by itself and none of its own parts is. Of many parts the first that fails is
found by halving, so that the search costs a few times what pickling the result costs, however many parts it has.
"""

from __future__ import annotations

import copyreg
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.byvalue import ByValueSerializer
from memopickle.errors import MemopickleError
from memopickle.serializers import PickleSerializer
from memopickle.unstorable import PAGE, UnstorableError, cure
from memopickle.valuepath import attribute, item, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memopickle.serializers import ResultSerializer

    Part = tuple[str, Any]

__all__ = ["Explainer"]

#: How often pickling is tried at most, and how deep the search goes.
_TRIES = 500
_DEEPEST = 50
#: Errors that say what is wrong already, or that are not of a part.
_OTHERS = (UnstorableError, MemopickleError, OSError, RecursionError, MemoryError)


class Explainer:
    """Explains why results of one function can't be stored; searches once for each error. Safe between threads."""

    def __init__(self, serializer: ResultSerializer) -> None:
        self._serializer = serializer
        self._by_value = isinstance(serializer, ByValueSerializer)
        self._searches = isinstance(serializer, PickleSerializer | ByValueSerializer)
        self._known: set[str] = set()

    def explained(self, error: Exception, value: object) -> Exception:
        """Return the error to be told: where it is new, one that names the part at fault, and the cure.

        An error that is not the value's fault is returned as it is.
        """
        if not self._searches or isinstance(error, _OTHERS):
            return error
        try:
            text = f"{type(error).__name__}: {error}"
            if text in self._known:
                return UnstorableError(f"{error}; see {PAGE}")
            found = _Search(self._serializer.encode, by_value=self._by_value).find(value, [])
        except Exception:  # noqa: BLE001  the search asks the user's objects for their parts
            return error
        if found is None:
            return error
        self._known.add(text)
        return UnstorableError(f"{joined(found.steps)}: {found.reason}; {_advice(found)}; see {PAGE}")


class _Found(NamedTuple):
    steps: list[str]
    part: Any
    reason: str


def _advice(found: _Found) -> str:
    advice = cure(found.part)
    if isinstance(found.part, type | FunctionType) or "<local" in found.reason:
        return "define it at the top of a module, or use serializer='cloudpickle'"
    if found.steps:
        return f"leave it out in __getstate__{', or ' * bool(advice)}{advice}"
    return advice or "return something that can be pickled"


class _Search:
    """One search, which looks at no part twice."""

    def __init__(self, encode: Callable[[Any], object], *, by_value: bool) -> None:
        self._encode = encode
        self._by_value = by_value
        self._seen: dict[int, Any] = {}  # kept alive, since an id is one only as long as its object lives
        self._left = _TRIES

    def find(self, value: Any, steps: list[str]) -> _Found | None:
        """Return the part of a value that is at fault, None if the value can be pickled or only leads back."""
        reason = self._reason(value)
        if reason is None:
            return None
        self._seen[id(value)] = value
        everything = list(_parts(value, self._by_value)) if len(steps) < _DEEPEST else []
        parts = [(step, part) for step, part in everything if id(part) not in self._seen]
        while (index := self._first_failing([part for _, part in parts])) is not None:
            step, part = parts.pop(index)
            found = self.find(part, [*steps, step])
            if found is not None:
                return found
        leads_back = any(part is not value and id(part) in self._seen for _, part in everything)
        return None if leads_back and steps else _Found(steps, value, reason)

    def _first_failing(self, parts: list[Any]) -> int | None:
        low, high = 0, len(parts)
        if self._reason(parts) is None:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self._reason(parts[low:middle]) is None:
                low = middle
            else:
                high = middle
        return low

    def _reason(self, value: Any) -> str | None:
        """Return why a value can't be pickled, None if it can be, or if it was tried often enough."""
        self._left -= 1
        if self._left < 0:
            return None
        try:
            self._encode(value)
        except Exception as error:  # noqa: BLE001  whatever the user's own code raises
            return str(error) or type(error).__name__
        return None


def _parts(value: Any, by_value: bool) -> Iterator[Part]:
    """Give what a value is pickled from, with the step that leads there."""
    if isinstance(value, type):
        return
    if isinstance(value, FunctionType):
        if by_value:
            yield from _captured(value)
    elif type(value) is dict:
        yield from ((f"[key {item(key)[1:]}", key) for key in value)
        yield from ((item(key), part) for key, part in value.items())
    elif isinstance(value, tuple) and isinstance(names := getattr(value, "_fields", None), tuple):
        yield from ((attribute(name), part) for name, part in zip(names, value, strict=False))
    elif type(value) in (list, tuple, set, frozenset):
        yield from _indexed(value)
    else:
        yield from _reduced(value)


def _captured(function: FunctionType) -> Iterator[Part]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f"'s variable {name}", cell.cell_contents
    names = function.__code__.co_names
    yield from ((f"'s variable {name}", function.__globals__[name]) for name in names if name in function.__globals__)


def _indexed(values: Iterable[Any]) -> Iterator[Part]:
    return ((item(index), part) for index, part in enumerate(values))


def _reduced(value: Any) -> Iterator[Part]:
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        reduced: Any = reduce(value) if reduce else value.__reduce_ex__(5)
    except Exception:  # noqa: BLE001  it has no parts that could be asked for
        return
    if isinstance(reduced, str):
        return
    rest: tuple[Any, ...] = (*reduced[1:], None, None, None)
    args, state, items, pairs = rest[:4]
    yield from (("", arg) for arg in args if not isinstance(arg, type))
    for some in state if isinstance(state, tuple) else [state]:
        if isinstance(some, dict):  # attributes; of a pair the second dict has those in slots
            yield from ((attribute(name), part) for name, part in some.items())
        elif some is not None:
            yield "", some
    yield from _indexed(items or ())
    yield from ((item(key), part) for key, part in pairs or ())
