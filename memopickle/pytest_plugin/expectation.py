"""How many calls of a function are to be hits, and how many misses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

from memopickle import switch
from memopickle.errors import ConfigurationError
from memopickle.events import Miss, NotStored, Raised
from memopickle.pytest_plugin.targets import function_of
from memopickle.settings import is_disabled

if TYPE_CHECKING:
    from types import TracebackType

    from memopickle.events import Event
    from memopickle.pytest_plugin.targets import Function

__all__ = ["Calls"]

_PLURAL = {"hit": "hits", "miss": "misses"}


class Calls:
    """Expectations of what calls come to."""

    def expect(self, function: Function, *, hits: int | None = None, misses: int | None = None) -> _Expectation:
        """Return a context that fails unless its calls of ``function`` are so many hits and misses.

        Args:
            function: a cached function or method, of any cache.
            hits: calls that return a stored result; None: any number.
            misses: calls that run the function, or raise what another's run raised; None: any number.

        Calls of all threads of this process count; those that a process started meanwhile makes don't.

        """
        if hits is None and misses is None:
            raise ConfigurationError("expect() of neither hits nor misses would never fail; give one of them, or both")
        return _Expectation(function_of(function), hits, misses)


class _Expectation:
    def __init__(self, function: Function, hits: int | None, misses: int | None) -> None:
        self._function = function
        self._expected = {"hit": hits, "miss": misses}
        self._told: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._memo = memo = self._function._bound()
        self._before = memo.counts.total("hits"), memo.counts.total("misses")
        self._hook = memo.listener._emit
        memo.listener._emit = self._note
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        __tracebackhide__ = True
        self._memo.listener._emit = self._hook
        if error is None:
            if self._function._opened is not self._memo:
                raise AssertionError(
                    f"{self._memo.name}: its cache was exchanged inside the block; nothing was counted"
                )
            counts = self._memo.counts
            got = {"hit": counts.total("hits") - self._before[0], "miss": counts.total("misses") - self._before[1]}
            if any(wanted not in (None, got[what]) for what, wanted in self._expected.items()):
                raise AssertionError(self._message(got))

    def _note(self, event: Event) -> None:
        if isinstance(event, Miss):
            self._told[f"missed, {event.reason}"] += 1
        elif isinstance(event, NotStored):
            self._told[f"not stored, {event.reason}"] += 1
        elif isinstance(event, Raised):
            self._told[f"raised {event.reason}"] += 1
        if self._hook is not None:
            self._hook(event)

    def _message(self, got: dict[str, int]) -> str:
        wanted = {what: number for what, number in self._expected.items() if number is not None}
        facts = [f"{times}x {what}" for what, times in self._told.items()]
        if switch.off or is_disabled(self._function._function):
            facts.append("caching is disabled")
        told = f" ({'; '.join(facts)})" if facts else ""
        return f"{self._memo.name}: expected {_count(wanted)}, got {_count(got)}{told}"


def _count(numbers: dict[str, int]) -> str:
    return " and ".join(f"{number} {_PLURAL[what] if number != 1 else what}" for what, number in numbers.items())
