"""Where the lock of a key is a file that we made, the entry is written into it, and it is renamed to the entry."""

import errno
import os
import signal
import stat
import subprocess
import sys
from contextlib import suppress

import pytest
from helpers.programs import run

from memopickle import Cache, DirectoryStore, lockfile
from memopickle.locks import FileKeyLock
from memopickle.testing import store_key

SECRET = "l" * 32

pytestmark = pytest.mark.skipif(os.name != "posix", reason="names relative to open directories")


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "cache")


def place(store, function, *args):
    return store.place(function.cache_key(*args))


def files(store):
    """Return the names in all shards."""
    return [name for folder, _, names in os.walk(store.path) for name in names if folder != store.path]


def cached(store, compute):
    """Cache a function of one argument that knows where its entry will be."""
    function = Cache(store, secret=SECRET).cached(lambda number: compute(number, function.there))
    function.there = place(store, function, 1)
    return function


def same(store):
    """Cache a function that has the same keys in each cache and process."""

    def function(number):
        return number

    function.__module__, function.__qualname__ = "example", "f"
    return Cache(store, secret=SECRET).cached(function, version=1)


def taken(path):
    lock = FileKeyLock(path)
    assert lock.acquire(0)
    return lock


def test_a_call_leaves_its_lock_file_as_the_entry_and_nothing_else(store):
    seen = []
    function = cached(store, lambda number, path: seen.append(os.stat(f"{path}.lock").st_ino) or number)
    assert (function(1), function(1)) == (1, 1)
    assert files(store) == [os.path.basename(place(store, function, 1))]
    assert [os.stat(place(store, function, 1)).st_ino] == seen
    assert os.stat(place(store, function, 1)).st_mode == 0o100600


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_of_a_call_that_raises_no_file_is_left(store, error):
    def fail(number, path):
        raise error

    with pytest.raises(error):
        cached(store, fail)(1)
    assert files(store) == []


def test_of_a_result_that_can_not_be_written_no_file_is_left(tmp_path):
    store = DirectoryStore(tmp_path / "cache", max_bytes=1000)
    assert len(cached(store, lambda number, path: b"x" * 5000)(1)) == 5000
    assert files(store) == []


KILLED = """\
import os, signal, sys
from memopickle import Cache, DirectoryStore, files
real = os.rename, os.replace
def die(*args, **kwargs): os.kill(os.getpid(), signal.SIGKILL)
os.rename = os.replace = die
def f(number): return number
f.__module__, f.__qualname__ = "example", "f"
Cache(DirectoryStore(sys.argv[1]), secret="l" * 32).cached(f, version=1)(1)
"""


