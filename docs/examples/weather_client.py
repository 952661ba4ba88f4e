"""An async client of an HTTP server that goes down: one request for many tasks, and old answers rather than none.

    python weather_client.py [CACHE]

The server runs in this program, on a free port of this machine. It counts its requests, and is stopped half way. The
cache has a clock that can be put forward, so that nobody has to wait for the ttl to pass.
"""

import asyncio
import json
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from memopickle import Cache, DirectoryStore


class Weather(BaseHTTPRequestHandler):
    """Answers each path with a forecast for it, and counts."""

    requests = 0

    def do_GET(self):
        Weather.requests += 1
        body = json.dumps({"city": self.path.strip("/"), "degrees": 7 + Weather.requests}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing: this program's output is below."""


async def get(port, path):
    """Return the JSON that a server on this machine sends; OSError if it does not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /{path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        await writer.drain()
        return json.loads((await reader.read()).partition(b"\r\n\r\n")[2])
    finally:
        writer.close()


async def main(place):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Weather)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ahead = 0.0
    cache = Cache(DirectoryStore(place), namespace="weather", clock=lambda: time.time() + ahead)

    @cache.cached(ttl="10m", stale_if_error="1d", ignore=("port",))
    async def forecast(city, port):
        return await get(port, city)

    port = server.server_port
    answers = await asyncio.gather(*(forecast("Bergen", port) for _ in range(50)))
    print(f"50 tasks: {answers[0]['degrees']} degrees, {Weather.requests} request")

    ahead = 600.0
    print(f"after 10 minutes: {(await forecast('Bergen', port))['degrees']} degrees, {Weather.requests} requests")

    server.shutdown()
    server.server_close()
    ahead = 3600.0
    print(f"server down, after an hour: {(await forecast('Bergen', port))['degrees']} degrees, as before")
    try:
        await forecast("Oslo", port)
    except OSError as error:
        print(f"never asked before: {type(error).__name__}, as without a cache")
    ahead = 2 * 86400.0
    try:
        await forecast("Bergen", port)
    except OSError as error:
        print(f"after two days: {type(error).__name__}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(main(folder))
