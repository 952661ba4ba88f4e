"""One server for all tests of a worker; each test has a prefix of its own."""

import pytest

from tests.faults.tools import require
from tests.stores.redis.servers import Cluster, RedisServer


@pytest.fixture(scope="session")
def server():
    require("redis-server")
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_server():
    """A server of this test's own, on a port, to kill and to start again."""
    require("redis-server")
    with RedisServer(tcp=True) as server:
        yield server


@pytest.fixture(scope="session")
def cluster():
    require("redis-server")
    with Cluster() as cluster:
        yield cluster
