"""The lock on one file: taken and let go of in any order, by whoever asks, and never on a file that is gone."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock, Timeout

from memopickle.errors import LockTimeoutError
from memopickle.lockfile import LockFile
from memopickle.locks import locked_file
from tests.flight.crew import PATIENCE


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "lock")


@pytest.fixture
def taken(path):
    file = LockFile(path)
    assert file.take() is not None
    yield file
    file.let_go()


def elsewhere(call, *arguments):
    """Call in another thread, and return what it returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *arguments).result(PATIENCE)


def test_one_at_a_time_has_it(taken, path):
    assert LockFile(path).take() is None
    taken.let_go()
    assert LockFile(path).take() is not None


def test_it_is_the_lock_that_filelock_takes(taken, path):
    with pytest.raises(Timeout):
        elsewhere(FileLock(path, blocking=False).acquire)
    taken.let_go()
    with FileLock(path, blocking=False):
        assert elsewhere(LockFile(path).take) is None


def test_letting_go_twice_is_letting_go_once(taken, path):
    taken.let_go()
    with open(os.devnull) as other:  # has the number of the descriptor that was closed
        taken.let_go()
        os.fstat(other.fileno())


def test_one_that_nobody_refers_to_any_more_is_free(path):
    LockFile(path).take()
    assert LockFile(path).take() is not None


def test_a_file_removed_by_its_holder_after_it_was_opened_is_not_the_lock(path):
    def remove(frame, event, argument):
        if event == "call" and frame.f_code.co_name == "lock_descriptor":
            os.unlink(path)

    file = LockFile(path)
    before = sys.gettrace()
    sys.settrace(remove)
    try:
        assert file.take() is None
    finally:
        sys.settrace(before)
    assert file.take() is not None


def test_a_thread_knows_that_it_is_the_holder(taken, path):
    assert LockFile(path).is_mine()
    assert not elsewhere(LockFile(path).is_mine)
    taken.let_go()
    assert not LockFile(path).is_mine()


def test_a_thread_that_holds_the_file_is_told_so_and_does_not_wait_for_itself(path):
    with locked_file(path, PATIENCE), pytest.raises(LockTimeoutError, match="this thread"), locked_file(path, PATIENCE):
        pass


def test_a_file_that_another_holds_is_given_up_after_the_patience(taken, path):
    def hold():
        with locked_file(path, 0.01):
            pass

    with pytest.raises(LockTimeoutError, match=r"another process held the lock for 0\.01 seconds") as caught:
        elsewhere(hold)
    assert caught.value.place == path


@pytest.mark.skipif(os.name != "posix", reason="modes mean something on POSIX only")
@pytest.mark.parametrize("umask", [0, 0o077, 0o777], ids=oct)
def test_its_mode_is_0600_whatever_the_umask(path, umask):
    before = os.umask(umask)
    try:
        assert LockFile(path).take() is not None
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


FORKING = """
import os, sys
from memopickle.lockfile import LockFile
file = LockFile(sys.argv[1])
assert file.take() is not None
ready, told = os.pipe()
if not os.fork():
    file.let_go()  # not its own to let go of
    os.write(told, b"!")
    assert LockFile(sys.argv[1]).take() is None
    os._exit(0)
os.read(ready, 1)
assert os.wait()[1] == 0
assert LockFile(sys.argv[1]).take() is None
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_neither_has_the_lock_nor_lets_go_of_it(path):
    subprocess.run([sys.executable, "-c", FORKING, path], check=True, timeout=PATIENCE)
