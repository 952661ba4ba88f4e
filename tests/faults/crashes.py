"""A program that does one operation again and again, each time in a child whose n-th system call strace strikes.

    strace -f -e trace=NAMES -e inject=NAMES:signal=KILL:when=1000 python crashes.py strike BASE OPERATION NAME ...
    python crashes.py check BASE OPERATION
    strace python crashes.py trace BASE OPERATION

strace counts each system call of each process by itself. Before its operation the n-th child makes 1000 - n calls
that come to nothing, so that one run of strace does for every n and every name, until the operation ends by itself.
"""

import ctypes
import json
import os
import sys
from contextlib import suppress

from memopickle import Cache, DirectoryStore, events
from memopickle.secret import find_secrets
from memopickle.stores.layout import LOCK, TEMPORARY

AT = 800
NOW = 1_700_000_000.0
SECRET = "a secret of more than 32 bytes, for the tests"
ENDED, WRONG, UNSTRUCK, BROKEN = 0, 5, 7, 9

libc = ctypes.CDLL(None, use_errno=True)
#: Calls that come to nothing, by the name of the system call that they make.
IDLE = {
    "chmod": lambda: libc.chmod(b"", 0),
    "close": lambda: libc.close(-1),
    "fchmod": lambda: libc.fchmod(-1, 0),
    "flock": lambda: libc.flock(-1, 0),
    "fsync": lambda: libc.fsync(-1),
    "ftruncate": lambda: libc.ftruncate(-1, ctypes.c_long(0)),
    "getdents64": lambda: libc.getdents64(-1, None, ctypes.c_long(0)),
    "link": lambda: libc.link(b"", b""),
    "mkdir": lambda: libc.mkdir(b"", 0),
    "mkdirat": lambda: libc.mkdirat(-1, b"", 0),
    "openat": lambda: libc.openat(-1, b"", 0),
    "read": lambda: libc.read(-1, None, ctypes.c_long(0)),
    "rename": lambda: libc.rename(b"", b""),
    "renameat": lambda: libc.renameat(-1, b"", -1, b""),
    "rmdir": lambda: libc.rmdir(b""),
    "unlink": lambda: libc.unlink(b""),
    "unlinkat": lambda: libc.unlinkat(-1, b"", 0),
    "write": lambda: libc.write(-1, None, ctypes.c_long(0)),
}


#: Which program this is. Not captured by the function: it would be part of its identity.
age = ["old"]


def value(number):
    return f"{age[0]} {number} " * 1000


def brief(number):
    return f"brief {number}"


class Work:
    """Two functions in a cache of their own, as a program of one age knows them."""

    def __init__(self, root, name, now=NOW):
        age[0] = name
        self.told = []
        self.cache = Cache(
            DirectoryStore(root, durable=True),
            secret=SECRET, clock=lambda: now, on_event=self.told.append, track_code="off",
        )  # fmt: skip
        self.value = self.cache.cached(value)
        self.brief = self.cache.cached(brief, ttl="1h")

    def stored(self, number):
        """The age of what is stored for a number, None if nothing is."""
        found = self.value.cache_peek(number)
        return found and age_of(found.value, number)


def age_of(text, number):
    age = text.split(" ", 1)[0]
    assert text == f"{age} {number} " * 1000, text[:100]
    return age


def prepare(root):
    """Values 1 and 3 of a program before, one that has expired, and what killed writers left."""
    old = Work(root, "old")
    old.value(1), old.value(3)
    Work(root, "old", NOW - 7200).brief(1)
    shard = os.path.dirname(old.cache.store.place(old.value.cache_key(1)))
    for left in (f"{shard}/.mpk-0123456789abcdef.tmp", f"{old.cache.store.place(old.value.cache_key(3))}.lock"):
        with open(left, "w"):
            os.utime(left, (1e9, 1e9))
    os.makedirs(f"{root}/.mpk-0123456789abcdef.cleared/aa")


# -- the operations: what they do, and what may be stored for 1, 2 and 3 when they were killed -----------------------


def call(root):
    new = Work(root, "new")
    return age_of(new.value(2), 2) == "new"


def hit(root):
    new = Work(root, "new")
    return age_of(new.value(1), 1) == "old" or bool(new.told)


