"""What the work costs without a cache around it: the least that each kind of hit and store has to do."""

from __future__ import annotations

import hmac
import os
import pickle
from typing import TYPE_CHECKING, Any

from blake3 import blake3

if TYPE_CHECKING:
    from collections.abc import Callable

    Sign = Callable[[Any], bytes]

__all__ = ["READ", "SIGN", "WRITE", "closure", "key", "reader", "writer"]

_KEY = bytes(range(32))
READ = os.O_RDONLY | os.O_CLOEXEC
WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
MAC = 32


def _blake3(data: Any) -> bytes:
    return blake3(data, key=_KEY).digest()


def _hmac(data: Any) -> bytes:
    return hmac.digest(_KEY, data, "sha256")


#: The quickest way to sign a few bytes, by algorithm.
SIGN: dict[str, Sign] = {"blake3": _blake3, "hmac-sha256": _hmac}


def closure(function: Callable[..., Any]) -> Callable[..., Any]:
    """Remember results in a dict: the floor of memory hits."""
    results: dict[tuple[Any, ...], Any] = {}

    def call(*args: Any) -> Any:
        try:
            return results[args]
        except KeyError:
            results[args] = function(*args)
            return results[args]

    return call


def key(*args: Any) -> bytes:
    """Make a key as programs do it by hand: the floor of keys."""
    return blake3(pickle.dumps(args, 5)).digest()


def writer(folder: str, algorithm: str) -> Callable[[str, Any], None]:
    """Return what pickles a value, signs it, and writes and renames one file: the floor of storing."""
    sign = SIGN[algorithm]

    def write(name: str, value: Any) -> None:
        data = pickle.dumps(value, 5)
        temporary = f"{folder}/{name}.tmp"
        fd = os.open(temporary, WRITE, 0o600)
        os.write(fd, sign(data) + data)
        os.close(fd)
        os.replace(temporary, f"{folder}/{name}")

    return write


def reader(algorithm: str) -> Callable[[str], Any]:
    """Return what reads one such file at a known path, checks and unpickles it: the floor of disk hits."""
    sign = SIGN[algorithm]

    def read(path: str) -> Any:
        fd = os.open(path, READ)
        data = os.read(fd, 65536)
        os.close(fd)
        signed = data[MAC:]
        if not hmac.compare_digest(sign(signed), data[:MAC]):
            raise ValueError("the signature does not match")
        return pickle.loads(signed)

    return read
