"""What the demo saw; all that it prints comes from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memopickle.events import BadEntry, Hit, Miss, Stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.cli.demo.analysis import ModuleReport
    from memopickle.cli.demo.complexity import FunctionReport
    from memopickle.cli.demo.tampering import Tampering
    from memopickle.cli.demo.worker import Outcome
    from memopickle.events import Event

__all__ = ["Observed", "Run", "Shelf"]


class Run(NamedTuple):
    """One round of calls by a set of fresh processes."""

    outcomes: Sequence[Outcome]
    #: Wall-clock seconds, with starting and ending the processes.
    seconds: float

    def count(self, kind: type[Event]) -> int:
        """Return how often the caches told this kind of event."""
        return sum(isinstance(event, kind) for outcome in self.outcomes for event in outcome.events)

    @property
    def hits(self) -> int:
        """Calls that returned a stored result."""
        return self.count(Hit)

    @property
    def misses(self) -> int:
        """Calls that found none that may be used."""
        return self.count(Miss)

    @property
    def stored(self) -> int:
        """Results stored."""
        return self.count(Stored)

    @property
    def saved(self) -> float:
        """Seconds that computing the returned results had taken, as recorded in the entries."""
        events = [event for outcome in self.outcomes for event in outcome.events]
        return sum(event.saved for event in events if isinstance(event, Hit))

    @property
    def in_calls(self) -> float:
        """Seconds spent in the calls, of all processes together."""
        return sum(outcome.seconds for outcome in self.outcomes)

    @property
    def processes(self) -> set[str]:
        """The processes that made the calls."""
        return {outcome.process for outcome in self.outcomes}

    @property
    def reports(self) -> dict[str, ModuleReport]:
        """The results, by module."""
        return {outcome.module: outcome.report for outcome in self.outcomes}

    def refusals(self, tampering: Tampering) -> list[str]:
        """Return the reasons for which this entry was refused, each once."""
        events = [event for outcome in self.outcomes for event in outcome.events]
        reasons = [e.reason for e in events if isinstance(e, BadEntry) and e.place == tampering.place]
        return list(dict.fromkeys(reasons))

    def of(self, tampering: Tampering) -> Outcome | None:
        """Return the call for the module whose entry was tampered with."""
        return next((one for one in self.outcomes if one.module == tampering.module), None)


class Shelf(NamedTuple):
    """The stored entries at one moment: how many, their bytes, and how many signatures were good and bad."""

    entries: int
    bytes: int
    good: int
    bad: int


class Observed(NamedTuple):
    """The whole demo."""

    #: Names of the modules given to be analysed, and the bytes of their sources.
    modules: frozenset[str]
    source_bytes: int
    cold: Run
    warm: Run
    filled: Shelf
    tamperings: tuple[Tampering, ...]
    #: Whether the hostile pickle does run code where it is loaded without verification.
    hostile_is_hostile: bool
    tampered: Shelf
    repair: Run
    #: Whether planted code ran during the repair.
    code_ran: bool
    repaired: Shelf

    def most_complex(self, count: int) -> list[tuple[str, FunctionReport]]:
        """Return the most complex functions, each with its module."""
        found = [(report.name, function) for report in self.cold.reports.values() for function in report.functions]
        return sorted(found, key=lambda one: (-one[1].complexity, one[0], one[1].line))[:count]

    @property
    def not_parsed(self) -> list[ModuleReport]:
        """The modules that could not be parsed."""
        return sorted(report for report in self.cold.reports.values() if report.error)
