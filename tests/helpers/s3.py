"""An S3 service over HTTP on a free loopback port, and buckets in it."""

import http.client
import itertools
import logging
import threading
import urllib.request
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helpers.needed import need

REGION = "us-east-1"
#: For the tests' own server; it takes any.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret", "AWS_REGION": REGION}

_numbers = itertools.count()


@cache
def endpoint():
    """Start the service of this test process, if it does not run yet, and return its address."""
    need("obstore")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # its line for each request is none of the cache's
    server = need("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    return "http://{}:{}".format(*server.get_host_and_port())


def make_bucket():
    """Return the URL of a new bucket, with a prefix."""
    name = f"bucket-{next(_numbers)}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint()}/{name}", method="PUT"), timeout=60).close()
    return f"s3://{name}/some/prefix"


@pytest.fixture
def bucket(monkeypatch):
    """The URL of a new bucket; the credentials are in the environment, and in that of child processes."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return make_bucket()


class Proxy:
    """A server in front of the service, with faults: ``fault(handler)`` answers a request itself, or returns None.

    ``seen`` are the requests as (method, path with query).
    """

    def __init__(self):
        self.fault = lambda handler: None
        self.seen = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                proxy.seen.append((self.command, self.path))
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if proxy.fault(self) is None:
                    self.answer(*self.forwarded())

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_one

            def forwarded(self):
                """Return status, headers and body of the service's own answer."""
                connection = http.client.HTTPConnection(endpoint().removeprefix("http://"), timeout=60)
                connection.request(self.command, self.path, self.body, dict(self.headers))
                response = connection.getresponse()
                found = response.status, response.headers.items(), response.read()
                connection.close()
                return found

            def answer(self, status, headers=(), body=b""):
                self.send_response_only(status)
                head = self.command == "HEAD"
                for name, value in headers:
                    if name.lower() not in ("transfer-encoding", "connection") and (
                        head or name.lower() != "content-length"
                    ):
                        self.send_header(name, value)
                if not head:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return True

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self):
        """Stop: connections are refused from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def proxy(bucket):
    """A proxy in front of the service."""
    proxy = Proxy()
    yield proxy
    proxy.close()
