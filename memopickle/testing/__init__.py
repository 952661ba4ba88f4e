"""The conformance suite for stores: subclass :class:`StoreTests` in a test module of your own and run pytest.

A complete example, for a store that keeps each value in a file below ``store.root``::

    import pytest

    pytest.register_assert_rewrite("memopickle.testing")  # for readable failures; before the import below
    from memopickle.testing import StoreTests

    from mypackage import MyStore


    class TestMyStore(StoreTests):
        def make_store(self, tmp_path):
            return MyStore(tmp_path / "entries")

        def raw_get(self, store, key):
            path = store.root / key.replace("/", "_")
            return path.read_bytes() if path.exists() else None

        def raw_set(self, store, key, data):
            store.root.mkdir(exist_ok=True)
            (store.root / key.replace("/", "_")).write_bytes(data)

``raw_get`` and ``raw_set`` look behind the store's back, so that its reads are not checked by its own writes: they
must not call the store's methods. What a store cannot do is said with class attributes, see :class:`StoreTests`.
The suite needs pytest, which memopickle does not depend on.
"""

from memopickle.testing.base import StoreSuite, real_entry, store_key
from memopickle.testing.claims import ClaimTests
from memopickle.testing.keyed import KeyTests
from memopickle.testing.sharing import SharingTests
from memopickle.testing.values import ValueTests

__all__ = ["StoreTests", "real_entry", "store_key"]


class StoreTests(ValueTests, KeyTests, SharingTests, ClaimTests, StoreSuite):
    """What every store must do. Override the three methods, and the attributes where your store can't or can more.

    Attributes:
        shared: two stores from ``make_store(tmp_path)`` are two views of one place. False for a store that
            lives in one process.
        pickles: the store can be pickled, and used by another process then.
        locks: the lock of a key keeps out another lock object of the same key.
        guards_writes: a key that is deleted or cleared after ``store.writer(key)`` is not published by that writer.
            True for stores that bring their own writer.
        breaks_locks: deleting or clearing a key takes its lock away from the holder.
        long_keys: takes keys of any length up to 200. False for a store that takes only keys like those of
            :func:`store_key` (122 characters), which are all that a cache uses.
        large: the size in bytes of the largest value that is tried.

    """
