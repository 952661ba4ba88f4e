"""JSON and MessagePack: entries that can hold data only, and that give back exactly what was stored, or refuse it."""

from __future__ import annotations

from memopickle.exact import Format, check, check_leaves
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JSON", "MSGPACK", "JsonSerializer", "MsgpackSerializer"]

_TAKEN: dict[type, str] = {
    bool: "a bool",
    int: "an int",
    float: "a float",
    str: "a str",
    dict: "a dict",
    list: "a list",
    tuple: "a list",
}
_BYTES: dict[type, str] = {bytes: "bytes", bytearray: "bytes", memoryview: "bytes"}
_LEAVES = frozenset({type(None), bool, int, float, str})
_LARGEST = 1 << 64


def _flaw_in_json(value: object) -> str:
    return _not_utf8(value) or _too_many_digits(value)


def _flaw_in_msgpack(value: object) -> str:
    if type(value) is int and not -_LARGEST // 2 <= value < _LARGEST:
        return "MessagePack has no room for an int of more than 64 bits"
    return _not_utf8(value)


def _not_utf8(value: object) -> str:
    try:
        if type(value) is str:
            value.encode()
    except UnicodeEncodeError:
        return "text with a lone surrogate can't be written as UTF-8"
    return ""


def _too_many_digits(value: Any) -> str:
    try:
        if type(value) is int:
            str(value)
    except ValueError as error:
        return f"an int of {value.bit_length():,} bits is too long for text ({error})"
    return ""


JSON = Format("JSON", _LEAVES, frozenset({str}), _TAKEN, _flaw_in_json)
MSGPACK = Format("MessagePack", _LEAVES | {bytes}, _LEAVES | {bytes}, {**_TAKEN, **_BYTES}, _flaw_in_msgpack)


class JsonSerializer:
    """None, bool, int, float, str, lists, and dicts with str as keys, as JSON.

    NaN and infinities are written as Python's json does, which other readers of JSON may not take.
    """

    name = "json"

    def dumps(self, value: object) -> bytes:
        """Return JSON in UTF-8; UnstorableError names the part that would not come back as it is."""
        from json import JSONEncoder

        encoder = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
        return _exactly(JSON, value, lambda value: encoder.encode(value).encode())

    def loads(self, data: bytes) -> Any:
        from json import loads

        return loads(data.decode())


class MsgpackSerializer:
    """None, bool, int of 64 bits, float, str, bytes, lists, and dicts with any of these but lists and dicts as keys."""

    name = "msgpack"

    def dumps(self, value: object) -> bytes:
        """Return MessagePack; UnstorableError names the part that would not come back as it is."""
        return _exactly(MSGPACK, value, _msgpack().Packer(strict_types=True).pack)

    def loads(self, data: bytes) -> Any:
        return _msgpack().unpackb(data, strict_map_key=False)


def _exactly(form: Format, value: object, write: Callable[[object], bytes]) -> bytes:
    check(value, form)
    try:
        return write(value)
    except (ValueError, OverflowError):
        check_leaves(value, form)
        raise


def _msgpack() -> Any:
    from importlib import import_module

    return import_module("msgpack")  # it has no types
