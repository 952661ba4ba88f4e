"""Every setting that holds, and where it comes from: for ``memopickle doctor`` and for whoever wonders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.config import _default_store
from memopickle.errors import UnavailableError
from memopickle.expiry import SECOND
from memopickle.options import Options, OptionValues, Unset
from memopickle.projecttable import FILE_OPTIONS
from memopickle.settings import keeps_statistics, option_sources, overrides_of, project_table
from memopickle.switch import environment_switch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.function import CachedFunction
    from memopickle.projecttable import ProjectTable

__all__ = ["Setting", "explain_settings"]

_DEFAULT = "default"


class Setting(NamedTuple):
    """One setting: its name, its value as text, and where that comes from.

    ``source`` is ``path:line`` for the settings file, the name of an environment variable, ``"code"``, ``"the Cache's
    defaults"``, ``"the store"`` or ``"default"``. The value of a secret is never shown.
    """

    name: str
    value: str
    source: str


def explain_settings(function: CachedFunction[..., Any] | None = None) -> list[Setting]:
    """Return what holds for this process and its default cache; or, for a decorated function, its options.

    Reads the settings file if no call did yet, and opens no store. Raises ConfigurationError for a wrong setting.
    """
    table = project_table()
    if function is not None:
        return [_disabled(table, function), *_options_of(function)]
    return [
        _file(table),
        _store(table),
        _secret(),
        _disabled(table),
        _statistics(table),
        *_defaults(table),
        *(_overrides(table) if table else ()),
    ]


def _file(table: ProjectTable | None) -> Setting:
    named = os.environ.get("MEMOPICKLE_CONFIG")
    source = "MEMOPICKLE_CONFIG" if named else "nearest above the working directory" if table else _DEFAULT
    return Setting("settings file", table.path if table else "none", source)


def _store(table: ProjectTable | None) -> Setting:
    try:
        value = repr(_default_store())
    except UnavailableError as error:
        value = f"none: {error}"
    for name in ("MEMOPICKLE_STORE", "MEMOPICKLE_DIR"):
        if os.environ.get(name):
            return Setting("store", value, name)
    if table and (table.store or table.dir):
        return Setting("store", value, table.where("store" if table.store else "dir"))
    return Setting("store", value, _DEFAULT)


def _secret() -> Setting:
    for name in ("MEMOPICKLE_SECRET", "MEMOPICKLE_SECRET_FILE"):
        if name in os.environ:
            return Setting("secret", "(not shown)", name)
    return Setting("secret", "(not shown)", "this user's own file")


def _disabled(table: ProjectTable | None, function: CachedFunction[..., Any] | None = None) -> Setting:
    said = environment_switch()
    if said is None:
        where = table.where("disable") if table and table.disable is not None else _DEFAULT
        setting = Setting("disable", _word(bool(table and table.disable)), where)
    else:
        setting = Setting("disable", _word(said), "MEMOPICKLE_DISABLE")
    if said or function is None or table is None:
        return setting
    for override in overrides_of(function._function, table):
        if override.disable is not None:
            setting = Setting("disable", _word(override.disable), table.where("disable", override))
    return setting


def _statistics(table: ProjectTable | None) -> Setting:
    if environment_switch("MEMOPICKLE_STATISTICS") is not None:
        source = "MEMOPICKLE_STATISTICS"
    else:
        source = table.where("statistics") if table and table.statistics is not None else _DEFAULT
    return Setting("statistics", _word(keeps_statistics()), source)


def _defaults(table: ProjectTable | None) -> Iterator[Setting]:
    given = table.defaults if table else {}
    for name in FILE_OPTIONS:
        yield Setting(name, _word(given[name]), table.where(name)) if table and name in given else _default(name)


def _overrides(table: ProjectTable) -> Iterator[Setting]:
    for override in table.overrides:
        said = override.options if override.disable is None else {"disable": override.disable, **override.options}
        for name, value in said.items():
            yield Setting(f"{override.function}: {name}", _word(value), table.where(name, override))


def _options_of(function: CachedFunction[..., Any]) -> Iterator[Setting]:
    source = function._source
    cache = source(function) if callable(source) else source
    found = option_sources(function._function, function._options, cache._defaults, cache.store)
    for name in OptionValues.__annotations__:
        if name in found:
            value, where = found[name]
            yield Setting(name, _word(value), where())
        elif name == "ttl" and cache.store.ttl is not None:
            yield Setting(name, f"{cache.store.ttl / SECOND:g}", "the store")
        else:
            yield _default(name)


def _default(name: str) -> Setting:
    return Setting(name, _word(getattr(Options().over(Options()), name)), _DEFAULT)


def _word(value: object) -> str:
    if isinstance(value, Unset):
        return "the store's"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
