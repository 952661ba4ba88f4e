"""Keys are told apart, listed by prefix and removed."""
# ruff: noqa: S101, PLR2004

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memopickle.storekey import FUNCTION_SIZE, NAMESPACE_SIZE
from memopickle.testing.base import NOW, StoreSuite, other_digit, planted, real_entry, store_key

if TYPE_CHECKING:
    from memopickle.stores.base import Store

__all__ = ["KeyTests"]


class KeyTests(StoreSuite):
    """Keys are told apart, listed by prefix and removed."""

    def test_keys_that_differ_in_one_digit_are_apart(self, store: Store) -> None:
        base = store_key()
        places = (0, NAMESPACE_SIZE, FUNCTION_SIZE - 1, FUNCTION_SIZE + 1, FUNCTION_SIZE + 3, -18, -16, -1)
        keys = {base, *(other_digit(base, place) for place in places)}
        for key in keys:
            store.set(key, [key.encode()], None)
        assert sorted(store.keys()) == sorted(keys)
        for key in keys:
            assert self.raw_get(store, key) == key.encode()

    @pytest.mark.parametrize("size", [1, 8, 41, 122, 123, 200])
    def test_keys_of_any_length_are_taken(self, store: Store, size: int) -> None:
        if not self.long_keys:
            pytest.skip("long_keys = False: this store takes keys of one form only")
        key = ("0123456789abcdef/." * 12)[:size]
        store.set(key, [b"value"], None)
        assert self.raw_get(store, key) == b"value"
        assert list(store.keys(key)) == [key]
        assert store.delete(key)

    def test_keys_lists_what_begins_with_a_prefix(self, store: Store) -> None:
        keys = planted(self, store)
        for size in (0, 1, NAMESPACE_SIZE, FUNCTION_SIZE, FUNCTION_SIZE + 1, FUNCTION_SIZE + 4, 122):
            prefix = keys[0][:size]
            assert sorted(store.keys(prefix)) == sorted(key for key in keys if key.startswith(prefix)), size

    def test_keys_of_an_unknown_prefix_or_an_empty_store_are_none(self, store: Store) -> None:
        assert list(store.keys()) == []
        keys = planted(self, store)
        assert list(store.keys(other_digit(keys[0], 0)[:NAMESPACE_SIZE])) == []

    def test_entries_may_be_deleted_while_keys_are_listed(self, store: Store) -> None:
        keys = planted(self, store)
        deleted = [key for key in store.keys() if store.delete(key)]  # noqa: SIM118  a store is no dict
        assert set(deleted) <= set(keys)
        assert sorted(store.keys()) == sorted(set(keys) - set(deleted))

    def test_functions_are_told_once_each(self, store: Store) -> None:
        keys = planted(self, store)
        assert sorted(store.functions()) == sorted({key[:FUNCTION_SIZE] for key in keys})
        assert list(store.functions(keys[0][:FUNCTION_SIZE])) == [keys[0][:FUNCTION_SIZE]]

    def test_delete_removes_and_tells_whether_it_was_there(self, store: Store) -> None:
        store.set(store_key("1"), [b"1"], None)
        store.set(store_key("2"), [b"2"], None)
        assert store.delete(store_key("1")) is True
        assert self.raw_get(store, store_key("1")) is None
        assert store.get(store_key("1")) is None
        assert store.delete(store_key("1")) is False
        assert list(store.keys()) == [store_key("2")]

    def test_delete_of_what_never_was_is_false(self, store: Store) -> None:
        assert store.delete(store_key()) is False

    @pytest.mark.parametrize("size", [0, NAMESPACE_SIZE, FUNCTION_SIZE, FUNCTION_SIZE + 3, 122])
    def test_clear_removes_a_prefix_counts_and_leaves_the_rest(self, store: Store, size: int) -> None:
        keys = planted(self, store)
        doomed = [key for key in keys if key.startswith(keys[0][:size])]
        assert store.clear(keys[0][:size]) == len(doomed)
        assert [key for key in keys if self.raw_get(store, key) is None] == doomed
        assert store.clear(keys[0][:size]) == 0

    def test_prune_removes_what_was_expired_by_its_recorded_time(self, store: Store) -> None:
        for name, delay in (("past", -1), ("now", 0), ("next", 1), ("far", 10**9)):
            key = store_key(name)
            store.set(key, real_entry(key, NOW + delay), None)
        store.set(store_key("never"), real_entry(store_key("never")), None)
        self.raw_set(store, store_key("garbage"), b"no entry at all")
        assert store.prune(NOW) == 2
        left = [store_key(name) for name in ("next", "far", "never", "garbage")]
        assert sorted(store.keys()) == sorted(left)
        assert store.prune(NOW) == 0
