"""Forks, on command, a process that does one thing to a cache, and that may be killed on the way.

A line on stdin names what to do, a folder, and whether the process waits for SIGUSR1 before it begins; answered with
its number, what it says, and how it ended.
Everything is imported before, so that a process makes hardly any other system calls than those of its task.
"""

import ctypes
import json
import logging
import os
import signal
import sys
import tempfile
import time

import filelock
import platformdirs

from memopickle import Cache, DirectoryStore, ShelveStore

assert filelock
assert platformdirs
logging.getLogger("memopickle").addHandler(logging.NullHandler())
PR_SET_PTRACER = 0x59616D61
HOUR = 3600
START = 1_800_000_000


#: What results come of, and what was computed. Not captured by the functions: that would be part of their keys.
state = ""
computed = []


def brief(number):
    computed.append(number)
    return [state, number] * 500


def lasting(number):
    computed.append(number)
    return [state, number] * 500


class Program:
    """A program with two cached functions, and its cache in a folder."""

    def __init__(self, folder, origin, now=START):
        global state  # noqa: PLW0603
        state = origin
        os.environ["XDG_RUNTIME_DIR"] = f"{folder}/runtime"
        self.cache = Cache(self.store(folder), secret="v" * 32, clock=lambda: now)
        self.brief = self.cache.cached(brief, ttl="1h", track_code="off")
        self.lasting = self.cache.cached(lasting, track_code="off")
        self.functions = {"brief": self.brief, "lasting": self.lasting}

    def store(self, folder):
        if os.path.basename(folder).startswith("shelf"):
            return ShelveStore(f"{folder}/cache")
        return DirectoryStore(f"{folder}/cache", durable=os.path.basename(folder).startswith("durable"))

    def peek(self):
        """What is stored: the state of which each result came, None for none, or what it is if it is not right."""
        return {
            f"{name} {number}": judge(function.cache_peek(number), number)
            for name, function in self.functions.items()
            for number in range(3)
        }


def judge(found, number):
    if found is None:
        return None
    origin = found.value[0]
    return origin if found.value == [origin, number] * 500 else f"wrong: {found.value!r}"


# -- what a process does -----------------------------------------------------------------------------------------------


def prepare(folder):
    """Store two of three results of each function."""
    program = Program(folder, "old")
    for function in program.functions.values():
        function(0), function(1)


def store(folder):
    """Compute and store what is not there."""
    assert Program(folder, "new").lasting(2) == ["new", 2] * 500


def hit(folder):
    """Ask for what is there; it may be computed again if it cannot be read."""
    assert Program(folder, "new").lasting(1) in (["old", 1] * 500, ["new", 1] * 500)


def replace(folder):
    """Store something else in the place of what is there."""
    assert Program(folder, "new").lasting.cache_refresh(1) == ["new", 1] * 500


def delete(folder):
    Program(folder, "new").lasting.cache_invalidate(1)


def clear(folder):
    Program(folder, "new").cache.clear()


def clear_function(folder):
    Program(folder, "new").lasting.cache_clear()


def prune(folder):
    """Remove what has expired, and leftovers: an hour later, when brief results have."""
    Program(folder, "new", START + HOUR).cache.prune()


def look(folder):
    """Say what a process finds, and whether the next calls work and store."""
    program = Program(folder, "next")
    found = program.peek()
    bad = [entry.reason for entry in program.cache.verify().bad]
    returned = {
        f"{name} {number}": function(number)[0] for name, function in program.functions.items() for number in range(3)
    }
    return {"found": found, "bad": bad, "returned": returned, "then": program.peek(), "computed": computed}


def tidy(folder):
    """Prune when all that killed processes left is old."""
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".tmp"):
                os.utime(os.path.join(place, name), (time.time() - 2 * HOUR,) * 2)
    Program(folder, "next").cache.prune()


def use_secret(folder):
    """Make a cached call for which the user's own secret is needed, and perhaps made."""
    os.environ["XDG_CONFIG_HOME"] = f"{folder}/config"
    cache = Cache(DirectoryStore(f"{folder}/cache"))

    @cache.cached(track_code="off")
    def double(number):
        return number * 2

    return {"value": double(21), "hits": double.cache_info().hits}


TASKS = {
    task.__name__: task
    for task in (prepare, store, hit, replace, delete, clear, clear_function, prune, look, tidy, use_secret)
}


# -- the server --------------------------------------------------------------------------------------------------------


def obey(task, folder, waits):
    """Do the task, in a process of its own."""
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)  # where only children may be traced
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    print(os.getpid(), flush=True)
    if waits == "wait":
        signal.sigwait([signal.SIGUSR1])  # by no system call that may be struck
    said = TASKS[task](folder)
    if waits != "wait":
        print(json.dumps(said), flush=True)


def warm_up():
    """Do everything once, so that whatever is imported late is there."""
    for name in ("plain", "shelf"):
        with tempfile.TemporaryDirectory() as place:
            folder = os.path.join(place, name)
            os.mkdir(folder)
            for task in (prepare, store, hit, replace, delete, look, clear, clear_function, prune, tidy):
                task(folder)
    computed.clear()


def main():
    warm_up()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                obey(*line.split())
                os._exit(0)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
