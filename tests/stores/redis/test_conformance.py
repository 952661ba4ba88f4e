"""RedisStore does what every store must do: on one server, on a cluster, with clients of redis-py and valkey-py."""

import pytest
import redis
import valkey
from redis.backoff import NoBackoff
from redis.retry import Retry

from memopickle.stores.redis import RedisStore
from memopickle.testing import StoreTests


class RedisStoreTests(StoreTests):
    guards_writes = True
    breaks_locks = True

    @pytest.fixture(autouse=True)
    def _where(self, server):
        self.server = server
        self.raw = server.client
        yield
        self.raw.close()

    def make_store(self, tmp_path):
        return RedisStore(self.target(), prefix=f"{abs(hash(str(tmp_path))):x}:", ttl="1h", timeout=60)

    def target(self):
        return self.server.url

    def names(self, store, key):
        tag = f"{store.prefix}{{{key[:40]}}}:"
        self.raw.set(f"{tag}g", "0123456789abcdef", nx=True)
        return f"{tag}v{self.raw.get(f'{tag}g').decode()}{key[40:]}"

    def raw_get(self, store, key):
        return self.raw.get(self.names(store, key))

    def raw_set(self, store, key, data):
        self.raw.set(self.names(store, key), data)


class TestRedisStore(RedisStoreTests):
    pass


class TestRedisStoreOnACluster(RedisStoreTests):
    @pytest.fixture(autouse=True)
    def _where(self, cluster):
        self.server = cluster
        self.raw = cluster.client
        yield
        self.raw.close()


class GivenClientTests(RedisStoreTests):
    """With a client that was given, and so can't be pickled."""

    pickles = False

    @pytest.fixture(autouse=True)
    def _clients(self):
        self.clients = []
        yield
        for client in self.clients:
            client.close()

    def make_store(self, tmp_path):
        return RedisStore(self.target(), prefix=f"{abs(hash(str(tmp_path))):x}:", ttl="1h")

    def target(self):
        self.clients.append(self.make_client())
        return self.clients[-1]


class TestWithAClientOfRedis(GivenClientTests):
    def make_client(self):
        return redis.Redis(unix_socket_path=self.server.path, retry=Retry(NoBackoff(), 0))


class TestWithAClientOfValkey(GivenClientTests):
    def make_client(self):
        return valkey.Valkey(unix_socket_path=self.server.path)
