"""The demo's input: the modules of the running Python's standard library."""

from __future__ import annotations

import os
import sysconfig
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LEFT_OUT", "Module", "library_path", "modules"]

#: Folders that are not the library: what is installed beside it, and its tests, some of which are meant not to parse.
LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})


class Module(NamedTuple):
    """A module by its dotted name, the path of its source, and its size in bytes."""

    name: str
    path: str
    size: int


def library_path() -> str:
    """Return the folder of the standard library."""
    return sysconfig.get_path("stdlib")


def modules(limit: int | None = None) -> list[Module]:
    """Return the library's modules, the first ``limit`` by name, largest first so that processes end together."""
    found = sorted(_below(library_path(), ()))[:limit]
    return sorted(found, key=lambda module: (-module.size, module.name))


def _below(folder: str, package: tuple[str, ...]) -> Iterator[Module]:
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, suffix = os.path.splitext(entry.name)
            # What is no identifier (config-3.11-x86_64-linux-gnu) can't be imported, so it is no module.
            if entry.is_file() and suffix == ".py" and stem.isidentifier():
                parts = package if stem == "__init__" else (*package, stem)
                yield Module(".".join(parts), entry.path, entry.stat().st_size)
            elif entry.is_dir(follow_symlinks=False) and entry.name.isidentifier() and entry.name not in LEFT_OUT:
                yield from _below(entry.path, (*package, entry.name))
