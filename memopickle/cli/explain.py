"""``memopickle explain``: why a call would hit or miss."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import sys
from typing import Any

import click

from memopickle.cli import units
from memopickle.cli.output import json_option, note, print_json

__all__ = ["explain"]

#: Reasons to miss that are a fault of the cache, not of the call.
_FAULTS = ("signature refused", "unreadable", "cannot be loaded", "store error")
#: What begins like this was meant as a literal.
_OPENINGS = ("(", "[", "{", "'", '"')


@click.command(short_help="Say why a call would hit or miss.", context_settings={"ignore_unknown_options": True})
@click.argument("function", metavar="MODULE:FUNCTION")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
@json_option
def explain(function: str, arguments: tuple[str, ...], as_json: bool) -> None:
    """Say why a call of a cached function would hit or miss, and which argument differs from the nearest stored call.

    This imports the module, so that the module's own code runs, and it loads the stored result. The function is not
    run, and nothing is stored or counted. The module is looked for as 'python -m' does, from the working directory on.

    ARGUMENTS are Python literals such as 3, 1.5, None, '[1, 2]' or '"3"'; any other word is text. Keyword arguments
    are --name=value. After '--' what begins with a dash is a value. The call as understood is repeated first.

    \b
    Example: totals("2026-10", currency="EUR") of billing/reports.py
      memopickle explain billing.reports:totals 2026-10 --currency=EUR
    """
    args, kwargs = _parse(arguments)
    cached = _find(function)
    call = _written(function, args, kwargs)
    try:
        found = cached.cache_explain(*args, **kwargs)
    except TypeError as error:
        raise click.UsageError(f"{call}: {error}") from error
    if as_json:
        print_json({"call": call, "hit": found.hit, **found._asdict(), "nearest": _nearest(found)})
    else:
        click.echo(f"{units.clean(call)}\n{_clean_lines(str(found))}")
    if found.reason in _FAULTS:
        raise click.exceptions.Exit(1)


def _nearest(found: Any) -> dict[str, Any] | None:
    if found.nearest is None:
        return None
    entry, equal, differ = found.nearest
    return {"key": entry.key, "created": units.moment(entry.created), "equal": list(equal), "differ": list(differ)}


def _clean_lines(text: str) -> str:
    return "\n".join(map(units.clean, text.splitlines()))


def _find(name: str) -> Any:
    module_name, separator, path = name.partition(":")
    if not separator or not module_name or not path:
        raise click.UsageError(f"{name!r}: write it as module:function, such as billing.reports:totals")
    found = _import(module_name)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise click.UsageError(f"{module_name} has no {path!r}; check the spelling") from None
    if not hasattr(found, "cache_explain"):
        raise click.UsageError(f"{name} is not a cached function, but a {type(found).__name__}")
    if inspect.isclass(found):
        raise click.UsageError(f"{name} is a class; give one of its methods")
    return found


def _import(name: str) -> Any:
    note(f"Importing {name}: its own code runs.")
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise click.UsageError(f"there is no module {name!r} here or on Python's path ({error})") from error
        raise click.ClickException(f"{name} can't be imported: {error}") from error
    except Exception as error:
        raise click.ClickException(f"{name} can't be imported ({type(error).__name__}: {error})") from error


def _parse(words: tuple[str, ...]) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for word in words:
        name, separator, text = word.removeprefix("--").partition("=")
        if word.startswith("--") and name.isidentifier():
            if not separator:
                raise click.UsageError(f"{word}: write it as {word}=VALUE")
            kwargs[name] = _literal(text)
        else:
            args.append(_literal(word))
    return args, kwargs


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        if text.startswith(_OPENINGS):
            raise click.UsageError(
                f"{text!r} begins like a Python literal and is none; to mean this text, quote it twice: '{text!r}'"
            ) from None
        return text


def _written(name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    shown = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    return f"{name}({', '.join(shown)})"
