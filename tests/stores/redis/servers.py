"""Real servers on this machine: started, stopped, killed, started again."""

import itertools
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

__all__ = ["Cluster", "RedisServer", "free_port"]

#: Seconds after which a server that should have started has not.
PATIENCE = 60
#: Below those that systems give to connections by themselves: a server that was killed finds its port free again.
_PORTS = itertools.count(random.randrange(20_000, 30_000))


def free_port():
    """Return a port of loopback that nobody has, and that this process was not given before."""
    return next(filter(is_free, _PORTS))


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class RedisServer:
    """A redis-server on a socket file, or a free port of loopback as well, in a folder of its own; nothing persists."""

    def __init__(self, *options, tcp=False):
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.port = free_port() if tcp else 0
        self.path = str(self.folder / "socket")
        self.options = options
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{self.path}"

    @property
    def client(self):
        """A client of the tests' own, past the store: by the socket file, which is there in either case."""
        return redis.Redis(unix_socket_path=self.path, protocol=2, retry=Retry(NoBackoff(), 0))

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--unixsocket", self.path, "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, "--bind", "127.0.0.1", "--save", "", *self.options], stdout=subprocess.DEVNULL
        )
        self.until_it_answers()

    def until_it_answers(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self.client as client:
                    return client.ping()
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "redis-server does not answer"
                assert self.process.poll() is None, "redis-server ended"

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def flush(self):
        with self.client as client:
            client.flushall()


class Cluster:
    """Three servers that share the slots."""

    SLOTS = 16384

    def __init__(self):
        buses = [free_port() for _ in range(3)]
        self.nodes = [RedisServer("--cluster-enabled", "yes", "--cluster-port", str(bus), tcp=True) for bus in buses]
        first = self.nodes[0]
        share = self.SLOTS // 3 + 1
        for number, node in enumerate(self.nodes):
            with node.client as client:
                client.cluster("addslotsrange", number * share, min((number + 1) * share, self.SLOTS) - 1)
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                if node is not first:
                    client.execute_command("CLUSTER MEET", "127.0.0.1", first.port, buses[0])
        self.until_agreed()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for node in self.nodes:
            node.remove()

    @property
    def url(self):
        return f"{self.nodes[0].url[:-2]}?cluster=1"

    @property
    def client(self):
        return redis.RedisCluster("127.0.0.1", self.nodes[0].port, protocol=2)

    def until_agreed(self):
        deadline = time.monotonic() + PATIENCE
        while not all(self.is_agreed(node) for node in self.nodes):
            assert time.monotonic() < deadline, "the cluster does not come together"

    def is_agreed(self, node):
        with node.client as client:
            known = client.execute_command("CLUSTER INFO")
        text = (
            known
            if isinstance(known, dict)
            else dict(line.split(":", 1) for line in known.decode().split("\r\n") if line)
        )
        return text["cluster_state"] == "ok" and text["cluster_known_nodes"] == "3"
