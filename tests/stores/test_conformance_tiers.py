"""TieredStore does what the conformance suite demands, whatever its tiers are."""

import os

from helpers.plain import PlainStore
from helpers.rawfiles import raw_read, raw_write

from memopickle import DirectoryStore, MemoryStore, TieredStore
from memopickle.testing import StoreTests


class TieredTests(StoreTests):
    """The bytes lie in the last tier, and in those above once they were set through the store."""

    long_keys = False

    def path(self, store, key):
        return store.tiers[-1].place(key)

    def raw_get(self, store, key):
        first, *others = [tier.store.get(key) for tier in store.levels]
        assert all(other == first for other in others), "the tiers differ"
        return raw_read(self.path(store, key))

    def raw_set(self, store, key, data):
        for tier in store.tiers:
            if isinstance(tier, DirectoryStore):
                raw_write(tier.place(key), data)


class TestMemoryOverDirectory(TieredTests):
    guards_writes = True
    breaks_locks = True

    def make_store(self, tmp_path):
        return TieredStore(MemoryStore(maxsize=3), DirectoryStore(tmp_path / "cache", ttl="1h"))


class TestDirectoryOverDirectory(TieredTests):
    guards_writes = True
    breaks_locks = True

    def make_store(self, tmp_path):
        return TieredStore(DirectoryStore(tmp_path / "near"), DirectoryStore(tmp_path / "far", ttl="1h"))


class TestDirectoryOverPlain(TieredTests):
    """The last tier can't tell whether a key was cleared since; the one above can."""

    guards_writes = True

    def make_store(self, tmp_path):
        os.makedirs(tmp_path / "plain", exist_ok=True)
        return TieredStore(DirectoryStore(tmp_path / "near"), PlainStore(tmp_path / "plain"))

    def path(self, store, key):
        return store.tiers[-1].path(key)

    def raw_set(self, store, key, data):
        super().raw_set(store, key, data)
        with open(self.path(store, key), "wb") as file:
            file.write(data)
