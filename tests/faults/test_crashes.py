"""FAULT 45, at length: a process is killed at every system call that changes a file; then another one looks.

Killed at the first, second, ... call of each kind until it ends by itself. A call at which a process is killed is
not executed, so that each state of the files between two calls is seen.
"""

import collections
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from memopickle.stores.layout import ENTRY
from tests.faults.tools import leftovers, require

VICTIM = Path(__file__).with_name("victim.py")
#: The system calls that change files, or what is locked and open; those that this machine has.
CALLS = (
    "openat", "write", "pwrite64", "writev", "close", "?rename", "renameat", "renameat2", "?unlink", "unlinkat",
    "?mkdir", "mkdirat", "?rmdir", "?link", "linkat", "?symlink", "symlinkat", "?chmod", "fchmod", "fchmodat",
    "ftruncate", "truncate", "fsync", "fdatasync", "flock", "fcntl", "?utime", "utimensat", "fallocate",
)  # fmt: skip
KILLED = str(-signal.SIGKILL)


class Server:
    """Has processes forked that do what they are told."""

    def __init__(self):
        go, self._go = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, str(VICTIM), str(go)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[go],
        )
        os.close(go)

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        os.close(self._go)

    def run(self, task, folder):
        """Run a task to its end and return what it says."""
        self._tell(task, folder, "go")
        said = json.loads(self._hear())
        assert self._hear() == "0"
        return said

    def trace(self, task, folder):
        """Run a task and count its system calls."""
        log = folder.with_suffix(".trace")
        assert self._traced(task, folder, "-o", str(log), "-e", f"trace={','.join(CALLS)}") == "0"
        return collections.Counter(
            line.partition("(")[0].strip() for line in log.read_text().splitlines() if "(" in line
        )

    def kill(self, task, folder, call, number):
        """Run a task that is killed at this call; return whether that happened: False if it ended before."""
        inject = f"inject={call}:signal=KILL:when={number}"
        ended = self._traced(task, folder, "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
        assert ended in ("0", KILLED)
        return ended == KILLED

    def _traced(self, task, folder, *options):
        process = self._tell(task, folder, "wait")
        with subprocess.Popen(["strace", *options, "-p", process], stderr=subprocess.PIPE, text=True) as strace:
            said = strace.stderr.readline()
            assert "attached" in said
            os.write(self._go, b"!")
            strace.communicate()
        return self._hear()

    def _tell(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self):
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def server():
    require("strace")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def place():
    """A folder in memory, where there is such a place: being killed is the same there, and flushing costs nothing."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        yield Path(place)


@pytest.fixture
def template(server, place, request):
    """A folder with a cache: two results of each function, leftovers of dead writers, and somebody's files."""
    folder = place / f"{getattr(request, 'param', 'plain')}-template"
    folder.mkdir()
    server.run("prepare", folder)
    if "shelf" not in folder.name:
        litter(folder / "cache")
    return folder


def litter(root):
    """Leave behind what dead processes leave: a temporary file, a lock, a folder set aside; and foreign files."""
    entry = next(path for path in root.rglob("*") if ENTRY.fullmatch(path.name))
    shard = entry.parent
    (shard / f".mpk-{'0' * 16}.tmp").write_bytes(b"half")
    os.utime(shard / f".mpk-{'0' * 16}.tmp", (1, 1))
    (shard / f"{'0' * 62}.{'0' * 16}.lock").touch()
    shutil.copytree(shard, root / f".mpk-{'1' * 16}.cleared" / shard.name)
    for folder in (root, shard.parent, shard):
        (folder / "foreign").write_text("somebody's")


def kill_everywhere(server, template, task, but=()):
    """Kill a task at every call; give the folder after each, and then that of the task which ended by itself.

    ``but``: calls at which it is not killed.
    """
    folder = template.with_name(f"{template.name.partition('-')[0]}-trace")
    shutil.copytree(template, folder)
    calls = server.trace(task, folder)
    assert calls, "nothing to kill it at"
    points = 0
    for call in set(calls).difference(but):
        for number in itertools.count(1):
            folder = template.with_name(f"{template.name.partition('-')[0]}-{call}-{number}")
            shutil.copytree(template, folder)
            killed = server.kill(task, folder, call, number)
            points += killed
            yield folder, killed
            shutil.rmtree(folder)
            if not killed:
                assert number > calls[call], "it made fewer calls than before"
                break
    print(f"{template.name}: {task} killed at {points} points: {dict(calls)}")


def outcomes(task, key):
    """What may be found of a result after a task was killed or has ended."""
    function, number = key.split()
    old = "old" if number in "01" else None
    mine = function == "lasting" and number == {"store": "2"}.get(task, "1")
    if task in ("store", "replace"):
        return {old, "new"} if mine else {old}
    if task == "delete":
        return {old, None} if mine else {old}
    if task == "clear":
        return {old, None}
    if task == "clear_function":
        return {old, None} if function == "lasting" else {old}
    return {old, None} if function == "brief" else {old}  # prune


def outcome_of(task, key):
    """What must be found after a task that ended by itself."""
    return next(state for state in ("new", None, "old") if state in outcomes(task, key))


def check(server, folder, task, killed, may_lose=False):
    """Check that another process finds old or new, and that its own calls work and store."""
    said = server.run("look", folder)
    assert said["bad"] == [] or may_lose
    for key, state in said["found"].items():
        allowed = outcomes(task, key) | ({None} if may_lose and killed else set())
        assert state in allowed, (key, state, folder.name)
        assert killed or state == outcome_of(task, key), (key, state, folder.name)
        assert said["returned"][key] == (state or "next")
    assert said["then"] == said["returned"]
    assert len(said["computed"]) == list(said["found"].values()).count(None)


def check_files(server, folder):
    """Check that nothing is left of the dead, and that nothing of others was removed."""
    root = folder / "cache"
    foreign = [path for path in root.rglob("foreign") if ".cleared" not in str(path)]
    set_aside = [path for path in root.rglob("foreign") if ".cleared" in str(path)]
    server.run("tidy", folder)
    assert [place for place in leftovers(root) if not place.endswith(".cleared")] == []
    assert len(list(root.rglob("foreign"))) == len(foreign) + len(set_aside) == 3


TASKS = ["store", "replace", "delete", "clear", "clear_function", "prune"]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("template", ["plain"], indirect=True)
def test_killed_at_any_call_a_task_leaves_old_or_new(server, template, task):
    for folder, killed in kill_everywhere(server, template, task):
        check(server, folder, task, killed)
        check_files(server, folder)


@pytest.mark.parametrize("template", ["durable"], indirect=True)
def test_killed_at_any_call_a_durable_store_leaves_old_or_new(server, template):
    for folder, killed in kill_everywhere(server, template, "replace"):
        check(server, folder, "replace", killed)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("template", ["shelf"], indirect=True)
def test_killed_at_any_call_a_shelf_has_old_or_new_or_at_worst_a_miss(server, template, task):
    # These change no file: what they leave is what the next call finds. A shelf makes many.
    for folder, killed in kill_everywhere(server, template, task, but=["close", "fcntl"]):
        check(server, folder, task, killed, may_lose=True)


def test_killed_at_any_call_the_first_call_in_an_empty_folder_leaves_none_or_new(server, place):
    (place / "first-template").mkdir()
    for folder, _ in kill_everywhere(server, place / "first-template", "store"):
        said = server.run("look", folder)
        assert said["found"].pop("lasting 2") in (None, "new")
        assert set(said["found"].values()) == {None}
        assert said["then"] == said["returned"]
        server.run("tidy", folder)
        assert leftovers(folder / "cache") == []


def test_killed_at_any_call_the_making_of_a_secret_leaves_a_whole_one_or_none(server, place):
    (place / "secret-template").mkdir()
    for folder, killed in kill_everywhere(server, place / "secret-template", "use_secret"):
        found = list(folder.glob("config/memopickle/secret"))
        assert found or killed
        before = [path.read_bytes() for path in found]
        assert [len(secret.strip()) >= 32 for secret in before] == [True] * len(found)
        first, second = [server.run("use_secret", folder) for _ in range(2)]
        assert (first["value"], second) == (42, {"value": 42, "hits": 1})
        secret = folder / "config/memopickle/secret"
        assert before in ([], [secret.read_bytes()])
        assert secret.stat().st_mode & 0o777 == 0o600
