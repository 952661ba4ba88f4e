"""The demo's processes: they end with the work, with an error, with Ctrl-C, and with the process that started them."""

import errno
import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest

from memopickle.cli.demo.crew import Crew, CrewError
from memopickle.cli.demo.library import Module, modules

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="POSIX process groups")

LONG = 60  # seconds, in which anything has happened


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "s" * 32)


def test_each_module_is_analysed_once(tmp_path):
    some = modules(6)
    with Crew(2, str(tmp_path)) as crew:
        outcomes = list(crew.analyse(some))
    assert sorted(one.module for one in outcomes) == sorted(module.name for module in some)


def test_a_worker_that_fails_ends_the_work_with_an_error(tmp_path, capfd):
    gone = Module("gone", str(tmp_path / "gone.py"), 1)
    with pytest.raises(CrewError, match="exit code 1"), Crew(2, str(tmp_path)) as crew:
        list(crew.analyse([gone]))
    assert "gone.py" in capfd.readouterr().err


ENDLESS = """
import itertools, os, sys
from memopickle.cli.demo.crew import Crew
from memopickle.cli.demo.library import modules

if __name__ == "__main__":
    with Crew(2, sys.argv[1]) as crew:
        for number, outcome in enumerate(crew.analyse(itertools.chain.from_iterable(modules() for _ in range(50)))):
            if number == 3:
                print("at work", flush=True)
"""


@contextmanager
def running(command, **options):
    """Start a process in a group of its own, none of which outlives the test."""
    # Where the tests run as a shell's background job, SIGINT is ignored, and that would be inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, start_new_session=True, **options)
    signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(LONG)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_one_that_started_it(tmp_path, kind):
    program = tmp_path / "endless.py"
    program.write_text(ENDLESS)
    command = [sys.executable, str(program), str(tmp_path / "cache")]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0) as process:
        assert process.stdout.readline() == b"at work\n"
        os.kill(process.pid, kind)
        # Every process that it started holds this pipe open: its end is the end of them all.
        assert process.communicate(timeout=LONG)[0] == b""
        assert process.returncode != 0


@pytest.fixture
def interrupted(tmp_path, user_environment):
    """Run the demo on a terminal, press Ctrl-C when its progress bar shows, wait for the end of all its processes."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "memopickle", "demo"]
    environment = user_environment | {"TMPDIR": str(tmp_path), "TERM": "xterm"}
    with running(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"cold" not in shown:
            shown += read(ours)
        os.killpg(process.pid, signal.SIGINT)
        while data := read(ours):
            shown += data
        os.close(ours)
        return process.wait(LONG), shown


def read(terminal):
    """Return what is shown next, b"" when no process has the terminal open any more."""
    assert select.select([terminal], [], [], LONG)[0], "nothing happens any more"
    try:
        return os.read(terminal, 4096)
    except OSError as error:
        assert error.errno == errno.EIO
        return b""


def test_ctrl_c_ends_the_demo_and_removes_its_folder(interrupted, tmp_path):
    code, shown = interrupted
    assert code == 130
    assert b"interrupted" in shown
    assert b"Traceback" not in shown
    assert list(tmp_path.iterdir()) == []
