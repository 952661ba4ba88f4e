"""The code of a module that a function will import but that is not loaded: its file, which nothing runs yet."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from memopickle.code.origin import is_project_file
from memopickle.code.source import source_of
from memopickle.code.syntax import syntax_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["module_digest"]


def module_digest(name: str, in_project: Callable[[str], bool]) -> bytes:
    """Return the digest of a module's source without importing it; empty if it isn't the project's, or not found."""
    file = _file(name)
    if file is None or not (is_project_file(file) and in_project(name)):
        return b""
    source = source_of(file, {})
    statements = source.statements() if source is not None else []
    return b"".join(syntax_digest(statement.node) for statement in statements)


def _file(name: str) -> str | None:
    """Return where a module would be imported from, found without importing its parents."""
    places: Iterable[str] | None = None
    spec = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        spec = _spec(".".join(parts[:end]), places)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    return spec.origin if spec is not None and spec.has_location else None


def _spec(name: str, places: Iterable[str] | None) -> Any:
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, places)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001, S112 - other people's finders
            continue
        if spec is not None:
            return spec
    return None
