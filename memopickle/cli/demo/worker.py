"""A worker process of the demo: analyses modules through the cache, and tells what the cache did."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from memopickle.cache import Cache
from memopickle.cli.demo.analysis import ModuleReport, analyse
from memopickle.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from memopickle.cli.demo.library import Module
    from memopickle.events import Event

__all__ = ["Outcome", "open_cache", "read_source", "work"]

NAMESPACE = "memopickle demo"


class Outcome(NamedTuple):
    """One call of the cached function, as seen in the worker."""

    module: str
    #: What the call returned. From a cache that does not verify, that could be anything.
    report: ModuleReport
    #: What the cache did, in order.
    events: tuple[Event, ...]
    #: What it logged.
    warnings: tuple[str, ...]
    #: Seconds that the call took, hit or miss.
    seconds: float
    #: The process that made the call: its id and when it began, as ids are used again.
    process: str


def open_cache(directory: str, events: list[Event] | None = None) -> Cache:
    """Return the demo's cache; the secret comes from the environment."""
    return Cache(DirectoryStore(directory), namespace=NAMESPACE, on_event=None if events is None else events.append)


def read_source(module: Module) -> bytes:
    """Return the module's source as it is now."""
    with open(module.path, "rb") as file:
        return file.read()


def work(connection: Connection[Outcome, Module], directory: str) -> None:
    """Take modules from the connection and send back outcomes until the other side closes, or dies."""
    worker = _Worker(directory)
    with connection:
        try:
            while True:
                connection.send(worker.do(connection.recv()))
        except (EOFError, ConnectionError):
            return


class _Worker:
    def __init__(self, directory: str) -> None:
        self._events: list[Event] = []
        self._log = _Log()
        self._analyse = open_cache(directory, self._events).cached(analyse)
        self._process = f"{os.getpid()}-{time.time_ns()}"

    def do(self, module: Module) -> Outcome:
        source = read_source(module)
        self._events.clear()
        self._log.messages.clear()
        started = time.perf_counter()
        report = self._analyse(module.name, source)
        seconds = time.perf_counter() - started
        return Outcome(module.name, report, tuple(self._events), tuple(self._log.messages), seconds, self._process)


class _Log(logging.Handler):
    """Keeps what memopickle logs, which would otherwise be written across the tables."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        logger = logging.getLogger("memopickle")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
