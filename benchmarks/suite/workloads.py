"""All workloads, by name, in the order of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import disk, imports, large, loops, memory, processes, scale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from suite.report import Row
    from suite.setting import Setting

__all__ = ["WORKLOADS", "chosen", "groups"]

WORKLOADS: dict[str, Callable[[Setting], Iterable[Row]]] = {
    "memory scalar": memory.scalar,
    "memory copied": memory.copied,
    "memory threads": memory.threads,
    "disk hit": disk.hit,
    "disk first hits": disk.first_hits,
    "disk store": disk.store,
    "async hit": loops.hit,
    "large hit": large.hit,
    "large mmap": large.mapped,
    "large store": large.store,
    "large argument": large.argument,
    "large memory": large.memory,
    "process readers": processes.readers,
    "process import": imports.imported,
    "process hit": imports.first_hit,
    "scale million": scale.million,
    "scale evict": scale.evict,
    "scale clear": scale.clear,
}


def chosen(words: list[str]) -> list[str]:
    """Return the names that contain one of the words, all of them if there are none."""
    return [name for name in WORKLOADS if not words or any(word in name for word in words)]


def groups() -> dict[str, list[str]]:
    """Return the names by their first word."""
    found: dict[str, list[str]] = {}
    for name in WORKLOADS:
        found.setdefault(name.partition(" ")[0], []).append(name)
    return found
