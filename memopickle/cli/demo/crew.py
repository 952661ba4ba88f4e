"""Freshly started processes, each an interpreter of its own, that end with the work or with this process."""

from __future__ import annotations

import multiprocessing
from collections import deque
from multiprocessing import connection, resource_tracker
from typing import TYPE_CHECKING, Any, cast

from memopickle.cli.demo.interrupts import held
from memopickle.cli.demo.worker import work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from typing import Self

    from memopickle.cli.demo.library import Module
    from memopickle.cli.demo.worker import Outcome

__all__ = ["Crew", "CrewError", "run_alone"]

_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE = 5.0  # seconds that a process gets to end before it is killed


class CrewError(RuntimeError):
    """A worker process ended before its work was done."""


class Crew:
    """``count`` new processes that share the cache in ``directory``; a context manager.

    Leaving it ends them: by closing their connections when all went well, by SIGTERM otherwise. Should this process be
    killed, the connections close too, and they end by themselves.
    """

    def __init__(self, count: int, directory: str) -> None:
        self._count = count
        self._directory = directory
        self._members: dict[Connection[Any, Any], SpawnProcess] = {}

    def __enter__(self) -> Self:
        try:
            for _ in range(self._count):
                self._hire()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with held():
            self._dismiss(failed=kind is not None)

    def analyse(self, modules: Iterable[Module]) -> Iterator[Outcome]:
        """Give each module to whoever is free; yield the outcomes as they come. CrewError if a process dies."""
        waiting = deque(modules)
        busy = [member for member in self._members if _give(member, waiting)]
        while busy:
            for ready in connection.wait(busy):
                member = cast("Connection[Module, Outcome]", ready)
                yield self._receive(member)
                if not _give(member, waiting):
                    busy.remove(member)

    def _hire(self) -> None:
        ours, theirs = _SPAWN.Pipe()
        # Noted before it is started: an interrupt held back meanwhile comes out right after.
        process = self._members[ours] = _SPAWN.Process(target=work, args=(theirs, self._directory), daemon=True)
        with theirs:
            _start(process)

    def _receive(self, member: Connection[Module, Outcome]) -> Outcome:
        try:
            return member.recv()
        except (EOFError, ConnectionError):
            process = self._members[member]
            process.join(_PATIENCE)
            raise CrewError(f"a worker process ended with exit code {process.exitcode}") from None

    def _dismiss(self, *, failed: bool) -> None:
        for member in self._members:
            member.close()
        for process in self._members.values():
            _end(process, now=failed)
        self._members.clear()


def run_alone(target: Callable[..., object], *args: object) -> int | None:
    """Call ``target`` in a new process and return its exit code."""
    process = _SPAWN.Process(target=target, args=args, daemon=True)
    try:
        _start(process)
        process.join()
        return process.exitcode
    finally:
        with held():
            _end(process, now=True)


def _start(process: SpawnProcess) -> None:
    """Start a process that Ctrl-C does not reach: this one gets it, and ends the other."""
    resource_tracker.ensure_running()  # starting it would, until Python 3.12, let interrupts through again
    with held():
        process.start()


def _give(member: Connection[Module, Outcome], waiting: deque[Module]) -> bool:
    if waiting:
        member.send(waiting.popleft())
        return True
    return False


def _end(process: SpawnProcess, *, now: bool) -> None:
    if process.pid is None:
        return  # it was never started
    if now:
        process.terminate()
    process.join(_PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
