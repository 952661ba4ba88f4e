"""What a library does in cases that its users meet, each tried out in a process of its own.

A question is a function of a Trial: its docstring is how a page puts it, what it returns is the answer. What it raises,
or that it does not end, is an answer too. Computations are counted in a file, which all processes of a trial share.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from suite import subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.subjects import Function

__all__ = ["QUESTIONS", "STEPS", "Trial"]

CROWD = 8
NOT_ITS_CASE = "-"


class Trial(NamedTuple):
    """A library, as its decorator, and a folder; ``command`` runs a step of the same trial in another process."""

    decorate: Callable[[str, Function], Function]
    folder: str
    command: tuple[str, ...]
    on_disk: bool
    #: True where tasks of an event loop are what threads are to others.
    tasks: bool

    def cached(self, function: Function) -> Function:
        """Return the function, cached."""
        return self.decorate(os.path.join(self.folder, "cache"), function)

    def computed(self) -> int:
        """Return how many computations there were."""
        path = Path(self.folder, "log")
        return path.stat().st_size if path.exists() else 0

    def start(self, step: str, **environment: str) -> subprocess.Popen[str]:
        """Take a step in another process."""
        return subprocess.Popen(
            [*self.command, step], env={**os.environ, **environment},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def step(self, name: str, **environment: str) -> str:
        """Take a step in another process and return what it printed."""
        with self.start(name, **environment) as process:
            printed, _ = process.communicate()
        return printed.strip()


# -- steps in other processes ------------------------------------------------------------------------------------------


def one_call(trial: Trial) -> None:
    trial.cached(subjects.double)(21)


def set_call(trial: Trial) -> None:
    trial.cached(subjects.length)({"paris", "oslo", "rome", "lima", "bern"})


def waiting_call(trial: Trial) -> None:
    call = trial.cached(subjects.slow)
    print("ready", flush=True)
    sys.stdin.readline()
    call(1)


def edited_call(trial: Trial) -> None:
    sys.path.insert(0, trial.folder)
    print(trial.cached(importlib.import_module("edited").work)(1), flush=True)


STEPS = {step.__name__: step for step in (one_call, set_call, waiting_call, edited_call)}


EDITED = """\
from suite.subjects import count


def helper(n):
    return n * {factor}


def work(n):
    count()
    return helper(n) + {number}{comment}
"""


def after_edits(trial: Trial, *edits: dict[str, object]) -> str:
    """Call the function of a module in processes of their own, after each edit; return the last one's result."""
    if not trial.on_disk:
        return NOT_ITS_CASE
    found = ""
    for changed in edits:
        text = EDITED.format(**{"factor": 1, "number": 1, "comment": "", **changed})
        Path(trial.folder, "edited.py").write_text(text, encoding="utf-8")
        found = trial.step("edited_call")
    return found


# -- questions ---------------------------------------------------------------------------------------------------------


def yes(found: bool) -> str:
    """Write a truth value."""
    return "yes" if found else "no"


def calls(trial: Trial, function: Function, computations: int, *calls: tuple[object, ...]) -> str:
    """Tell whether these calls compute so often together; a value that is not the function's own is worse than no."""
    cached = trial.cached(function)
    found = [cached(*args) for args in calls]
    computed = trial.computed()
    return yes(computed == computations) if found == [function(*args) for args in calls] else "wrong"


def kept(trial: Trial) -> str:
    """The next process finds the result."""
    trial.step("one_call")
    trial.step("one_call")
    return yes(trial.computed() == 1)


def crowd(trial: Trial) -> str:
    """Computations, 8 threads asking at once."""
    if trial.tasks:
        asyncio.run(_gathered(trial.cached(subjects.slow_task)))
        return str(trial.computed())
    call = trial.cached(subjects.slow)
    barrier = threading.Barrier(CROWD)

    def ask() -> None:
        barrier.wait()
        call(1)

    threads = [threading.Thread(target=ask) for _ in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return str(trial.computed())


async def _gathered(call: Function) -> None:
    await asyncio.gather(*(call(1) for _ in range(CROWD)))


def processes(trial: Trial) -> str:
    """Computations, 8 processes asking at once."""
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(trial.start("waiting_call")) for _ in range(CROWD)]
        for process in crowd:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in crowd:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in crowd:
            process.communicate()
    return str(trial.computed())


