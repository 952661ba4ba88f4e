"""``memopickle show``: one entry, all that its head says, and whether its signature is good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from memopickle.audit import Auditor, Checked, State
from memopickle.catalog import describe
from memopickle.cli import units
from memopickle.cli.ls import entry_row
from memopickle.cli.output import json_option, print_json, print_pairs
from memopickle.cli.places import open_place, store_argument
from memopickle.errors import StoreError
from memopickle.expiry import wall_clock
from memopickle.secretfile import secret_source
from memopickle.storekey import NAMESPACE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.catalog import EntryInfo
    from memopickle.stores.base import Store

__all__ = ["show"]

_CANDIDATES = 5


@click.command(short_help="Show one entry.")
@click.argument("key")
@store_argument
@json_option
def show(key: str, store: str | None, as_json: bool) -> None:
    """Show all that is known of one entry of STORE, and check its signature.

    KEY is a store key, or the beginning of one, or what 'memopickle ls' shows of it on a terminal; enough to mean one
    entry. The result itself is not shown: that would mean to unpickle it. Exit code 1 if the signature is not
    good or there is no such entry.

    \b
    Example:
      memopickle show 3f9a02/c41b7d11 .cache
    """
    place = open_place(store)
    found = _find(place.store, key.lower(), place.name)
    info = describe(place.store, found)
    checked = Auditor(place.store, secret_source().signers()).check(found)
    if checked.state == State.GONE:
        raise StoreError(f"{found} was removed just now; 'memopickle ls' lists what is there")
    if as_json:
        print_json(_document(place.store, found, info, checked))
    else:
        print_pairs(_lines(place.store, found, info, checked))
    if checked.state != State.GOOD:
        raise click.exceptions.Exit(1)


def _find(store: Store, wanted: str, name: str) -> str:
    found = sorted(_matching(store, wanted))
    if not found:
        raise StoreError(f"no entry of {name} begins with {wanted!r}; 'memopickle ls' lists them")
    if len(found) > 1:
        listed = "".join(f"\n  {key}  {_function(store, key)}" for key in found[:_CANDIDATES])
        more = f"\n  and {len(found) - _CANDIDATES:,} more" if len(found) > _CANDIDATES else ""
        raise click.UsageError(f"{wanted!r} may mean {len(found):,} entries; give more of the key:{listed}{more}")
    return found[0]


def _matching(store: Store, wanted: str) -> Iterator[str]:
    return (key for key in store.keys("") if _means(wanted, key))


def _means(wanted: str, key: str) -> bool:
    function, _, rest = key.partition("/")
    first, separator, second = wanted.partition("/")
    # All functions of a namespace begin alike, so that a terminal shows what comes after.
    if separator:
        return rest.startswith(second) and (function.startswith(first) or function[NAMESPACE_SIZE:].startswith(first))
    return function.startswith(wanted) or rest.startswith(wanted)


def _function(store: Store, key: str) -> str:
    info = describe(store, key)
    return units.readable("" if info is None else info.function)


def _signature(checked: Checked) -> str:
    return "good" if checked.state == State.GOOD else f"NOT GOOD ({checked.state}): {checked.reason}"


def _document(store: Store, key: str, info: EntryInfo | None, checked: Checked) -> dict[str, Any]:
    head = {"key": key} if info is None else {**entry_row(info), "arguments": info.arguments, "code": info.code}
    return {**head, "place": store.place(key), "signature": checked.state, "reason": checked.reason}


def _lines(store: Store, key: str, info: EntryInfo | None, checked: Checked) -> Iterator[tuple[str, str]]:
    yield "key", key
    if info is not None:
        yield from _head(info)
    yield "place", store.place(key)
    yield "signature", _signature(checked)


def _head(info: EntryInfo) -> Iterator[tuple[str, str]]:
    now = wall_clock()
    yield "function", units.readable(info.function)
    yield "namespace", info.namespace or '""'
    yield "stored", f"{units.moment(info.created)} ({units.age(info.created, now)})"
    expires = "never" if info.expires is None else f"{units.moment(info.expires)} ({units.age(info.expires, now)})"
    yield "expires", expires
    yield "size", f"{info.size:,} bytes"
    yield "computed in", units.duration(info.cost)
    if info.version is not None:
        yield "version", str(info.version)
    yield from ((f"argument {name}", digest) for name, digest in info.arguments.items())
    yield from ((f"code of {name}", digest) for name, digest in info.code.items())
