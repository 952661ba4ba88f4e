"""The demo's claims, judged by what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memopickle.cli.demo.tampering import KINDS
from memopickle.events import Miss, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.cli.demo.observed import Observed
    from memopickle.cli.demo.tampering import Tampering

__all__ = ["Check", "judge"]


class Check(NamedTuple):
    """A claim, and whether it held."""

    claim: str
    held: bool


def judge(seen: Observed) -> list[Check]:
    """Return every claim of the demo with its verdict."""
    return [*_judge_runs(seen), *_judge_tamperings(seen), *_judge_code(seen)]


def _judge_runs(seen: Observed) -> Iterator[Check]:
    count = len(seen.modules)
    cold, warm, filled = seen.cold, seen.warm, seen.filled
    yield Check(
        "cold: every module computed and stored, none twice",
        count > 0
        and (cold.hits, cold.misses, cold.stored) == (0, count, count)
        and cold.reports.keys() == seen.modules,
    )
    yield Check("warm: every module a hit, none computed", (warm.hits, warm.misses, warm.stored) == (count, 0, 0))
    yield Check("warm: in new processes", bool(warm.processes) and not warm.processes & cold.processes)
    yield Check("warm: every result equal to the computed one", count > 0 and warm.reports == cold.reports)
    yield Check(
        "one entry for each module, every signature good",
        (filled.entries, filled.good, filled.bad) == (count, count, 0),
    )


def _judge_tamperings(seen: Observed) -> Iterator[Check]:
    yield Check(
        "every tampered entry found by verifying, no other",
        tuple(one.kind for one in seen.tamperings) == KINDS and seen.tampered.bad == len(KINDS),
    )
    for tampering in seen.tamperings:
        yield Check(f"{tampering.kind}: refused, with one warning", _refused(seen, tampering))
        yield Check(f"{tampering.kind}: computed again, and right", _computed_anew(seen, tampering))


def _refused(seen: Observed, tampering: Tampering) -> bool:
    outcome = seen.repair.of(tampering)
    return outcome is not None and len(outcome.warnings) == 1 and bool(seen.repair.refusals(tampering))


def _computed_anew(seen: Observed, tampering: Tampering) -> bool:
    outcome = seen.repair.of(tampering)
    if outcome is None or outcome.report != seen.cold.reports.get(tampering.module):
        return False
    missed = [event.reason for event in outcome.events if isinstance(event, Miss)]
    return missed == ["bad entry"] and any(isinstance(event, Stored) for event in outcome.events)


def _judge_code(seen: Observed) -> Iterator[Check]:
    count = len(seen.modules)
    yield Check("the hostile pickle runs code when merely unpickled", seen.hostile_is_hostile)
    yield Check("through memopickle no planted code ran", not seen.code_ran)
    yield Check(
        "afterwards every entry is good again",
        (seen.repaired.entries, seen.repaired.good, seen.repaired.bad) == (count, count, 0),
    )
