"""Real faults: system calls that fail, full disks, limits, killed processes; and what must hold after each."""

import json
import os
import re
import subprocess
from functools import cache

from helpers.needed import do_without
from helpers.programs import WITHOUT_PRIVILEGES, run

from memopickle.stores.layout import LOCK, TEMPORARY

__all__ = [
    "PROGRAM",
    "SECRET",
    "WITHOUT_PRIVILEGES",
    "Marking",
    "faketime",
    "inject",
    "leftovers",
    "outcome",
    "require",
    "run",
    "small_disk",
]

SECRET = "a secret of more than 32 bytes, for the tests"

#: How each tool shows that it works here, and is not only installed.
_TRIALS = {
    "strace": ["strace", "-f", "-qq", "-o", "/dev/null", "true"],
    "unshare": ["unshare", "-m" if os.geteuid() == 0 else "-Urm", "true"],
    "faketime": ["faketime", "2020-01-01", "true"],
    "openssl": ["openssl", "version"],
}


@cache
def _trouble_with(name):
    """Why a tool can't be used, ``""`` if it can."""
    try:
        trial = _TRIALS.get(name, [name, "--version"])
        ended = subprocess.run(trial, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return f"{name} is missing"
    return f"{name} does not work here: {ended.stderr.strip()}" if ended.returncode else ""


def require(name):
    """Skip the test unless a tool is there and works; where MEMOPICKLE_REQUIRE_TOOLS is 1, fail."""
    trouble = _trouble_with(name)
    if trouble:
        do_without(trouble)


# -- what to put before a command (``run(..., before=...)``) ----------------------------------------------------------


def inject(*faults, path=None):
    """Return the strace command that injects faults, such as ``fsync:error=EIO`` or ``rename:signal=KILL:when=2``.

    ``path``: only into calls on this file. ``when`` is counted for each thread and each system call by itself.
    """
    require("strace")
    command = ["strace", "-f", "-qq", "-o", "/dev/null"]
    names = ",".join(fault.partition(":")[0] for fault in faults)
    command += ["-e", f"trace={names}", *(part for fault in faults for part in ("-e", f"inject={fault}"))]
    return [*command, *(["-P", str(path)] if path else [])]


def small_disk(place, options="size=1m"):
    """Return the command that mounts a tmpfs of its own at ``place``: ``size=1m``, ``nr_inodes=20``, ``ro``."""
    require("unshare")
    mount = 'place=$1 options=$2; shift 2; mount -t tmpfs -o "$options,mode=0700" tmpfs "$place" && exec "$@"'
    return ["unshare", "-m" if os.geteuid() == 0 else "-Urm", "sh", "-c", mount, "sh", str(place), options]


def faketime(when):
    """Return the command that shows a program another time, such as ``+3d`` or ``2020-01-01 00:00:00``."""
    require("faketime")
    return ["faketime", "-f", when] if when[0] in "+-@" else ["faketime", when]


# -- a program with a cached function, and what it tells ---------------------------------------------------------------

#: ``sys.argv[1]`` is the cache directory. Ends, after the test's own lines, with ``report()``.
PROGRAM = f"""
import json, logging, os, sys
from memopickle import Cache, DirectoryStore

class Telling(logging.Handler):
    def emit(self, record):
        told.append(record.getMessage())

events, told, calls = [], [], []
logging.getLogger("memopickle").addHandler(Telling())
cache = Cache(DirectoryStore(sys.argv[1]), secret={SECRET!r}, on_event=events.append)

@cache.cached
def repeated(letter, size=3):
    calls.append(letter)
    return letter * size

def path(*args):
    return cache.store.place(repeated.cache_key(*args))

def mark(text):
    try:
        os.stat("/mark/" + text)
    except FileNotFoundError:
        pass

def report(*values):
    kinds = [type(event).__name__ for event in events]
    reasons = [event.reason for event in events if hasattr(event, "reason")]
    print(json.dumps(dict(values=values, calls=calls, told=told, events=kinds, reasons=reasons)))
"""


def outcome(body, root, *arguments, before=(), first="", **environment):
    """Run PROGRAM with these lines after it, and return what it reported; ``first`` are lines before it."""
    return json.loads(run(first + PROGRAM + body, root, *arguments, before=before, **environment))


class Marking:
    """Makes a directory when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


# -- what must hold ---------------------------------------------------------------------------------------------------


def leftovers(root):
    """The temporary files, locks and folders set aside below a cache directory: there must be none."""
    aside = re.compile(r"\.mpk-(?!usage$|statistics$).*")
    return [
        os.path.join(folder, name)
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
        if TEMPORARY.fullmatch(name) or LOCK.fullmatch(name) or aside.fullmatch(name)
    ]
