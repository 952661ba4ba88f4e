"""Configuration outside the code, as it holds for this process: the environment and the project's settings file.

What counts, the first that says something: an override in the file, the code, the environment, the defaults of the
file, memopickle's own. Read at the first call, once, and again after ``configure()``.
"""

from __future__ import annotations

from functools import partial

from memopickle.options import Options
from memopickle.projectfile import find_file
from memopickle.switch import environment_switch
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memopickle.projecttable import Override, ProjectTable
    from memopickle.stores.base import Store

__all__ = [
    "complete",
    "describe",
    "is_disabled",
    "keeps_statistics",
    "option_sources",
    "overrides_of",
    "project_table",
    "reread",
]

_UNREAD: Any = object()
_table: ProjectTable | None = _UNREAD


def project_table() -> ProjectTable | None:
    """Return what the settings file says, None without one. Read once; two threads that both read it agree.

    Raises ConfigurationError, each time until the file is mended.
    """
    global _table  # noqa: PLW0603
    table = _table
    if table is _UNREAD:
        table = _table = _read()
    return table


def reread() -> None:
    """Read the file anew at the next call of a function that has not been called yet."""
    global _table  # noqa: PLW0603
    _table = _UNREAD


def _read() -> ProjectTable | None:
    file = find_file()
    if file is None:
        return None
    from memopickle.projecttable import read_table  # where there is a file

    return read_table(file)


def option_sources(
    function: Callable[..., Any], given: Options, cache: Options, store: Store
) -> dict[str, tuple[Any, Callable[[], str]]]:
    """Return value and source of each option of a function that somebody set.

    Args:
        function: whose name the overrides are matched with.
        given: by its decorator.
        cache: the defaults of its Cache.
        store: that of its Cache. A ttl of its own, which code or environment chose, counts before the file's.

    """
    found: dict[str, tuple[Any, Callable[[], str]]] = {}
    table = project_table()
    if table is not None:
        defaults = ((name, value) for name, value in table.defaults.items() if name != "ttl" or store.ttl is None)
        found.update((name, (value, partial(table.where, name))) for name, value in defaults)
    found.update((name, (value, lambda: "the Cache's defaults")) for name, value in cache.given.items())
    found.update((name, (value, lambda: "code")) for name, value in given.given.items())
    if table is not None:
        for override in overrides_of(function, table):
            found.update(
                (name, (value, partial(table.where, name, override))) for name, value in override.options.items()
            )
    return found


def complete(function: Callable[..., Any], given: Options, cache: Options, store: Store) -> Options:
    """Return all options of a function; arguments as for ``option_sources``."""
    found = option_sources(function, given, cache, store)
    return Options(**{name: value for name, (value, _) in found.items()}).over(Options())


def describe(function: Callable[..., Any], given: Options, cache: Options, store: Store) -> str:
    """Say, in one line, where a function's results are kept, which options are set, and by what if not by the code."""
    told = [f"in {store!r}"]
    for name, (value, where) in option_sources(function, given, cache, store).items():
        source = where()
        told.append(f"{name}={value!r}" + ("" if source == "code" else f" ({source})"))
    return ", ".join(told)


def is_disabled(function: Callable[..., Any]) -> bool:
    """Tell whether the environment or the file makes this function a plain call."""
    switched = environment_switch()
    if switched:
        return True
    table = project_table()
    if table is None:
        return False
    off = bool(table.disable) and switched is None
    for override in overrides_of(function, table):
        off = off if override.disable is None else override.disable
    return off


def overrides_of(function: Callable[..., Any], table: ProjectTable) -> Iterator[Override]:
    """Iterate over the overrides for a function, in the order of the file: the later ones win."""
    if table.overrides:
        from memopickle.catalog import matches
        from memopickle.identity import readable_name  # 15 ms that a disabled cache need not pay

        name = readable_name(function)
        yield from (override for override in table.overrides if matches(name, override.function))


def keeps_statistics() -> bool:
    """Tell whether statistics are to be kept beside the entries: ``MEMOPICKLE_STATISTICS``, else the file, else yes."""
    said = environment_switch("MEMOPICKLE_STATISTICS")
    if said is not None:
        return said
    table = project_table()
    return table is None or table.statistics is not False