def replace(root):
    new = Work(root, "new")
    return age_of(new.value.cache_refresh(1), 1) == "new"


def delete(root):
    return Work(root, "new").value.cache_invalidate(1)


def clear(root):
    return Work(root, "new").cache.clear() == 3


def prune(root):
    return Work(root, "new").cache.prune() == 1


def secret(root):
    os.environ["XDG_CONFIG_HOME"] = f"{root}/home"
    return len(find_secrets()) == 1


OPERATIONS = {one.__name__: one for one in (call, hit, replace, delete, clear, prune, secret)}
ALLOWED = {
    "call": ({"old"}, {None, "new"}, {"old"}),
    "hit": ({"old"}, {None}, {"old"}),
    "replace": ({"old", "new"}, {None}, {"old"}),
    "delete": ({"old", None}, {None}, {"old"}),
    "clear": ({"old", None}, {None}, {"old", None}),
    "prune": ({"old"}, {None}, {"old"}),
    "secret": ({"old"}, {None}, {"old"}),
}


# -- striking --------------------------------------------------------------------------------------------------------


def in_child(function, *arguments):
    """Run in a child process; return its status."""
    pid = os.fork()
    if pid == 0:
        code = BROKEN
        try:
            code = function(*arguments) or ENDED
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def attempt(operate, root, name, number, errno):
    """One operation, after as many idle calls as make its ``number``-th call of this name the one that is struck."""
    for _ in range(AT - number):
        IDLE[name]()
    right = operate(root)
    if errno:
        ctypes.set_errno(0)
        IDLE[name]()
        if ctypes.get_errno() == errno:
            return UNSTRUCK
    return ENDED if right else WRONG


def strike(base, operation, errno, names):
    """Strike each system call of these names in turn; print the status of each attempt."""
    statuses = {}
    for name in names:
        for number in range(1, AT):
            root = f"{base}/{name}-{number}"
            assert in_child(prepare, root) == 0
            status = os.waitstatus_to_exitcode(in_child(attempt, OPERATIONS[operation], root, name, number, errno))
            statuses[f"{name}-{number}"] = status
            if status in (UNSTRUCK, WRONG, BROKEN) or (status == ENDED and not errno):
                break
    print(json.dumps(statuses))


# -- checking --------------------------------------------------------------------------------------------------------


def leftovers(root):
    names = [name for _, below, files in os.walk(root) for name in (*below, *files)]
    return [name for name in names if name.startswith(".mpk-") or TEMPORARY.fullmatch(name) or LOCK.fullmatch(name)]


def make_old(root):
    for folder, _, files in os.walk(root):
        for name in files:
            if TEMPORARY.fullmatch(name):
                os.utime(os.path.join(folder, name), (1e9, 1e9))


def check(root, operation):
    """What a fresh program finds: old or new values and no others, and that it can go on."""
    fresh = Work(root, "fresh")
    for number, allowed in enumerate(ALLOWED[operation], 1):
        before = fresh.stored(number)
        assert before in allowed, (root, number, before)
        assert age_of(fresh.value(number), number) == (before or "fresh")
        assert fresh.stored(number) == (before or "fresh")
    assert not [event for event in fresh.told if isinstance(event, events.BadEntry | events.NotStored)], fresh.told
    assert fresh.cache.verify().bad == []
    make_old(root)
    fresh.cache.prune()
    assert leftovers(root) == []
    if operation == "secret":
        os.environ["XDG_CONFIG_HOME"] = f"{root}/home"
        assert find_secrets()[0].key_id == find_secrets()[0].key_id


def mark(text):
    with suppress(FileNotFoundError):
        os.stat(f"/mark/{text}")


def main(what, base, operation, errno="0", *names):
    if what == "check":
        for name in sorted(os.listdir(base)):
            check(f"{base}/{name}", operation)
        return
    prepare(f"{base}/warm")  # imports everything
    OPERATIONS[operation](f"{base}/warm")
    if what == "trace":
        prepare(f"{base}/traced")
        mark("begin")
        right = OPERATIONS[operation](f"{base}/traced")
        mark("end")
        assert right
    else:
        strike(base, operation, int(errno), names)


if __name__ == "__main__":
    main(*sys.argv[1:])
