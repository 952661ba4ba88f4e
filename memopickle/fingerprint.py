"""The identity of a cached function: whose results may be shared with whom."""

from __future__ import annotations

import os
from types import BuiltinFunctionType, FunctionType, MethodType

from blake3 import blake3

from memopickle.code.constants import framed
from memopickle.errors import ConfigurationError, UnkeyableError
from memopickle.identity import Identity, readable_name, unveil
from memopickle.keys import digest
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["NO_CODE", "NO_VALUES", "Fingerprint", "fingerprint"]

NO_CODE = bytes(32)  # the code of a function whose code does not count
NO_VALUES = bytes(32)  # the captured values of a function that has none

_DOMAIN = b"memopickle code 1\0"
_MODES = ("function", "deep", "off")
_CHUNK = 1 << 20
_CODE = (FunctionType, BuiltinFunctionType, MethodType, type)


class Fingerprint:
    """What identifies a function; not to be changed.

    Attributes:
        name: ``module:qualname``, where ``__main__`` has the name that its file would be imported by.
        code: the digest (32 bytes) of what ``track_code`` and ``depends_on`` ask for; ``NO_CODE`` if nothing.
        captured: the digest (32 bytes) of the captured values; ``NO_VALUES`` if there are none.
        parts: what ``code`` is made of: the short digest of each function, class, file or value, by its name.

    """

    __slots__ = ("captured", "code", "name", "parts")

    def __init__(self, name: str, code: bytes, captured: bytes, parts: dict[str, str]) -> None:
        self.name: str = name
        self.code: bytes = code
        self.captured: bytes = captured
        self.parts: dict[str, str] = parts

    def __repr__(self) -> str:
        return f"Fingerprint({self.name!r}, code={self.code.hex()[:16]}, captured={self.captured.hex()[:16]})"


def fingerprint(
    function: Callable[..., object],
    *,
    track_code: str = "function",
    depends_on: tuple[object, ...] = (),
    warn: Callable[[str], None],
) -> Fingerprint:
    """Identify a function, as it is loaded and with the values that it has captured now.

    Args:
        function: a function, method, partial or other callable; what it wraps (``__wrapped__``) counts too.
        track_code: ``"function"``, ``"deep"`` or ``"off"``; captured values count under each.
        depends_on: functions and classes (by code), paths of files (by content), other values.
        warn: called once, with a sentence, if a captured value can't be keyed; a random token then stands for
            it, so that nothing is shared.

    Raises:
        ConfigurationError: if a file of ``depends_on`` can't be read, or a value in it can't be keyed.

    """
    if track_code not in _MODES:
        raise ConfigurationError(f"track_code={track_code!r}: choose one of {', '.join(map(repr, _MODES))}")
    identity = Identity(function, with_code=track_code != "off")
    name = readable_name(function)
    parts = {name: framed(b"F", b"".join(identity.codes))} if identity.codes else {}
    roots = list(identity.functions)
    for index, item in enumerate(depends_on):
        label = f"depends_on[{index}]"
        parts[label] = _dependency(f"{label} of {name}", item, identity, roots)
    deep, reached = b"", dict[str, bytes]()
    if track_code == "deep":
        from memopickle.deep.walk import deep_form  # imports dis; few functions ask for it

        deep = framed(b"G", deep_form(roots, parts=reached))
    if identity.unkeyable:
        warn(_warning(name, identity.unkeyable))
    short = {label: blake3(part).hexdigest(8) for label, part in {**parts, **reached}.items()}
    code = _digest((*parts.values(), deep), NO_CODE)
    return Fingerprint(name, code, _digest(identity.values, NO_VALUES), short)


def _digest(parts: Iterable[bytes], nothing: bytes) -> bytes:
    content = b"".join(parts)
    return blake3(_DOMAIN + content).digest() if content else nothing


def _dependency(label: str, item: object, identity: Identity, roots: list[FunctionType | type]) -> bytes:
    item = unveil(item)
    if isinstance(item, os.PathLike):
        return framed(b"f", _content(label, os.fspath(item)))
    if isinstance(item, _CODE):
        other = Identity(item)
        identity.unkeyable += other.unkeyable
        roots += other.functions
        return framed(b"c", framed(b"F", b"".join(other.codes)) + framed(b"V", b"".join(other.values)))
    try:
        return framed(b"v", digest(item, label))
    except UnkeyableError as error:
        raise ConfigurationError(
            f"{label}: a {error.type_name} has no key that would be the same in another process; "
            "give what identifies it, such as a name, a version or a Path"
        ) from error


def _content(label: str, path: str | bytes) -> bytes:
    """Return the digest of a file's content."""
    hasher = blake3()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
    except OSError as error:
        raise ConfigurationError(
            f"{label}: cannot read the file {os.fsdecode(path)} ({error.strerror}); "
            "name one that is there, or leave it out"
        ) from error
    return hasher.digest()


def _warning(name: str, unkeyable: list[tuple[str, str, str]]) -> str:
    """Say which captured values keep a function's results from being shared, and what helps."""
    found = " and ".join(
        f"{variable!r}{'' if owner == name else f' of {owner}'} (a {kind})" for variable, owner, kind in unkeyable
    )
    return (
        f"{name} has captured {found}, which can't be part of a cache key, so its results are shared with no other "
        f"closure or process: pass it as an argument and name it in ignore=, or make it a module global, and say "
        f"with depends_on=, key= or version= what the results depend on"
    )
