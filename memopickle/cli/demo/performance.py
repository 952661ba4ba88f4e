"""The demo itself: fill, read, tamper, repair, and write down what was seen."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memopickle.cli.demo.analysis import analyse
from memopickle.cli.demo.crew import Crew, CrewError, run_alone
from memopickle.cli.demo.observed import Observed, Run, Shelf
from memopickle.cli.demo.tampering import KINDS, PICKLE, Tampering, hostile_pickle, load_unverified, tamper
from memopickle.cli.demo.worker import open_cache, read_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from memopickle.cli.demo.library import Module

    #: Shows the progress: gets the name of a run and its number of calls, and is told of each one done.
    Watch = Callable[[str, int], AbstractContextManager[Callable[[], None]]]

__all__ = ["perform"]

_CACHE, _MARKER = "cache", "planted-code-ran"


def perform(modules: Sequence[Module], folder: str, jobs: int, watch: Watch) -> Observed:
    """Run the demo with its cache below ``folder`` and return what was seen; raises CrewError if a process dies."""
    directory, marker = os.path.join(folder, _CACHE), os.path.join(folder, _MARKER)
    with _own_environment():
        cold = _run("cold", modules, directory, jobs, watch)
        warm = _run("warm", modules, directory, jobs, watch)
        filled = _look_at(directory)
        victims = modules[: len(KINDS)]
        tamperings = _tamper_with(victims, directory, marker)
        hostile = _is_hostile(next(one for one in tamperings if one.kind == PICKLE), marker)
        tampered = _look_at(directory)
        repair = _run("repair", victims, directory, 1, watch)
        ran = os.path.exists(marker)
        return Observed(
            modules=frozenset(module.name for module in modules),
            source_bytes=sum(module.size for module in modules),
            cold=cold,
            warm=warm,
            filled=filled,
            tamperings=tamperings,
            hostile_is_hostile=hostile,
            tampered=tampered,
            repair=repair,
            code_ran=ran,
            repaired=_look_at(directory),
        )


@contextmanager
def _own_environment() -> Iterator[None]:
    """Give this process and those it starts a secret that exists nowhere else, and switch caching on."""
    names = ("MEMOPICKLE_SECRET", "MEMOPICKLE_DISABLE")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ["MEMOPICKLE_SECRET"] = secrets.token_hex(32)
    try:
        yield
    finally:
        del os.environ["MEMOPICKLE_SECRET"]
        os.environ.update(before)


def _run(name: str, modules: Sequence[Module], directory: str, jobs: int, watch: Watch) -> Run:
    started = time.perf_counter()
    outcomes = []
    with Crew(min(jobs, len(modules)), directory) as crew, watch(name, len(modules)) as advance:
        for outcome in crew.analyse(modules):
            outcomes.append(outcome)
            advance()
    return Run(outcomes, time.perf_counter() - started)


def _look_at(directory: str) -> Shelf:
    with open_cache(directory) as cache:
        sizes = [entry.size for entry in cache.entries()]
        verified = cache.verify()
    return Shelf(len(sizes), sum(sizes), verified.good, len(verified.bad))


def _tamper_with(modules: Sequence[Module], directory: str, marker: str) -> tuple[Tampering, ...]:
    hostile = hostile_pickle(marker)
    found = []
    with open_cache(directory) as cache:
        cached = cache.cached(analyse)
        for kind, module in zip(KINDS, modules, strict=True):
            place = cache.store.place(cached.cache_key(module.name, read_source(module)))
            found.append(Tampering(kind, module.name, place))
            tamper(found[-1], hostile)
    return tuple(found)


def _is_hostile(tampering: Tampering, marker: str) -> bool:
    """Tell whether the planted pickle works where nothing is verified: else refusing it would prove nothing."""
    code = run_alone(load_unverified, tampering.place)
    if code != 0:
        raise CrewError(f"loading the hostile pickle without verification ended with exit code {code}")
    works = os.path.exists(marker)
    if works:
        os.unlink(marker)
    return works
