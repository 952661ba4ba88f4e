"""Strikes a task at each of its system calls in turn: kills the process there, or has the call fail.

At the first, second, ... call of each kind until it ends by itself. A call at which a process is killed is not
executed, so that each state of the files between two calls is seen.
"""

import collections
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Server", "fail_everywhere", "kill_everywhere", "place_in_memory", "unknown_calls"]

VICTIM = Path(__file__).with_name("victim.py")
#: The system calls that change files, or what is locked and open; those that this machine has.
CALLS = (
    "openat", "write", "pwrite64", "writev", "close", "?rename", "renameat", "renameat2", "?unlink", "unlinkat",
    "?mkdir", "mkdirat", "?rmdir", "?link", "linkat", "?symlink", "symlinkat", "?chmod", "fchmod", "fchmodat",
    "fchown", "ftruncate", "truncate", "fsync", "fdatasync", "flock", "fcntl", "?utime", "utimensat", "fallocate",
)  # fmt: skip
KILLED = str(-signal.SIGKILL)
#: What a task may do besides: nothing that another process sees.
HARMLESS = re.compile(
    r"\w*(stat|statx|statat|mmap|munmap|brk|madvise|mremap|mprotect|clock_\w+|gettimeofday|rt_sig\w+|futex|getpid|gettid"
    r"|getuid|geteuid|getrandom|lseek|ioctl|access|faccessat\d?|readlink|getcwd|read|readv|pread64|getdents64|exit_group"
    r"|restart_syscall|exit|rt_sigtimedwait|umask|dup|sched_yield)"
)


class Server:
    """Has processes forked that do what they are told: by victim.py, or another program like it."""

    def __init__(self, program=VICTIM):
        self._process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, task, folder):
        """Run a task to its end and return what it says."""
        self._tell(task, folder, "go")
        said = json.loads(self._hear())
        assert self._hear() == "0"
        return said

    def trace(self, task, folder, *filters):
        """Run a task and count its system calls."""
        log = folder.with_suffix(".trace")
        assert self._traced(task, folder, "-o", str(log), *filters) == "0"
        return collections.Counter(re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE))

    def kill(self, task, folder, call, number):
        """Run a task that is killed at this call; return whether that happened: False if it ended before."""
        ended = self.strike(task, folder, call, f"signal=KILL:when={number}")
        assert ended in ("0", KILLED)
        return ended == KILLED

    def strike(self, task, folder, call, fault):
        """Run a task one of whose calls is struck; return how the process ended."""
        options = ("-e", f"trace={call}", "-e", f"inject={call}:{fault}")
        return self._traced(task, folder, "-o", "/dev/null", *options)

    def _traced(self, task, folder, *options):
        process = self._tell(task, folder, "wait")
        with subprocess.Popen(["strace", *options, "-p", process], stderr=subprocess.PIPE, text=True) as strace:
            said = strace.stderr.readline()
            assert "attached" in said
            os.kill(int(process), signal.SIGUSR1)
            strace.communicate()
        return self._hear()

    def _tell(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self):
        return self._process.stdout.readline().strip()


@contextmanager
def place_in_memory():
    """Give a folder in memory, where there is such a place: being killed is the same there, and flushing is free."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        yield Path(place)


def unknown_calls(server, template, task):
    """Return the system calls of a task that are neither struck nor harmless."""
    known = {call.lstrip("?") for call in CALLS}
    return {call for call in server.trace(task, template) if call not in known and not HARMLESS.fullmatch(call)}


def kill_everywhere(server, template, task, but=()):
    """Kill a task at every call; give the folder after each, and then that of the task which ended by itself.

    ``but``: calls at which it is not killed.
    """
    calls = server.trace(task, _copy(template, "trace"), "-e", f"trace={','.join(CALLS)}")
    assert calls, "nothing to kill it at"
    points = 0
    for call in set(calls).difference(but):
        for number in itertools.count(1):
            folder = _copy(template, f"{call}-{number}")
            killed = server.kill(task, folder, call, number)
            points += killed
            yield folder, killed
            shutil.rmtree(folder)
            if not killed:
                assert number > calls[call], "it made fewer calls than before"
                break
    print(f"{template.name}: {task} killed at {points} points: {dict(calls)}")


def fail_everywhere(server, template, task, error, calls):
    """Have each of these calls of a task fail; give the folder after each."""
    counts = server.trace(task, _copy(template, "trace"), "-e", f"trace={','.join(calls)}")
    for call, count in counts.items():
        for number in range(1, count + 1):
            folder = _copy(template, f"{call}-{number}")
            assert server.strike(task, folder, call, f"error={error}:when={number}") == "0", folder.name
            yield folder
            shutil.rmtree(folder)
    print(f"{template.name}: {task} met {error} at {sum(counts.values())} points: {dict(counts)}")


def _copy(template, name):
    folder = template.with_name(f"{template.name.partition('-')[0]}-{name}")
    shutil.copytree(template, folder)
    return folder
