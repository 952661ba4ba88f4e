"""ObjectStore does what the conformance suite demands: over HTTP, in memory, and on a disk."""

import pytest
from helpers.needed import need
from helpers.rawfiles import raw_read, raw_write
from helpers.s3 import bucket, endpoint

from memopickle import ObjectStore
from memopickle.testing import StoreTests

__all__ = ["bucket"]


class TestS3(StoreTests):
    guards_writes = True
    long_keys = False
    large = 300_000

    @pytest.fixture(autouse=True)
    def _service(self, bucket):
        self.url = bucket

    def make_store(self, tmp_path):
        return ObjectStore(self.url, "1h", endpoint=endpoint())

    def client(self):
        return need("boto3").client("s3", endpoint_url=endpoint())

    def at(self, key):
        _, _, name, prefix = self.url.split("/", 3)
        return {"Bucket": name, "Key": f"{prefix}/{key}"}

    def raw_get(self, store, key):
        client = self.client()
        try:
            return client.get_object(**self.at(key))["Body"].read()
        except client.exceptions.NoSuchKey:
            return None

    def raw_set(self, store, key, data):
        self.client().put_object(**self.at(key), Body=data)


class TestMemory(StoreTests):
    long_keys = False
    shared = False
    pickles = False
    locks = False

    def make_store(self, tmp_path):
        self.objects = need("obstore").store.MemoryStore()
        return ObjectStore(self.objects, "1h")

    def raw_get(self, store, key):
        try:
            return bytes(self.objects.get(key).bytes())
        except FileNotFoundError:
            return None

    def raw_set(self, store, key, data):
        self.objects.put(key, data)


class TestLocal(StoreTests):
    guards_writes = True
    long_keys = False

    def make_store(self, tmp_path):
        need("obstore")
        return ObjectStore(f"file://{tmp_path}/objects", "1h")

    def path(self, store, key):
        return store.place(key).removeprefix("file://")

    def raw_get(self, store, key):
        return raw_read(self.path(store, key))

    def raw_set(self, store, key, data):
        raw_write(self.path(store, key), data)
