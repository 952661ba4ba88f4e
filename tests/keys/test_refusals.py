"""What has no key: the error names the type, where it is and why."""

from __future__ import annotations

import asyncio
import enum
import io
import itertools
import pickle
import socket
import struct
import sys
import threading
import weakref
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from memopickle.errors import UnkeyableError
from memopickle.keys import digest
from tests.keys import samples

if TYPE_CHECKING:
    from pathlib import Path

LOCK = threading.Lock()


def _refused(value: object, path: str = "x") -> UnkeyableError:
    with pytest.raises(UnkeyableError) as caught:
        digest(value, path)
    return caught.value


def _closure() -> object:
    lock = LOCK
    return lambda: lock


def _slots() -> samples.SlotsAndDict:
    value = samples.SlotsAndDict()
    value.a, value.c = LOCK, 1  # type: ignore[attr-defined]
    return value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (LOCK, "x"),
        ([1, [LOCK]], "x[1][0]"),
        ((LOCK,), "x[0]"),
        ({"a": LOCK}, "x['a']"),
        ({"a": {"b": [LOCK]}}, "x['a']['b'][0]"),
        ({1: 2, "a": LOCK}, "x['a']"),
        ({1.5: LOCK}, "x[1.5]"),
        (samples.Plain(config=samples.Plain(lock=LOCK)), "x.config.lock"),
        ([samples.Plain(a={"b": LOCK})], "x[0].a['b']"),
        (samples.Slotted(LOCK), "x.x"),
        (_slots(), "x.a"),
        (samples.Point(1, LOCK), "x.y"),
        (samples.WithState(LOCK), "x.value"),
        (SimpleNamespace(a=LOCK), "x.a"),
        (partial(print, LOCK), "x.args[0]"),
        (partial(print, end=LOCK), "x.keywords['end']"),
        (_closure(), "x.lock"),
        (samples.Plain(a=LOCK).method, "x.__self__.a"),
        (samples.StandsFor([LOCK]), "x[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_path_leads_to_what_can_not_be_keyed(value: object, path: str) -> None:
    error = _refused(value)
    assert (error.type_name, error.path) == ("_thread.lock", path)


def test_the_path_of_something_deep_is_shortened() -> None:
    value: object = LOCK
    for _ in range(1000):
        value = [value]
    assert _refused(value).path.startswith("x[0][0]")
    assert len(_refused(value).path) < 250


def test_the_path_is_found_in_a_circle_too() -> None:
    node = samples.Plain(lock=LOCK)
    node.self = node  # type: ignore[attr-defined]
    assert _refused(node).path == "x.lock"


def test_the_message_names_parameter_type_and_cure() -> None:
    text = str(_refused(samples.Plain(lock=LOCK), "job"))
    assert all(part in text for part in ("job.lock", "_thread.lock", "ignore=('job',)", "key="))


def test_the_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(_refused([LOCK])))
    assert (error.type_name, error.path) == ("_thread.lock", "x[0]")


def test_open_files_have_no_key(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert _refused(file).type_name == "_io.TextIOWrapper"


def test_sockets_have_no_key() -> None:
    with socket.socket() as unbound:
        assert _refused(unbound).type_name == "socket.socket"


def test_coroutines_have_no_key() -> None:
    coroutine = asyncio.sleep(0)
    assert _refused(coroutine).type_name == "coroutine"
    coroutine.close()


@pytest.mark.parametrize(
    "value",
    [iter([1]), (i for i in ()), map(str, [1]), zip([1], [2], strict=True), itertools.count(), enumerate([1])],
    ids=lambda value: type(value).__name__,
)
def test_iterators_have_no_key_for_a_cached_call_would_not_use_them_up(value: object) -> None:
    assert "used up" in _refused(value).reason


@pytest.mark.parametrize(
    "value",
    [threading.Thread(), sys._getframe(), weakref.ref(samples.Plain), threading.local(), {}.keys()],
    ids=lambda value: type(value).__name__,
)
def test_things_of_this_process_have_no_key(value: object) -> None:
    assert _refused(value).path.startswith("x")


def test_a_bare_object_is_nothing_but_its_identity() -> None:
    assert "identity" in _refused({"a": object()}).reason


def test_a_member_of_an_enum_may_be_a_bare_object() -> None:
    members = enum.Enum("Marker", {"ONE": object(), "TWO": object()})
    assert digest(members.ONE) != digest(members.TWO)  # type: ignore[attr-defined]


def test_a_reduction_that_holds_the_address_is_refused() -> None:
    assert "address" in _refused(samples.ByAddress()).reason


def test_a_zone_without_a_name_is_refused() -> None:
    text = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lBB", 0, 0, 0) + b"UTC\0"
    assert "no name" in _refused(ZoneInfo.from_file(io.BytesIO(text))).reason


class _Raises:
    def __reduce__(self) -> str:
        raise RuntimeError("the user's own failure")


class _Nonsense:
    def __reduce__(self) -> tuple[object, ...]:
        return (1,)


def test_an_exception_in_a_reduction_is_the_cause() -> None:
    error = _refused([_Raises()])
    assert (error.path, error.reason) == ("x[0]", "the user's own failure")
    assert isinstance(error.__cause__, RuntimeError)


def test_a_reduction_that_is_none_is_refused() -> None:
    assert "2 to 6 parts" in _refused(_Nonsense()).reason


def test_a_name_that_leads_elsewhere_is_refused() -> None:
    class Singleton:
        def __reduce__(self) -> str:
            return "NOT_THERE"

    assert "NOT_THERE" in _refused(Singleton()).reason


def test_a_released_memoryview_is_refused() -> None:
    view = memoryview(b"a")
    view.release()
    assert "released" in _refused(view).reason
