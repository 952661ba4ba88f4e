"""What a settings file says: ``[tool.memopickle]``, checked to the last key."""

from __future__ import annotations

import os

from memopickle.errors import ConfigurationError
from memopickle.options import Options, OptionValues
from memopickle.projectfile import PYPROJECT
from memopickle.tomllines import line_of
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memopickle.projectfile import ProjectFile

__all__ = ["FILE_OPTIONS", "Override", "ProjectTable", "read_table"]

_OVERRIDES = "overrides"
#: Options that are Python objects, or that make sense beside the function's own parameters only.
_IN_CODE = frozenset({"ignore", "key", "depends_on", "migrate", "store_if", "exceptions"})
#: What decides whether bytes from a stranger are run is not for a file to change.
_NEVER = frozenset({"secret", "serializer"})
#: The options that a file may set.
FILE_OPTIONS = tuple(name for name in OptionValues.__annotations__ if name not in _IN_CODE | _NEVER)
_SETTINGS = ("store", "dir", "statistics", "disable")
_NOTHING = "none"  # TOML has no word for None


class Override(NamedTuple):
    """One ``[[tool.memopickle.overrides]]``: for the functions whose dotted names fit, whatever the code says."""

    function: str
    disable: bool | None
    options: dict[str, Any]
    number: int


class ProjectTable:
    """The settings of a file; an attribute that the file does not set is None. Not to be changed.

    Attributes:
        store: the URL of the default cache's store.
        dir: the default cache's directory, absolute.
        statistics: whether statistics are kept beside the entries.
        disable: whether every cache is a plain call.
        defaults: options for what the code leaves unset.
        overrides: in the order of the file.

    """

    def __init__(self, file: ProjectFile, given: dict[str, Any]) -> None:
        self.path: str = file.path
        self._text = file.text
        self._table = "tool.memopickle" if _is_pyproject(file.path) else ""
        overrides = given.pop(_OVERRIDES, [])
        self._check_names(given, "", 0, (*_SETTINGS, *FILE_OPTIONS, _OVERRIDES))
        self.store: str | None = self._text_of(given, "store")
        self.dir: str | None = self._directory(given)
        self.statistics: bool | None = self._bool_of(given, "statistics")
        self.disable: bool | None = self._bool_of(given, "disable")
        if self.store and self.dir:
            self._refuse("store", "", 0, "give either store or dir")
        self.defaults: dict[str, Any] = self._options(given, "", 0)
        self.overrides: tuple[Override, ...] = tuple(
            self._override(index, table) for index, table in enumerate(self._tables(overrides))
        )

    def where(self, key: str, override: Override | None = None) -> str:
        """Return ``path:line`` of a setting."""
        table, index = ("", 0) if override is None else (_OVERRIDES, override.number)
        return f"{self.path}:{self._line(key, table, index)}"

    def _override(self, index: int, given: dict[str, Any]) -> Override:
        self._check_names(given, _OVERRIDES, index, ("function", "disable", *FILE_OPTIONS))
        function = given.get("function")
        if not isinstance(function, str) or not function.strip():
            self._refuse("function", _OVERRIDES, index, 'give the dotted name or wildcard, such as "pkg.module.*"')
        disable = self._bool_of(given, "disable", _OVERRIDES, index)
        return Override(function.strip(), disable, self._options(given, _OVERRIDES, index), index)

    def _tables(self, overrides: Any) -> Iterable[dict[str, Any]]:
        if not isinstance(overrides, list) or not all(isinstance(table, dict) for table in overrides):
            header = ".".join(filter(None, (self._table, _OVERRIDES)))
            self._refuse(_OVERRIDES, "", 0, f"write each as a table of its own under [[{header}]]")
        return overrides

    def _check_names(self, given: dict[str, Any], table: str, index: int, known: tuple[str, ...]) -> None:
        for name in given:
            if name in _NEVER:
                self._refuse(name, table, index, "a file may not set it; give it in the code or the environment")
            if name in _IN_CODE:
                self._refuse(name, table, index, "it can be given in the code only")
            if name not in known:
                self._refuse(name, table, index, _hint(name, known))

    def _options(self, given: dict[str, Any], table: str, index: int) -> dict[str, Any]:
        found = {name: _plain(name, given[name]) for name in FILE_OPTIONS if name in given}
        for name, value in found.items():
            try:
                Options(**{name: value})
            except (ConfigurationError, TypeError, ValueError) as error:
                self._refuse(name, table, index, str(error))
        return found

    def _directory(self, given: dict[str, Any]) -> str | None:
        path = self._text_of(given, "dir")
        # Relative to the file: the working directory is another one each time.
        return path and os.path.join(os.path.dirname(self.path), os.path.expanduser(path))

    def _text_of(self, given: dict[str, Any], name: str) -> str | None:
        value = given.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            self._refuse(name, "", 0, f"{name}={value!r}: give text")
        return value

    def _bool_of(self, given: dict[str, Any], name: str, table: str = "", index: int = 0) -> bool | None:
        value = given.get(name)
        if value is not None and not isinstance(value, bool):
            self._refuse(name, table, index, f"{name}={value!r}: give true or false")
        return value

    def _refuse(self, key: str, table: str, index: int, reason: str) -> NoReturn:
        reason = reason if reason.startswith((f"{key}=", "unknown")) else f"{key}: {reason}"
        raise ConfigurationError(f"{self.path}, line {self._line(key, table, index)}: {reason}")

    def _line(self, key: str, table: str, index: int) -> int:
        return line_of(self._text, ".".join(filter(None, (self._table, table))), key, index)


def read_table(file: ProjectFile) -> ProjectTable | None:
    """Return the settings of a file, None if it has no table of ours; ConfigurationError names file and line."""
    import tomllib  # 6 ms, only where there is a file with settings

    try:
        content = tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file.path}: {error}") from None
    if not _is_pyproject(file.path):
        return ProjectTable(file, content)
    tool = content.get("tool")
    table = tool.get("memopickle") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ConfigurationError(f"{file.path}: [tool.memopickle] must be a table; write the settings below that line")
    return ProjectTable(file, table)


def _is_pyproject(path: str) -> bool:
    return os.path.basename(path) == PYPROJECT


def _plain(name: str, value: object) -> object:
    return None if value == _NOTHING and name != "version" else value


def _hint(name: str, known: tuple[str, ...]) -> str:
    if name == "tool":
        return f"unknown setting 'tool'; outside of {PYPROJECT} write the settings at the top of the file"
    from difflib import get_close_matches  # for the error only

    near = get_close_matches(name, known, 1)
    return f"unknown setting {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}")
