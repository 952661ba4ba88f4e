"""AsyncStore: a store of coroutines passes for any other, from sync and async functions, threads and processes."""

import asyncio
import gc
import multiprocessing
import os
import pickle
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from helpers.pages import DOCS, blocks, run_page

from memopickle import AsyncStore, Cache, StoreError
from memopickle.testing import StoreTests, store_key
from tests.aio.conftest import SECRET
from tests.aio.tasks import PATIENCE, run

PAGE = DOCS / "how-to" / "async.md"
KEY = store_key()


class Client:
    """A dictionary that belongs to one event loop, as clients do."""

    def __init__(self, entries):
        self.loop = asyncio.get_running_loop()
        self.entries = entries
        self.closed = False
        self.lock = threading.Lock()  # as a socket, can't be pickled

    async def reach(self):
        assert asyncio.get_running_loop() is self.loop
        assert not self.closed
        await asyncio.sleep(0)
        return self.entries


class DictStore(AsyncStore):
    """Never calls ``super().__init__``, as a dataclass would not."""

    def __init__(self):
        self.entries = {}
        self.clients = 0

    async def aopen(self):
        await asyncio.sleep(0)
        self.clients += 1
        return Client(self.entries)

    async def aclose(self):
        await self.client.reach()
        self.client.closed = True

    async def aget(self, key):
        return (await self.client.reach()).get(key)

    async def aset(self, key, data, expires_at):
        (await self.client.reach())[key] = data

    async def adelete(self, key):
        return (await self.client.reach()).pop(key, None) is not None

    async def akeys(self, prefix=""):
        return [key for key in await self.client.reach() if key.startswith(prefix)]


class TestDictStore(StoreTests):
    shared = False

    def make_store(self, tmp_path):
        return DictStore()

    def raw_get(self, store, key):
        return store.entries.get(key)

    def raw_set(self, store, key, data):
        store.entries[key] = data


@pytest.fixture
def store():
    store = DictStore()
    yield store
    store.close()


@pytest.fixture
def cache(store, events):
    return Cache(store, secret=SECRET, on_event=events.append)


def computing(cache, computed):
    @cache.cached(track_code="off")
    def work(x):
        computed.append(x)
        return [x]

    return work


def computing_async(cache, computed):
    @cache.cached(track_code="off")
    async def work(x):
        computed.append(x)
        return [x]

    return work


def threads_of(store):
    return [one for one in threading.enumerate() if one.name == f"memopickle-{type(store).__name__}"]


# -- functions ---------------------------------------------------------------------------------------------------------


def test_a_sync_function_misses_and_hits(cache, store):
    computed = []
    work = computing(cache, computed)
    assert [work(1), work(1)] == [[1], [1]]
    assert computed == [1]
    assert len(store.entries) == 1


def test_an_async_function_misses_and_hits_in_one_loop_and_the_next(cache, store):
    computed = []
    work = computing_async(cache, computed)

    async def twice():
        return [await work(1), await work(1)]

    assert run(twice) == run(twice) == [[1], [1]]
    assert computed == [1]
    assert store.clients == 1


def test_sync_members_are_called_from_a_loop_of_the_program(cache):
    work = computing_async(cache, [])

    async def main():
        await work(1)
        before = work.cache_contains(1)
        work.cache_clear()
        return before, work.cache_contains(1)

    assert run(main) == (True, False)


def test_many_calls_are_under_way_at_once():
    class Meeting(DictStore):
        async def aopen(self):
            return asyncio.Barrier(4)

        async def aclose(self):
            pass

        async def aget(self, key):
            await self.client.wait()
            return b"met"

    store = Meeting()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(store.get, [KEY] * 4)) == [b"met"] * 4
    store.close()


# -- failures ----------------------------------------------------------------------------------------------------------


class Failing(DictStore):
    async def aget(self, key):
        raise TimeoutError("no answer of the server")


def test_what_a_coroutine_raises_reaches_the_caller():
    store = Failing()
    with pytest.raises(TimeoutError, match="no answer of the server"):
        store.get(KEY)
    store.close()


def test_a_function_computes_when_a_coroutine_raises(caplog):
    store = Failing()
    computed = []
    assert computing(Cache(store, secret=SECRET), computed)(1) == [1]
    assert "no answer of the server" in caplog.text
    store.close()


class Silent(DictStore):
    timeout = 0.05

    def __init__(self):
        super().__init__()
        self.begun = False
        self.cancelled = threading.Event()

    async def aget(self, key):
        self.begun = True
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


def test_a_call_without_an_answer_is_given_up_and_cancelled():
    store = Silent()
    while not store.begun:  # a busy machine may need longer for that alone
        with pytest.raises(StoreError, match=r"no answer of Silent within timeout=0\.05 seconds"):
            store.get(KEY)
    assert store.cancelled.wait(PATIENCE)
    store.timeout = PATIENCE
    store.set(KEY, [b"value"], None)
    assert store.entries == {KEY: b"value"}
    store.close()


def test_opening_that_fails_is_tried_again():
    class Shy(DictStore):
        async def aopen(self):
            client = await super().aopen()
            if self.clients == 1:
                raise ConnectionRefusedError("not yet")
            return client

    store = Shy()
    with pytest.raises(ConnectionRefusedError, match="not yet"):
        store.get(KEY)
    assert store.get(KEY) is None
    assert store.clients == 2
    store.close()


