"""Writers, opened before a value is computed, and the locks of keys."""
# ruff: noqa: S101

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from memopickle.storekey import FUNCTION_SIZE, NAMESPACE_SIZE
from memopickle.testing.base import PATIENCE, StoreSuite, store_key

if TYPE_CHECKING:
    from memopickle.stores.base import Store

__all__ = ["ClaimTests"]


class ClaimTests(StoreSuite):
    """Writers, opened before a value is computed, and the locks of keys."""

    def test_a_writer_publishes_once_it_is_told_to(self, store: Store) -> None:
        with store.writer(store_key()) as writer:
            assert store.get(store_key()) is None
            assert writer.publish([b"a ", memoryview(b"value")], None) is True
            assert self.raw_get(store, store_key()) == b"a value"
        assert self.raw_get(store, store_key()) == b"a value"

    def test_a_writer_that_is_closed_without_publishing_leaves_nothing(self, store: Store) -> None:
        store.writer(store_key("1")).close()
        store.set(store_key("2"), [b"old"], None)
        store.writer(store_key("2")).close()
        assert list(store.keys()) == [store_key("2")]
        assert self.raw_get(store, store_key("2")) == b"old"

    def test_a_writer_retracts_what_it_published(self, store: Store) -> None:
        with store.writer(store_key()) as writer:
            writer.publish([b"value"], None)
            writer.retract()
        assert self.raw_get(store, store_key()) is None

    @pytest.mark.parametrize("size", [0, NAMESPACE_SIZE, FUNCTION_SIZE])
    @pytest.mark.parametrize("filled", [True, False], ids=["filled", "empty"])
    def test_a_value_begun_before_a_clear_stays_out(self, store: Store, size: int, filled: bool) -> None:
        if not self.guards_writes:
            pytest.skip("guards_writes = False: this store can't tell")
        if filled:
            store.set(store_key(), [b"old"], None)
        with store.writer(store_key()) as writer:
            store.clear(store_key()[:size])
            writer.publish([b"late"], None)
        assert self.raw_get(store, store_key()) is None
        assert list(store.keys()) == []

    def test_a_value_begun_after_a_clear_is_kept(self, store: Store) -> None:
        store.clear()
        with store.writer(store_key()) as writer:
            assert writer.publish([b"new"], None) is True
        assert self.raw_get(store, store_key()) == b"new"

    @pytest.fixture
    def locking(self) -> None:
        """Skip where the store has no locks."""
        if not self.locks:
            pytest.skip("locks = False: no other process sees this store")

    def test_a_lock_can_be_had_held_and_released_again(self, store: Store) -> None:
        lock = store.lock(store_key())
        assert lock.acquire(PATIENCE)
        assert lock.held()
        lock.release()
        again = store.lock(store_key())
        assert again.acquire(PATIENCE)
        again.release()

    @pytest.mark.usefixtures("locking")
    def test_a_held_lock_keeps_others_out_until_their_time_is_up(self, store: Store, other: Store) -> None:
        first, second = store.lock(store_key()), other.lock(store_key())
        assert first.acquire(PATIENCE)
        # In another thread: one that waits for what it holds itself may be told so with an exception.
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(second.acquire, 0).result(PATIENCE)
            assert not pool.submit(second.acquire, 0.05).result(PATIENCE)
        assert first.held()
        assert not second.held()
        first.release()
        assert not first.held()
        assert second.acquire(PATIENCE)
        second.release()

    @pytest.mark.usefixtures("locking")
    def test_a_release_lets_in_who_waits(self, store: Store, other: Store) -> None:
        first, second = store.lock(store_key()), other.lock(store_key())
        assert first.acquire(PATIENCE)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(second.acquire, PATIENCE)
            first.release()
            assert waiting.result(PATIENCE)
        assert second.held()
        second.release()

    @pytest.mark.usefixtures("locking")
    def test_locks_of_different_keys_do_not_meet(self, store: Store) -> None:
        first, second = store.lock(store_key("1")), store.lock(store_key("2"))
        assert first.acquire(0)
        assert second.acquire(0)
        second.release()
        first.release()

    @pytest.mark.parametrize("filled", [True, False], ids=["filled", "empty"])
    @pytest.mark.parametrize("how", ["delete", "clear"])
    def test_removing_a_key_takes_its_lock_away(self, store: Store, how: str, filled: bool) -> None:
        if not self.breaks_locks:
            pytest.skip("breaks_locks = False: this store's locks know nothing of its keys")
        if filled:
            store.set(store_key(), [b"value"], None)
        lock = store.lock(store_key())
        assert lock.acquire(PATIENCE)
        store.delete(store_key()) if how == "delete" else store.clear(store_key()[:FUNCTION_SIZE])
        assert not lock.held()
        lock.release()
