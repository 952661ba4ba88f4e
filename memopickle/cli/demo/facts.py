"""The demo's result as one JSON document; the tables show the same."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from memopickle import __version__
from memopickle.cli.demo.library import LEFT_OUT, library_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.cli.demo.checks import Check
    from memopickle.cli.demo.observed import Observed, Run

__all__ = ["MOST_COMPLEX", "facts"]

MOST_COMPLEX = 10


def facts(seen: Observed, checks: Sequence[Check]) -> dict[str, Any]:
    """Return what was seen and how it was judged, in seconds and bytes."""
    return {
        "memopickle": __version__,
        "python": platform.python_version(),
        "ok": all(check.held for check in checks),
        "library": _library(seen),
        "cold": _run(seen.cold),
        "warm": _run(seen.warm),
        "speed_up": seen.cold.seconds / seen.warm.seconds,
        "entries": seen.filled.entries,
        "bytes": seen.filled.bytes,
        "saved_seconds": seen.warm.saved,
        "most_complex": [
            {"module": module, **function._asdict()} for module, function in seen.most_complex(MOST_COMPLEX)
        ],
        "tampered": _tampered(seen),
        "hostile_pickle_runs_when_unverified": seen.hostile_is_hostile,
        "planted_code_ran": seen.code_ran,
        "checks": [check._asdict() for check in checks],
    }


def _library(seen: Observed) -> dict[str, Any]:
    reports = list(seen.cold.reports.values())
    return {
        "path": library_path(),
        "left_out": sorted(LEFT_OUT),
        "modules": len(seen.modules),
        "bytes": seen.source_bytes,
        "lines": sum(report.lines for report in reports),
        "tokens": sum(report.tokens for report in reports),
        "comments": sum(report.comments for report in reports),
        "functions": sum(len(report.functions) for report in reports),
        "not_parsed": {report.name: report.error for report in seen.not_parsed},
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "seconds": run.seconds,
        "in_calls_seconds": run.in_calls,
        "processes": len(run.processes),
        "computed": run.misses,
        "hits": run.hits,
    }


def _tampered(seen: Observed) -> list[dict[str, Any]]:
    rows = []
    for tampering in seen.tamperings:
        outcome = seen.repair.of(tampering)
        rows.append(
            {
                **tampering._asdict(),
                "refused": seen.repair.refusals(tampering),
                "warnings": list(outcome.warnings) if outcome else [],
                "right_again": outcome is not None and outcome.report == seen.cold.reports.get(tampering.module),
            }
        )
    return rows
