"""FAULTS 43-45, at length: a process is killed at every system call, or each fails; then another one looks."""

import os
import shutil

import pytest

from memopickle.stores.layout import ENTRY
from tests.faults.crashes import Server, fail_everywhere, kill_everywhere, place_in_memory, unknown_calls
from tests.faults.tools import leftovers, require


@pytest.fixture(scope="module")
def server():
    require("strace")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def place():
    with place_in_memory() as place:
        yield place


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


def outcomes(task, key):
    """What may be found of a result after a task was killed or has ended."""
    function, number = key.split()
    old = "old" if number in "01" else None
    mine = function == "lasting" and number == {"store": "2"}.get(task, "1")
    if task in ("store", "hit", "replace"):
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
def test_45_killed_at_any_call_a_task_leaves_old_or_new(server, template, task):
    for folder, killed in kill_everywhere(server, template, task):
        check(server, folder, task, killed)
        check_files(server, folder)


@pytest.mark.parametrize("template", ["durable"], indirect=True)
def test_45_killed_at_any_call_a_durable_store_leaves_old_or_new(server, template):
    for folder, killed in kill_everywhere(server, template, "replace"):
        check(server, folder, "replace", killed)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("template", ["shelf"], indirect=True)
def test_45_killed_at_any_call_a_shelf_has_old_or_new_or_at_worst_a_miss(server, template, task):
    # These change no file: what they leave is what the next call finds. A shelf makes many.
    for folder, killed in kill_everywhere(server, template, task, but=["close", "fcntl"]):
        check(server, folder, task, killed, may_lose=True)


def test_45_killed_at_any_call_the_first_call_in_an_empty_folder_leaves_none_or_new(server, place):
    (place / "first-template").mkdir()
    for folder, _ in kill_everywhere(server, place / "first-template", "store"):
        said = server.run("look", folder)
        assert said["found"].pop("lasting 2") in (None, "new")
        assert set(said["found"].values()) == {None}
        assert said["then"] == said["returned"]
        server.run("tidy", folder)
        assert leftovers(folder / "cache") == []


def test_45_killed_at_any_call_the_making_of_a_secret_leaves_a_whole_one_or_none(server, place):
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
        server.run("tidy", folder)
        server.run("use_secret", folder)
        assert os.listdir(secret.parent) == ["secret"]


@pytest.mark.parametrize("task", [*TASKS, "hit"])
@pytest.mark.parametrize("template", ["plain", "shelf"], indirect=True)
def test_45_no_system_call_that_changes_anything_is_left_out(server, template, task):
    assert unknown_calls(server, template, task) == set()


#: System calls with which a call reads, locks and writes.
USED = ("?chmod", "close", "fchmod", "flock", "getdents64", "?mkdir", "mkdirat", "openat", "read", "renameat", "write",
        "?unlink", "unlinkat", "?rename")  # fmt: skip


@pytest.mark.parametrize("task", ["store", "hit", "replace"])
@pytest.mark.parametrize("template", ["plain"], indirect=True)
def test_43_close_or_any_other_system_call_of_a_call_fails(server, template, task):
    for folder in fail_everywhere(server, template, task, "EIO", USED):
        check(server, folder, task, killed=True)
        check_files(server, folder)


@pytest.mark.parametrize("task", ["store", "hit", "replace"])
@pytest.mark.parametrize("template", ["durable"], indirect=True)
def test_44_interrupted_system_calls_are_invisible(server, template, task):
    interrupted = ("read", "write", "openat", "flock", "fsync", "close")
    for folder in fail_everywhere(server, template, task, "EINTR", interrupted):
        check(server, folder, task, killed=task == "hit")
        check_files(server, folder)
