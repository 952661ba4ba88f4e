"""The options that select entries, the same for every command that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import click

from memopickle.cli.units import seconds_of, size_of
from memopickle.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    _Type: TypeAlias = click.ParamType[float]
    #: What an option is: it decorates the function of a command.
    Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]
else:
    _Type = click.ParamType

__all__ = ["AGE", "SIZE", "function_option", "missing_ok_option", "older_than_option"]


class _Parsed(_Type):
    """A value that the library reads; what it refuses is wrong usage."""

    def __init__(self, name: str, parse: Callable[[str], float]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)


AGE = _Parsed("age", seconds_of)
SIZE = _Parsed("size", size_of)

function_option: Decorator = click.option(
    "--function", "-f", metavar="NAME", help="Only this function: its dotted name, or a wildcard such as 'pkg.mod.*'."
)
older_than_option: Decorator = click.option(
    "--older-than", type=AGE, metavar="AGE", help="Only what was stored longer ago than this: 90s, 12h, 7d, 2w."
)
missing_ok_option: Decorator = click.option(
    "--missing-ok", is_flag=True, help="A STORE that is not there yet is fine: there is nothing to do."
)