def test_what_a_killed_holder_had_written_is_replaced_by_a_file_of_our_own(store):
    done = subprocess.run([sys.executable, "-c", KILLED, store.path], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = (name for name in files(store) if name.endswith(".lock"))
    function = same(store)
    path = place(store, function, 1)
    assert os.path.basename(path) == left.removesuffix(".lock")
    before = os.stat(f"{path}.lock")
    assert before.st_size
    assert (function(1), function(1)) == (1, 1)
    assert os.stat(path).st_ino != before.st_ino
    assert not os.path.exists(f"{path}.lock")


def test_what_a_killed_holder_had_written_is_not_handed_over(tmp_path):
    path = str(tmp_path / "lock")
    holder, waiter = taken(path), FileKeyLock(path)
    assert not waiter.acquire(0)
    holder.write(lambda fd: os.write(fd, b"part of an entry"))
    holder._file.let_go()  # as the system does for a killed process
    assert waiter.acquire(0)
    assert not waiter.handed_over
    waiter.release()


def with_content(path):
    with open(path, "xb") as file:
        file.write(b"theirs")


def readable_by_others(path):
    os.close(os.open(path, os.O_CREAT))
    os.chmod(path, 0o644)


def linked(path):
    with_content(f"{path}.elsewhere")
    os.truncate(f"{path}.elsewhere", 0)
    os.chmod(f"{path}.elsewhere", 0o600)
    os.link(f"{path}.elsewhere", path)


@pytest.mark.parametrize("plant", [with_content, readable_by_others, linked])
def test_a_planted_lock_file_is_not_written_into(store, plant):
    function = cached(store, lambda number, path: number)
    path = place(store, function, 1)
    store.open()
    store.make_folder(os.path.dirname(path))
    plant(f"{path}.lock")
    with open(f"{path}.lock", "rb") as theirs:
        before = os.fstat(theirs.fileno())
        assert (function(1), function(1)) == (1, 1)
        assert os.fstat(theirs.fileno()).st_size == before.st_size
    assert os.stat(path).st_ino != before.st_ino
    assert os.stat(path).st_mode == 0o100600
    assert function.cache_info().hits == 1


def test_who_locks_the_file_once_it_is_the_entry_does_not_take_it_for_the_lock(store, monkeypatch):
    path = f"{store.path}/lock"
    os.mkdir(store.path)
    holder, real = taken(path), lockfile.lock_descriptor

    def publish_first(fd, **options):
        monkeypatch.setattr(lockfile, "lock_descriptor", real)
        holder.write(lambda fd: os.write(fd, b"entry"))
        os.rename(path, f"{store.path}/entry")
        assert holder.renamed()
        holder.release()
        return real(fd, **options)

    monkeypatch.setattr(lockfile, "lock_descriptor", publish_first)
    late = FileKeyLock(path)
    assert not late.acquire(0)
    assert late.acquire(0)
    assert late.is_blank()
    late.release()
    with open(f"{store.path}/entry", "rb") as entry:
        assert entry.read() == b"entry"


def test_where_locks_lock_nothing_each_writes_a_file_of_its_own(tmp_path, monkeypatch):
    # As on a network file system whose locks are those of one machine.
    monkeypatch.setattr(lockfile, "lock_descriptor", lambda fd, **options: True)
    first, second = taken(str(tmp_path / "lock")), taken(str(tmp_path / "lock"))
    assert (first.is_blank(), second.is_blank()) == (True, False)
    second.release()
    first.release()


class Late(FileKeyLock):
    """A lock whose holder is held up between its last look and the renaming."""

    then = staticmethod(lambda: None)

    def held(self):
        try:
            return super().held()
        finally:
            self.then()


class Interrupted(DirectoryStore):
    def __init__(self, path, then):
        super().__init__(path)
        self.then = then

    def lock(self, key):
        lock = Late(f"{self.place(key)}.lock", self.make_folder)
        lock.then = self.then
        return lock


def test_a_value_is_not_stored_that_is_invalidated_after_the_last_look_at_the_lock(store):
    plain = same(store)
    assert same(Interrupted(store.path, lambda: plain.cache_invalidate(1)))(1) == 1
    assert files(store) == []


def test_the_lock_file_of_another_that_was_renamed_in_our_place_is_no_entry(store):
    function = same(store)
    path, others = place(store, function, 1), []

    def steal():
        if not others:
            function.cache_invalidate(1)
            others.append(taken(f"{path}.lock"))

    assert same(Interrupted(store.path, steal))(1) == 1
    assert not function.cache_contains(1)
    assert not os.path.exists(path)
    assert not others[0].held()
    others[0].release()
    assert (function(1), function(1)) == (1, 1)


def test_a_value_cleared_after_the_last_look_at_the_lock_goes_along(store):
    assert same(Interrupted(store.path, store.clear))(1) == 1
    assert files(store) == []


FORKED = """\
import os, sys
from memopickle import Cache, DirectoryStore
import builtins
builtins.opened = []  # no global of the module, which would be in the key
@Cache(DirectoryStore(sys.argv[1]), secret="l" * 32).cached(version=1)
def f(number):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
    else:  # the child has closed what was its parent's: these get the same numbers
        opened.extend(open(sys.argv[2], "ab") for _ in range(9))
    return "parent" if child else "child"
answer = f(1)
if answer == "child":
    os._exit(0)
print(answer, f(1))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_writes_nothing_into_its_parents_file_nor_into_what_got_its_number(store, tmp_path):
    assert run(FORKED, store.path, tmp_path / "other").split() == ["parent", "parent"]
    assert len(files(store)) == 1
    assert os.path.getsize(tmp_path / "other") == 0


def test_a_lock_file_is_used_once(tmp_path):
    lock = taken(str(tmp_path / "lock"))
    assert lock.write(lambda fd: os.write(fd, b"first")) == 5
    assert lock.write(lambda fd: os.write(fd, b"second")) is None
    assert not lock.is_blank()
    lock.release()
    assert not os.path.exists(tmp_path / "lock")


def test_a_lock_that_another_thread_lets_go_of_is_not_written_into_nor_what_gets_its_number(tmp_path):
    lock = taken(str(tmp_path / "lock"))
    number = lock._file.fd
    os.close(number)  # as by a task that ends the flight of a loop that was stopped
    with open(tmp_path / "other", "wb") as other:
        assert other.fileno() == number
        assert lock.write(lambda fd: os.write(fd, b"entry")) is None
        assert os.path.getsize(tmp_path / "other") == 0
    lock._file.fd = -1


def test_an_entry_is_written_on_through_a_descriptor_of_its_own_after_the_lock_was_let_go_of(tmp_path):
    lock = taken(str(tmp_path / "lock"))

    def fill(fd):
        lock.release()
        with open(tmp_path / "other", "wb"):
            return os.write(fd, b"entry")

    assert lock.write(fill) == 5
    assert not lock.held()
    assert os.listdir(tmp_path) == ["other"]
    assert os.path.getsize(tmp_path / "other") == 0


def test_what_a_file_system_tells_on_closing_only_keeps_the_entry_out(store, monkeypatch, caplog):
    function, real = same(store), os.close
    store.open()

    def full(fd):
        size = os.fstat(fd).st_size if stat.S_ISREG(os.fstat(fd).st_mode) else 0
        real(fd)
        if size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "close", full)
    assert function(1) == 1
    monkeypatch.undo()
    assert "No space left" in caplog.text
    assert files(store) == []


def test_an_umask_set_by_the_function_costs_no_other_entry_its_mode(store):
    plain = same(store)

    def narrow(number, path):
        os.umask(0o777)
        return number

    try:
        cached(store, narrow)(1)
        Cache(store, secret=SECRET).cached(lambda number: number, single_flight=False)(1)
    finally:
        os.umask(0o022)
    assert plain(1) == 1
    found = {
        os.stat(path).st_mode
        for folder, _, names in os.walk(store.path)
        for name in names
        if len(path := os.path.join(folder, name)) > 120
    }
    assert found == {0o100600}


def test_where_an_open_file_can_not_be_renamed_the_next_entries_are_written_beside(store, monkeypatch, caplog):
    function, real = same(store), os.replace

    def refuse(source, target, **options):
        if source.endswith(".lock"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        real(source, target, **options)

    monkeypatch.setattr(os, "replace", refuse)
    assert (function(1), function(2), function(1), function(1)) == (1, 2, 1, 1)
    assert function.cache_info().hits == 1
    assert len(files(store)) == 2
    assert len(caplog.messages) == 1


class Elsewhere(DirectoryStore):
    """Also looks into a second place."""

    def get(self, key):
        found = super().get(key)
        if found is None and self.looks:
            return self.second.get(key)
        self.looks += 1
        return found


def test_the_second_look_is_that_of_the_store_where_it_has_one_of_its_own(store, tmp_path):
    elsewhere = Elsewhere(store.path)
    elsewhere.looks, elsewhere.second = 0, DirectoryStore(tmp_path / "second")
    assert same(elsewhere.second)(1) == 1
    assert same(elsewhere)(1) == 1
    assert files(store) == []


def test_out_of_descriptors_an_entry_is_not_stored_and_that_is_told(store, caplog, monkeypatch):
    monkeypatch.delitem(sys.modules, "memopickle.culprit", raising=False)  # what explains can't be imported either
    import resource

    taken = []

    def use_up(number, path):
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 8, before[1]))
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        return number

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    function = cached(store, use_up)
    try:
        assert function(1) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for fd in taken:
            os.close(fd)
    assert "Too many open files" in caplog.text
    assert files(store) == []


class Foreign:
    """A writer that does not derive from ours."""

    refusal = "no"

    def __init__(self, writer):
        self.publish, self.retract, self.close = writer.publish, writer.retract, writer.close


class Wrapping(DirectoryStore):
    def writer(self, key):
        return Foreign(super().writer(key))


def test_a_writer_of_somebody_elses_making_is_not_told_of_the_lock(store):
    function = same(Wrapping(store.path))
    assert (function(1), function(1)) == (1, 1)
    assert function.cache_info().hits == 1
    assert len(files(store)) == 1


def test_under_the_lock_of_something_else_an_entry_is_written_beside(store):
    store.open()
    lock = taken(f"{store.path}/lock")
    with store.writer(store_key()) as writer:
        assert not writer.use_lock(lock)
        assert writer.publish([b"value"], None)
    assert lock.held()
    lock.release()
    assert store.get(store_key()) == b"value"