def awaited(trial: Trial) -> str:
    """An `async def` function."""
    call = trial.cached(subjects.slow_task)
    found = [asyncio.run(_awaited(call)) for _ in range(2)]
    return yes(found == [1, 1] and trial.computed() == 1)


async def _awaited(call: Function) -> Any:
    return await call(1)


def recursive(trial: Trial) -> str:
    """A recursive function, each argument computed once."""
    subjects.RECURSIVE.append(trial.cached(subjects.fibonacci_task if trial.tasks else subjects.fibonacci))
    found = asyncio.run(subjects.RECURSIVE[0](8)) if trial.tasks else subjects.RECURSIVE[0](8)
    return yes(found == 21 and trial.computed() == 9)


def keyword(trial: Trial) -> str:
    """`f(1)` and `f(n=1)` are one call."""
    call = trial.cached(subjects.double)
    return yes(call(1) == call(n=1) == 2 and trial.computed() == 1)


def types(trial: Trial) -> str:
    """`f(1)`, `f(1.0)` and `f(True)` are three."""
    return calls(trial, subjects.kind, 3, (1,), (1.0,), (True,))


def text(trial: Trial) -> str:
    """`f(1)` and `f("1")` are two."""
    return calls(trial, subjects.kind, 2, (1,), ("1",))


def strings(trial: Trial) -> str:
    """`f("a b", "c")` and `f("a", "b c")` are two."""
    return calls(trial, subjects.joined, 2, ("a b", "c"), ("a", "b c"))


def lists(trial: Trial) -> str:
    """A list as argument."""
    return calls(trial, subjects.length, 1, ([1, 2],), ([1, 2],))


def sets(trial: Trial) -> str:
    """A set of strings, found again by the next process."""
    if not trial.on_disk:
        return NOT_ITS_CASE
    for seed in "1", "2", "3":
        trial.step("set_call", PYTHONHASHSEED=seed)
    return yes(trial.computed() == 1)


def arrays(trial: Trial) -> str:
    """Two NumPy arrays that differ in the middle."""
    import numpy

    one, other = numpy.zeros(10_000), numpy.zeros(10_000)
    other[5_000] = 1
    return calls(trial, subjects.middle, 2, (one,), (other,), (one,))


def closures(trial: Trial) -> str:
    """Two closures of one function are two."""
    return yes([trial.cached(subjects.adder(m))(10) for m in (2, 3)] == [12, 13]).replace("no", "wrong")


def unchanged(trial: Trial) -> str:
    """A caller who changes a result changes only its own."""
    call = trial.cached(subjects.listing)
    call(1).append(9)
    call(1).append(9)
    return yes(call(1) == [1])


def none(trial: Trial) -> str:
    """`None` is remembered."""
    return calls(trial, subjects.nothing, 1, (1,), (1,))


def returned(trial: Trial) -> str:
    """A result that can't be pickled is returned."""
    return yes(hasattr(trial.cached(subjects.unpicklable)(1), "acquire"))


def edited(trial: Trial) -> str:
    """The function edited: computed again."""
    found = after_edits(trial, {}, {"number": 2})
    return found if found == NOT_ITS_CASE else yes(found == "3")


def helper_edited(trial: Trial) -> str:
    """A function that it calls edited: computed again."""
    found = after_edits(trial, {}, {"factor": 5})
    return found if found == NOT_ITS_CASE else yes(found == "6")


def commented(trial: Trial) -> str:
    """A comment edited: still found."""
    found = after_edits(trial, {}, {"comment": "  # one more"})
    return found if found == NOT_ITS_CASE else yes(trial.computed() == 1)


def broken(trial: Trial) -> str:
    """Its directory turned into a file meanwhile: the result is returned."""
    if not trial.on_disk:
        return NOT_ITS_CASE
    call = trial.cached(subjects.double)
    call(1)
    cache = Path(trial.folder, "cache")
    shutil.rmtree(cache)
    cache.touch()
    return yes(call(2) == 4)


_ALL = (
    kept, crowd, processes, awaited, recursive, edited, helper_edited, commented, keyword, types, text, strings, lists,
    sets, arrays, closures, unchanged, none, returned, broken,
)  # fmt: skip
QUESTIONS = {question.__name__: question for question in _ALL}
