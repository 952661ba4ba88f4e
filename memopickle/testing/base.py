"""What a subclass of the suite supplies, and the keys and entries that the tests use."""
# ruff: noqa: S101

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from blake3 import blake3

from memopickle.codec import Codec
from memopickle.header import Facts
from memopickle.secret import Secret
from memopickle.serializers import PICKLE
from memopickle.storekey import function_part, join, variant_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from memopickle.stores.base import Store
    from memopickle.typed import Blob

__all__ = [
    "NOW",
    "PATIENCE",
    "StoreSuite",
    "as_bytes",
    "failing_chunks",
    "other_digit",
    "pieces",
    "planted",
    "real_entry",
    "store_key",
]

#: Seconds after which a test gives up on something that takes milliseconds.
PATIENCE = 60.0
#: Microseconds since the epoch: what the tests take for the present.
NOW = 1_800_000_000_000_000


def store_key(arguments: str = "", function: str = "module:function", namespace: str = "", variant: str = "") -> str:
    """Return a store key such as a cache would use; different texts give different keys."""
    digest = blake3(arguments.encode()).hexdigest()
    return join(function_part(namespace, function), digest, variant_part(variant.encode()))


def real_entry(key: str, expires: int = 2**63 - 1, value: object = None) -> list[Blob]:
    """Return the chunks of a signed entry that expires at a time in microseconds."""
    codec = Codec([Secret("a secret for the conformance tests").signer], "", PICKLE)
    return codec.encode(key, value, Facts(NOW - 1, expires))


class StoreSuite:
    """What a subclass of :class:`memopickle.testing.StoreTests` overrides."""

    shared = True
    pickles = True
    locks = True
    guards_writes = False
    breaks_locks = False
    long_keys = True
    large = (1 << 20) + 12345

    def make_store(self, tmp_path: Path) -> Store:
        """Return a new store object; for one ``tmp_path`` always on the same place."""
        raise NotImplementedError

    def raw_get(self, store: Store, key: str) -> bytes | None:
        """Return the bytes kept under a key, without the store's methods; None if there are none."""
        raise NotImplementedError

    def raw_set(self, store: Store, key: str, data: bytes) -> None:
        """Put bytes under a key, without the store's methods."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """The store under test, opened."""
        store = self.make_store(tmp_path)
        store.open()
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: Store, tmp_path: Path) -> Iterator[Store]:
        """Another store object on the same place."""
        if not self.shared:
            pytest.skip("shared = False: this store lives in one process")
        other = self.make_store(tmp_path)
        yield other
        other.close()


def as_bytes(blob: Blob | None) -> bytes:
    """Return what get returned as bytes; AssertionError for None."""
    assert blob is not None, "the store returned None"
    return bytes(blob)


def other_digit(key: str, place: int) -> str:
    """Return the key with another digit at one place."""
    letters = list(key)
    letters[place] = "1" if letters[place] == "0" else "0"
    return "".join(letters)


def planted(suite: StoreSuite, store: Store) -> list[str]:
    """Put six values behind the store's back: two namespaces, three functions, two arguments, two variants."""
    keys = [
        store_key("1"), store_key("2"), store_key("1", variant="2"), store_key("1", "module:other"),
        store_key("1", namespace="another"), store_key("2", namespace="another"),
    ]  # fmt: skip
    for key in keys:
        suite.raw_set(store, key, key.encode())
    return keys


def pieces(value: bytes) -> Iterable[bytes]:
    """Cut a value into chunks."""
    return (value[start : start + 10_000] for start in range(0, len(value), 10_000))


def failing_chunks() -> Iterator[bytes]:
    """Begin, and raise ZeroDivisionError."""
    yield b"half of a "
    raise ZeroDivisionError
