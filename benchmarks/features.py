"""What caches do in cases that their users meet, tried out: ``python benchmarks/features.py``.

Needs ``pip install cachetools cachebox joblib diskcache cachier checkpointer dogpile.cache cashews numpy``; what is not
installed is left out and said so. Prints a Markdown table, with a column for each library; ``--markdown FILE`` puts it
between its markers in a page. Each answer comes from a process of its own (``benchmarks/suite/questions.py``), which
may take a minute. The libraries run with their defaults, and with their protection against computing twice
switched on: cachetools with a condition, cashews with ``lock=True``; both memory and disk of dogpile.cache and cashews
are their dbm and disk backends.

wrong     a value came back that is not the function's own
raises    an exception reached the caller, which is told on stderr
hangs     there was no answer in time
-         a memory cache has no such case
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from suite import report
from suite.libraries import LIBRARIES, Cashews, version
from suite.questions import QUESTIONS, STEPS, Trial
from suite.subjects import counting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Decorate = Callable[[str, Callable[..., Any]], Callable[..., Any]]

COMMAND = "benchmarks/features.py"
#: Seconds after which a question has no answer.
LIMIT = 60


class LockedCashews(Cashews):
    """With its protection against computing twice."""

    options = MappingProxyType({"ttl": "30d", "lock": True})


def lru_cache(_folder: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Cache in memory, by functools."""
    return functools.lru_cache(1000)(function)


def cachetools(_folder: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Cache in memory, by cachetools."""
    import cachetools

    return cachetools.cached(cachetools.LRUCache(1000), condition=threading.Condition())(function)


def cachebox(_folder: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Cache in memory, by cachebox."""
    import cachebox

    return cachebox.cached(cachebox.LRUCache(1000))(function)


MEMORY: dict[str, Decorate] = {"functools": lru_cache, "cachetools": cachetools, "cachebox": cachebox}
DISK: dict[str, Decorate] = {
    **{name: LIBRARIES[name].cached for name in ("joblib", "diskcache", "cachier", "checkpointer", "dogpile.cache")},
    "cashews": LockedCashews().cached,
    "memopickle": LIBRARIES["memopickle"].cached,
}


def versions() -> dict[str, str]:
    """Return which version of each library is there, ``""`` where it is missing."""
    memory = {"functools": platform.python_version()} | {name: version(name) for name in list(MEMORY)[1:]}
    return memory | {name: LIBRARIES[name].version() for name in DISK}


def main() -> None:
    """Put the questions that are asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[*MEMORY, *DISK], choices=[*MEMORY, *DISK], help="these libraries")
    parser.add_argument("--questions", nargs="+", default=list(QUESTIONS), choices=list(QUESTIONS), help="these cases")
    parser.add_argument("--markdown", metavar="FILE", help="put the table between its markers in this page")
    parser.add_argument("--take", nargs=3, metavar=("LIBRARY", "FOLDER", "STEP"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.take:
        take(*arguments.take)
        return
    there = {name: found for name, found in versions().items() if name in arguments.only}
    for name in (name for name, found in there.items() if not found):
        print(f"{name} is not installed and left out", file=sys.stderr)
    answers = {name: answered(name, arguments.questions) for name, found in there.items() if found}
    used = "; ".join(f"{name} {found or 'missing'}" for name, found in there.items())
    lines = [*rows(answers, arguments.questions), "", f"Python {platform.python_version()}; {used}."]
    print("\n".join(lines))
    if arguments.markdown:
        report.between_markers(Path(arguments.markdown), lines, COMMAND)


def take(library: str, folder: str, step: str) -> None:
    """Put one question here, or take one step of one, and print the answer."""
    command = (sys.executable, os.path.abspath(__file__), "--take", library, folder)
    decorate = (MEMORY | DISK)[library]
    trial = Trial(decorate, folder, command, on_disk=library in DISK, tasks=library == "cashews")
    counting(folder)
    if step in STEPS:
        STEPS[step](trial)
        return
    try:
        answer = QUESTIONS[step](trial)
    except Exception as error:
        answer = f"raises {error!r}"
    print(f"answer: {answer}", flush=True)
    os._exit(0)  # what a library left running is not waited for


def answered(library: str, questions: list[str]) -> list[str]:
    """Return a library's answers."""
    print(f"{library} ...", file=sys.stderr)
    return [answer(library, question) for question in questions]


def answer(library: str, question: str) -> str:
    """Put a question in a process of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MEMOPICKLE")}
    with tempfile.TemporaryDirectory(prefix="features-", ignore_cleanup_errors=True) as folder:
        os.mkdir(os.path.join(folder, "cache"))
        command = [sys.executable, os.path.abspath(__file__), "--take", library, folder, question]
        environment = {**kept, "HOME": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            # In the folder: checkpointer looks for a program's own functions below the working directory.
            ended = subprocess.run(
                command, env=environment, cwd=folder, timeout=LIMIT, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "hangs"
    verdict, _, why = ended.stdout.rpartition("answer: ")[2].strip().partition(" ")
    if why:
        print(f"  {question}: {why}", file=sys.stderr)
    return verdict or "dies"


def rows(answers: dict[str, list[str]], questions: list[str]) -> Iterator[str]:
    """Give the lines of the table."""
    yield f"| case | {' | '.join(answers)} |"
    yield "|---" * (len(answers) + 1) + "|"
    for question, found in zip(questions, zip(*answers.values(), strict=True), strict=True):
        case = str(QUESTIONS[question].__doc__).rstrip(".")
        yield f"| {case} | {' | '.join(found)} |"


if __name__ == "__main__":
    main()
