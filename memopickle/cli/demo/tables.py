"""The demo's result for people: tables that fit 80 columns."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from memopickle.cli.demo.facts import MOST_COMPLEX

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["show"]

WIDTH = 80
KILO, MEGA = 1_000, 1_000_000


def show(facts: Mapping[str, Any]) -> None:
    """Print the facts; escape codes go to a terminal only, whatever the environment asks for."""
    console = Console(force_terminal=sys.stdout.isatty(), highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH)
    _introduce(console, facts)
    console.print(_times(facts), _most_complex(facts), _tampered(facts))
    _control(console, facts)
    _verdict(console, facts)


def _introduce(console: Console, facts: Mapping[str, Any]) -> None:
    library = facts["library"]
    console.print(
        f"memopickle {facts['memopickle']}, Python {facts['python']}: {library['modules']:,} modules of the standard"
        f" library, {_bytes(library['bytes'])} (its tests and site-packages are left out):"
        f" {library['lines']:,} lines, {library['tokens']:,} tokens, {library['functions']:,} functions."
    )
    for name, error in library["not_parsed"].items():
        console.print(f"Counted as a module without functions, as it can't be parsed: {name} ({error})")


def _times(facts: Mapping[str, Any]) -> Table:
    cold, warm = facts["cold"], facts["warm"]
    table = _table("The same calls twice, each time in new processes")
    for name in ("", "cold", "warm"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("time, with starting the processes", _seconds(cold["seconds"]), _seconds(warm["seconds"]))
    table.add_row("time in the calls, all processes", *(_seconds(run["in_calls_seconds"]) for run in (cold, warm)))
    table.add_row("processes", str(cold["processes"]), str(warm["processes"]))
    table.add_row("computed", f"{cold['computed']:,}", f"{warm['computed']:,}")
    table.add_row("taken from the cache", f"{cold['hits']:,}", f"{warm['hits']:,}", end_section=True)
    table.add_row("speed-up", "", f"{facts['speed_up']:.1f} x")
    table.add_row("time saved (computing them took)", "", _seconds(facts["saved_seconds"]))
    table.add_row("entries stored", f"{facts['entries']:,}", "")
    table.add_row("bytes stored", _bytes(facts["bytes"]), "")
    return table


def _most_complex(facts: Mapping[str, Any]) -> Table:
    table = _table(f"The {MOST_COMPLEX} most complex functions (cyclomatic complexity)")
    table.add_column("complexity", justify="right")
    table.add_column("function", overflow="fold")
    table.add_column("module and line", overflow="fold")
    for one in facts["most_complex"]:
        table.add_row(str(one["complexity"]), one["name"], f"{one['module']}:{one['line']}")
    return table


def _tampered(facts: Mapping[str, Any]) -> Table:
    table = _table("Stored files tampered with, then asked for by a new process")
    for name in ("what was done", "module", "refused, because", "value"):
        table.add_column(name, overflow="fold")
    for one in facts["tampered"]:
        reasons = "; ".join(one["refused"]) or "NOT REFUSED"
        table.add_row(one["kind"], one["module"], reasons, "right" if one["right_again"] else "WRONG")
    return table


def _control(console: Console, facts: Mapping[str, Any]) -> None:
    runs = "ran its code" if facts["hostile_pickle_runs_when_unverified"] else "did nothing"
    ran = "its code RAN" if facts["planted_code_ran"] else "nothing ran"
    console.print("A forged entry is the hostile pickle under the entry's genuine header.")
    console.print(f"The hostile pickle, loaded with pickle.load: {runs}. Through memopickle: {ran}.\n")


def _verdict(console: Console, facts: Mapping[str, Any]) -> None:
    for check in facts["checks"]:
        console.print(f"{'ok    ' if check['held'] else 'FAILED'}  {check['claim']}")
    failed = sum(not check["held"] for check in facts["checks"])
    total = len(facts["checks"])
    console.print(f"\n{failed} of {total} checks FAILED." if failed else f"\nAll {total} checks held.")


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _bytes(count: int) -> str:
    return f"{count / MEGA:.1f} MB" if count >= MEGA else f"{count / KILO:.1f} kB"