class Exiting(DictStore):
    """Raises SystemExit as code written for a program of its own might."""

    async def aget(self, key):
        sys.exit("as if this were the program")

    async def adelete(self, key):
        self.left_behind = asyncio.create_task(self.aget(key))
        return False


def test_a_coroutine_that_exits_is_a_store_error_and_the_loop_goes_on():
    store = Exiting()
    with pytest.raises(StoreError, match="a coroutine of Exiting raised SystemExit"):
        store.get(KEY)
    store.set(KEY, [b"value"], None)
    assert store.entries == {KEY: b"value"}
    assert store.clients == 1
    store.close()
    assert threads_of(store) == []


def test_a_task_of_the_loop_that_exits_does_not_take_the_calls_under_way_along():
    store = Exiting()
    assert not store.delete(KEY)
    store.set(KEY, [b"value"], None)
    assert isinstance(store.left_behind.exception(), SystemExit)
    assert store.entries == {KEY: b"value"}
    store.close()
    assert threads_of(store) == []


def test_a_function_computes_when_a_coroutine_exits(caplog):
    store = Exiting()
    assert computing(Cache(store, secret=SECRET), [])(1) == [1]
    assert "raised SystemExit" in caplog.text
    store.close()


def test_calls_from_the_stores_own_loop_are_refused():
    class Recursive(DictStore):
        async def aget(self, key):
            return self.get(key)

        async def adelete(self, key):
            self.close()

    store = Recursive()
    for call in (store.get, store.delete):
        with pytest.raises(StoreError, match="a coroutine of Recursive called the store"):
            call(KEY)
    store.close()


def test_a_cached_member_called_from_the_stores_own_loop_is_refused(cache, store):
    work = computing(cache, [])

    async def clear():
        work.cache_clear()

    work(1)
    with pytest.raises(StoreError, match="would wait for itself"):
        store.run(clear)


# -- its life ----------------------------------------------------------------------------------------------------------


def test_threads_that_come_first_together_share_one_client(store):
    barrier = threading.Barrier(8)

    def first(_):
        barrier.wait(PATIENCE)
        return store.get(KEY)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(first, range(8)))
    assert store.clients == 1


def test_close_closes_the_client_and_ends_the_thread(store):
    store.get(KEY)
    client = store.client
    thread = store._loop.session.thread
    store.close()
    assert client.closed
    assert client.loop.is_closed()
    assert not thread.is_alive()
    assert store.client is None


def test_a_call_under_way_when_the_store_is_closed_is_a_store_error():
    class Held(DictStore):
        async def aget(self, key):
            begun.set()
            await asyncio.Event().wait()

    begun = threading.Event()
    store = Held()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(store.get, KEY)
        assert begun.wait(PATIENCE)
        store.close()
        with pytest.raises(StoreError, match="given up, as the store was closed"):
            held.result(PATIENCE)


def test_what_closing_raises_reaches_the_caller_and_the_loop_ends():
    class Sticky(DictStore):
        async def aclose(self):
            raise ConnectionResetError("gone")

    store = Sticky()
    store.get(KEY)
    (thread,) = threads_of(store)
    with pytest.raises(ConnectionResetError, match="gone"):
        store.close()
    assert not thread.is_alive()
    store.close()


def test_a_store_that_nobody_has_any_more_ends_its_thread():
    class Dropped(DictStore):
        pass

    store = Dropped()
    store.get(KEY)
    (thread,) = threads_of(store)
    del store
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_pickle_has_the_attributes_without_loop_and_client(store):
    store.set(KEY, [b"value"], None)
    copy = pickle.loads(pickle.dumps(store))
    assert vars(copy) == {"entries": {KEY: b"value"}, "clients": 1}
    assert copy.get(KEY) == b"value"
    assert copy.client is not store.client
    copy.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_loop_and_a_client_of_its_own(store):
    store.set(KEY, [b"value"], None)
    client = store.client
    here, there = multiprocessing.Pipe()
    child = os.fork()
    if not child:
        try:
            there.send((store.get(KEY), store.clients, store.client is client))
            store.close()
            gc.collect()
        finally:
            os._exit(0)
    there.close()
    assert here.poll(PATIENCE)
    assert here.recv() == (b"value", 2, False)
    os.waitpid(child, 0)
    here.close()
    assert store.get(KEY) == b"value"
    assert store.client is client


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_store_of_the_page_works_as_the_page_says(tmp_path):
    run_page(PAGE, tmp_path)


(EXAMPLE,) = [block.text for block in blocks(PAGE.read_text(encoding="utf-8")) if block.title == "table_store.py"]


def test_the_store_of_the_page_has_30_lines_at_most():
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) <= 30


class TestTableStore(StoreTests):
    """The store of the page."""

    pickles = False  # its class has no module here

    def make_store(self, tmp_path):
        names = {"__name__": "table_store"}
        exec(EXAMPLE, names)
        return names["TableStore"](tmp_path / "cache.db")

    def raw_get(self, store, key):
        store.get(key)  # makes the table
        with closing(sqlite3.connect(store.path)) as connection:
            row = connection.execute("SELECT value FROM entries WHERE key = ?", [key]).fetchone()
        return row and row[0]

    def raw_set(self, store, key, data):
        store.get(key)  # makes the table
        with closing(sqlite3.connect(store.path)) as connection, connection:
            connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", [key, data])
