"""Bytes go in and come out, whole, in order and unchanged."""
# ruff: noqa: S101, PLR2004

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from memopickle.testing.base import StoreSuite, as_bytes, failing_chunks, store_key

if TYPE_CHECKING:
    from memopickle.stores.base import Store
    from memopickle.typed import Blob

__all__ = ["ValueTests"]


class ValueTests(StoreSuite):
    """Bytes go in and come out, whole, in order and unchanged."""

    def test_a_missing_key_is_none(self, store: Store) -> None:
        assert store.get(store_key()) is None
        store.set(store_key("1"), [b"value"], None)
        assert store.get(store_key("2")) is None

    def test_get_returns_what_lies_there(self, store: Store) -> None:
        self.raw_set(store, store_key(), b"planted")
        assert as_bytes(store.get(store_key())) == b"planted"

    def test_set_puts_the_bytes_there(self, store: Store) -> None:
        store.set(store_key(), [b"value"], None)
        assert self.raw_get(store, store_key()) == b"value"

    @pytest.mark.parametrize("second", [b"2", b"a longer second value", b""], ids=["shorter", "longer", "empty"])
    def test_set_replaces(self, store: Store, second: bytes) -> None:
        store.set(store_key(), [b"first value"], None)
        store.set(store_key(), [second], 2e9)
        assert self.raw_get(store, store_key()) == second
        assert as_bytes(store.get(store_key())) == second
        assert list(store.keys()) == [store_key()]

    @pytest.mark.parametrize(
        "value",
        [b"", b"\0", b"\r\n", bytes(range(256)), b"\xff" * 300, "\u2028é".encode()],
        ids=["empty", "NUL", "line end", "every byte", "ones", "utf-8"],
    )
    def test_any_bytes_come_back(self, store: Store, value: bytes) -> None:
        store.set(store_key(), [value], None)
        assert self.raw_get(store, store_key()) == value
        assert as_bytes(store.get(store_key())) == value

    def test_a_large_value_comes_back(self, store: Store) -> None:
        value = random.Random(7).randbytes(self.large)  # noqa: S311  no secret
        store.set(store_key(), [value[:100_000], value[100_000:]], None)
        assert self.raw_get(store, store_key()) == value
        assert as_bytes(store.get(store_key())) == value

    def test_chunks_of_every_kind_are_joined_in_order(self, store: Store) -> None:
        memory = memoryview(b"..the middle..")
        chunks: list[Blob] = [b"begin ", bytearray(b"here "), b"", memory[2:-2], b" end"]
        store.set(store_key(), iter(chunks), None)
        assert self.raw_get(store, store_key()) == b"begin here the middle end"

    def test_what_was_set_does_not_change_with_the_callers_memory(self, store: Store) -> None:
        memory = bytearray(b"as it was")
        store.set(store_key(), [memory], None)
        memory[:] = b"different"
        assert as_bytes(store.get(store_key())) == b"as it was"

    def test_what_was_returned_does_not_change_when_replaced(self, store: Store) -> None:
        store.set(store_key(), [b"a" * 100_000], None)
        first = store.get(store_key())
        store.set(store_key(), [b"b" * 100_000], None)
        assert as_bytes(first) == b"a" * 100_000

    def test_a_set_that_fails_midway_leaves_the_old_value(self, store: Store) -> None:
        store.set(store_key(), [b"old value"], None)
        with pytest.raises(ZeroDivisionError):
            store.set(store_key(), failing_chunks(), None)
        assert self.raw_get(store, store_key()) == b"old value"
        assert list(store.keys()) == [store_key()]

    def test_head_returns_the_first_bytes(self, store: Store) -> None:
        self.raw_set(store, store_key(), bytes(range(256)) * 40)
        assert as_bytes(store.head(store_key(), 10)) == bytes(range(10))
        assert as_bytes(store.head(store_key())) == (bytes(range(256)) * 40)[:4096]
        assert store.head(store_key("missing")) is None

    def test_head_of_a_short_value_is_all_of_it(self, store: Store) -> None:
        self.raw_set(store, store_key(), b"short")
        assert as_bytes(store.head(store_key(), 100)) == b"short"

    def test_size_is_that_of_the_value_and_0_of_none(self, store: Store) -> None:
        self.raw_set(store, store_key(), b"x" * 12345)
        assert store.size(store_key()) == 12345
        assert store.size(store_key("missing")) == 0

    def test_place_says_where(self, store: Store) -> None:
        assert store.place(store_key("1")) != store.place(store_key("2"))
