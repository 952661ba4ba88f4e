"""Every store of ours, and one of a third party, does what the conformance suite demands."""

import dbm
import importlib.util
import os
import sys

import pytest
from helpers.plain import PlainStore
from helpers.rawfiles import raw_read, raw_write

from memopickle import DirectoryStore, MemoryStore, ShelveStore
from memopickle.stores import memory
from memopickle.testing import StoreTests


class TestDirectoryStore(StoreTests):
    guards_writes = True
    breaks_locks = True
    long_keys = False
    durable = False

    def make_store(self, tmp_path):
        return DirectoryStore(tmp_path / "cache", ttl="1h", durable=self.durable)

    def path(self, store, key):
        function, _, rest = key.partition("/")
        return os.path.join(store.path, function, rest[:2], rest[2:])

    def raw_get(self, store, key):
        return raw_read(self.path(store, key))

    def raw_set(self, store, key, data):
        raw_write(self.path(store, key), data)


class TestDurableDirectoryStore(TestDirectoryStore):
    durable = True


class TestLimitedDirectoryStore(TestDirectoryStore):
    def make_store(self, tmp_path):
        return DirectoryStore(tmp_path / "cache", ttl="1h", max_bytes="1GB", max_entries=100_000)


class TestPlainStore(StoreTests):
    def make_store(self, tmp_path):
        return PlainStore(tmp_path)

    def raw_get(self, store, key):
        try:
            with open(os.path.join(store.root, key.replace("/", "%2F")), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def raw_set(self, store, key, data):
        with open(os.path.join(store.root, key.replace("/", "%2F")), "wb") as file:
            file.write(data)


class TestMemoryStore(StoreTests):
    shared = False
    pickles = False
    locks = False

    def make_store(self, tmp_path):
        return MemoryStore()

    def raw_get(self, store, key):
        found = store.entries.get(key)
        return None if found is None else bytes(found.blob)

    def raw_set(self, store, key, data):
        store.entries[key] = memory._Bytes(data)


class ShelveStoreTests(StoreTests):
    """A shelf of the kind of dbm that the subclass names."""

    guards_writes = True
    kind: str

    def make_store(self, tmp_path):
        path = str(tmp_path / "shelf")
        if dbm.whichdb(path) is None:
            importlib.import_module(self.kind).open(path, "c").close()
        assert dbm.whichdb(path) == self.kind
        return ShelveStore(path, ttl="1h")

    def raw_get(self, store, key):
        with dbm.open(store.path, "r") as database:
            return database.get(key.encode())

    def raw_set(self, store, key, data):
        with dbm.open(store.path, "c") as database:
            database[key.encode()] = data


class TestShelveStoreOfDumb(ShelveStoreTests):
    kind = "dbm.dumb"


if importlib.util.find_spec("_sqlite3") and sys.version_info >= (3, 13):

    class TestShelveStoreOfSqlite(ShelveStoreTests):
        kind = "dbm.sqlite3"


if importlib.util.find_spec("_gdbm"):

    class TestShelveStoreOfGnu(ShelveStoreTests):
        kind = "dbm.gnu"


if importlib.util.find_spec("_dbm"):
    import dbm.ndbm

    class TestShelveStoreOfNdbm(ShelveStoreTests):
        kind = "dbm.ndbm"
        pytestmark = pytest.mark.skipif(dbm.ndbm.library != "GNU gdbm", reason="this ndbm takes at most 1 KB a value")
