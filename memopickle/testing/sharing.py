"""Threads, processes and several store objects on one place."""
# ruff: noqa: S101

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from memopickle.locks import real_clock
from memopickle.testing.base import PATIENCE, StoreSuite, as_bytes, pieces, store_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from memopickle.stores.base import Store

__all__ = ["SharingTests"]


class SharingTests(StoreSuite):
    """Threads, processes and several store objects on one place."""

    def test_a_reader_in_the_middle_of_a_set_gets_the_old_value_or_the_new(self, store: Store) -> None:
        old, new = b"old " * 1000, b"new" * 1000
        store.set(store_key(), [old], None)
        with ThreadPoolExecutor(1) as pool:
            reads = []

            def chunks() -> Iterator[bytes]:
                yield new[:1000]
                reads.append(pool.submit(store.get, store_key()))
                # A store may lock its readers out until it is done: then this wait ends first.
                wait(reads, 0.2)
                yield new[1000:]

            store.set(store_key(), chunks(), None)
            assert as_bytes(reads[0].result(PATIENCE)) in (old, new)
        assert self.raw_get(store, store_key()) == new

    def test_threads_never_read_a_mixture(self, store: Store) -> None:
        values = [bytes([letter]) * 200_000 for letter in b"ab"]
        store.set(store_key(), pieces(values[0]), None)
        with ThreadPoolExecutor(3) as pool:
            reads = [pool.submit(wrong_reads, store, values) for _ in range(3)]
            write_until(lambda: all(one.done() for one in reads), store, values)
            assert [one.result() for one in reads] == [0, 0, 0]

    def test_another_process_never_reads_a_mixture(self, store: Store, other: Store) -> None:
        if not self.pickles:
            pytest.skip("pickles = False: this store can't be given to another process")
        values = [bytes([letter]) * 200_000 for letter in b"ab"]
        store.set(store_key(), pieces(values[0]), None)
        with reading_process(other, values) as pipe:
            write_until(pipe.poll, store, values)
            assert pipe.recv() == 0

    def test_threads_that_set_different_keys_lose_none(self, store: Store) -> None:
        keys = [store_key(f"{number}") for number in range(24)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda key: store.set(key, [key.encode()], None), keys))
        assert [self.raw_get(store, key) for key in keys] == [key.encode() for key in keys]
        assert sorted(store.keys()) == sorted(keys)

    def test_two_stores_on_one_place_see_each_other(self, store: Store, other: Store) -> None:
        store.set(store_key("1"), [b"1"], None)
        assert as_bytes(other.get(store_key("1"))) == b"1"
        other.set(store_key("1"), [b"changed"], None)
        assert as_bytes(store.get(store_key("1"))) == b"changed"
        assert list(other.keys()) == [store_key("1")]
        assert other.clear() == 1
        assert store.get(store_key("1")) is None

    def test_a_pickled_store_is_one_of_the_same_place(self, store: Store) -> None:
        if not self.pickles:
            pytest.skip("pickles = False: this store can't be pickled")
        store.set(store_key(), [b"value"], None)
        copy: Store = pickle.loads(pickle.dumps(store))
        assert as_bytes(copy.get(store_key())) == b"value"
        assert copy.ttl == store.ttl
        copy.close()

    def test_a_closed_store_opens_again_when_used(self, store: Store) -> None:
        store.set(store_key(), [b"value"], None)
        store.close()
        store.close()
        assert as_bytes(store.get(store_key())) == b"value"


def wrong_reads(store: Store, values: list[bytes]) -> int:
    """Read until the value has changed ten times; return how often that gave none of the values."""
    deadline = real_clock() + PATIENCE
    wrong = changes = 0
    last = b""
    while changes < 10:  # noqa: PLR2004
        found = as_bytes(store.get(store_key()))
        wrong += found not in values
        changes += found != last
        last = found
        if real_clock() > deadline:
            raise TimeoutError("the writer does not get through")
    return wrong


def write_until(done: Callable[[], bool], store: Store, values: list[bytes]) -> None:
    """Set one value after the other until the readers are done."""
    deadline = real_clock() + PATIENCE
    for value in cycle(values):
        store.set(store_key(), pieces(value), None)
        if done():
            return
        if real_clock() > deadline:
            raise TimeoutError("the readers do not get through")


@contextmanager
def reading_process(store: Store, values: list[bytes]) -> Iterator[Connection]:
    """Let another process read; gives the pipe through which it says how often it read wrongly."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_report, args=(store, values, there), daemon=True)
    process.start()
    there.close()  # so that a child that dies is seen as the end of the pipe
    try:
        yield here
    finally:
        process.kill()
        process.join()
        process.close()
        here.close()


def _report(store: Store, values: list[bytes], pipe: Connection) -> None:
    pipe.send(wrong_reads(store, values))
