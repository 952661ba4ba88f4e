"""A server on a bad day: it takes connections, and answers with too little or with nonsense."""

import socket
import threading
from contextlib import suppress

__all__ = ["Stub"]


class Stub:
    """Answers each request with these bytes, and then closes the connection, or keeps it and says no more."""

    def __init__(self, answer, closes):
        self.answer = answer
        self.closes = closes
        #: How many connections were made.
        self.asked = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.open = []
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for one in (self.listener, *self.open):
            one.close()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.asked += 1
            self.open.append(connection)
            with suppress(OSError):
                if self.answer:
                    connection.recv(65536)
                    connection.sendall(self.answer)
                if self.closes:
                    connection.close()
