"""FAULTS 53-61: a secret is never weak, never shown, and never missing silently."""

import json
import logging
import os
import pickle
import shutil
import stat
import subprocess
import sys

import pytest
from helpers.functions import Counted, count, reasons

from memopickle import Cache, DirectoryStore, Secret, SecretError, cached
from memopickle.events import BadEntry
from memopickle.secret import user_secret_path
from tests.faults.tools import WITHOUT_PRIVILEGES, run

FIRST, SECOND = "the first secret of at least 32 bytes", "the second secret of at least 32 bytes"


@pytest.fixture
def place(tmp_path):
    """The cache directory of functions that are decorated without a secret."""
    return str(tmp_path / "cache")


@pytest.fixture
def own():
    """The path of this user's own secret file, whose folder exists."""
    path = user_secret_path()
    os.makedirs(os.path.dirname(path), mode=0o700)
    return path


@pytest.fixture
def refused(place):
    """Check that the first call raises SecretError, and return its text; the function was not run."""

    def check():
        double = Counted(Cache(DirectoryStore(place)))
        with pytest.raises(SecretError) as caught:
            double(3)
        assert double.calls == []
        return str(caught.value)

    return check


def write(path, text, mode=0o600):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return str(path)


def works(place):
    double = Counted(Cache(DirectoryStore(place)))
    return [double(3), double(3)] == [6, 6] and double.calls == [3]


def test_53_none_set_one_is_made_for_the_user(place):
    double = Counted(Cache(DirectoryStore(place)))
    assert [double(3), double(3)] == [6, 6]
    path = user_secret_path()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    with open(path) as file:
        assert len(bytes.fromhex(file.read())) == 32
    assert os.listdir(os.path.dirname(path)) == ["secret"]
    again = Counted(Cache(DirectoryStore(place)))
    assert (again(3), again.calls) == (6, [])


UNUSABLE = {"empty": "", "short": "x" * 31, "blank": " \t\n" * 20}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE)
def test_54_an_unusable_secret_is_an_error(monkeypatch, tmp_path, own, refused, store, unusable):
    for given in (unusable, unusable.encode(), [FIRST, unusable]):
        with pytest.raises(SecretError, match="32"):
            Cache(store, secret=given)
    write(own, unusable)
    assert own in refused()
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", write(tmp_path / "named", unusable))
    assert str(tmp_path / "named") in refused()
    monkeypatch.setenv("MEMOPICKLE_SECRET", unusable)
    assert "MEMOPICKLE_SECRET" in refused()
    assert "token_hex" in refused()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666], ids=oct)
def test_55_our_own_file_that_others_can_read_or_write_is_an_error_whose_cure_works(own, refused, place, mode):
    write(own, FIRST, mode)
    text = refused()
    assert f"chmod 600 {own}" in text
    subprocess.run(["chmod", "600", own], check=True)
    assert works(place)


def test_55_our_own_file_of_another_owner(own, refused, place):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    write(own, FIRST)
    os.chown(own, 12345, 12345)
    text = refused()
    assert own in text
    assert "remove it" in text
    os.unlink(own)
    assert works(place)


KINDS = {
    "symlink": lambda own: os.symlink(write(f"{own}.elsewhere", FIRST), own),
    "dangling": lambda own: os.symlink(f"{own}.nothing", own),
    "directory": os.mkdir,
    "fifo": os.mkfifo,
    "empty": lambda own: write(own, ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_55_our_own_file_is_something_else(own, refused, kind):
    KINDS[kind](own)
    text = refused()
    assert own in text
    assert f"chmod 600 {own}" in text
    assert not os.path.lexists(f"{own}.nothing")


def test_55_a_named_file_may_be_a_symlink_and_roots(monkeypatch, tmp_path, place):
    mounted = write(tmp_path / "mounted", FIRST, 0o444)
    if os.geteuid() == 0:
        os.chown(mounted, 12345, 12345)
    os.symlink(mounted, tmp_path / "named")
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", str(tmp_path / "named"))
    assert works(place)
    assert not os.path.exists(user_secret_path())


NO_HOME = """
import json, logging, os, sys
from memopickle import cached

told, calls = [], []
class Telling(logging.Handler):
    def emit(self, record):
        told.append(record.getMessage())
logging.getLogger("memopickle").addHandler(Telling())

@cached(track_code="off")
def double(number):
    calls.append(number)
    return number * 2

@cached(store=sys.argv[1], track_code="off")
def triple(number):
    calls.append(number)
    return number * 3

values = [double(3), double(3), triple(3), triple(3)]
files = [name for _, _, names in os.walk(sys.argv[1]) for name in names]
print(json.dumps([values, len(calls), told, files]))
"""


@pytest.mark.parametrize("home", ["/proc/no/such", "/dev/null/x", "unwritable"])
def test_56_no_home_is_one_warning_and_plain_calls(tmp_path, home):
    os.mkdir(tmp_path / "unwritable", 0o500)
    home = str(tmp_path / home)  # an absolute one stays as it is
    text = run(
        WITHOUT_PRIVILEGES + NO_HOME,
        tmp_path / "cache",
        **{"HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": str(tmp_path / "caches")},
    )
    values, calls, told, files = json.loads(text)
    assert (values, calls) == ([6, 6, 9, 9], 4)
    (message,) = told
    assert "MEMOPICKLE_SECRET" in message
    assert set(files) <= {"CACHEDIR.TAG", ".gitignore"}
    assert not [name for _, _, names in os.walk(tmp_path / "caches") for name in names if len(name) > 40]


def test_57_eight_processes_that_make_it_at_once_have_one(place):
    program = """
import sys
from memopickle import Cache, DirectoryStore
cache = Cache(DirectoryStore(sys.argv[1]))
@cache.cached(track_code="off")
def process(number):
    return int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
process(int(sys.argv[2]))
print("stored", flush=True)
sys.stdin.readline()
print(*(process(number) for number in range(8)), cache.verify().good, process.cache_info().misses)
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", program, place, str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(8)
    ]  # fmt: skip
    assert [process.stdout.readline() for process in started] == ["ready\n"] * 8
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    # Only when all have stored their own may any of them look at the others'.
    assert [process.stdout.readline() for process in started] == ["stored\n"] * 8
    outputs = [process.communicate("go\n", timeout=60) for process in started]
    assert outputs == [("0 1 2 3 4 5 6 7 8 1\n", "")] * 8
    assert os.listdir(os.path.dirname(user_secret_path())) == ["secret"]


def test_58_rotated_old_entries_hit_while_the_old_one_is_listed(monkeypatch, store):
    monkeypatch.setenv("MEMOPICKLE_SECRET", FIRST)
    Counted(Cache(store))(3)
    monkeypatch.setenv("MEMOPICKLE_SECRET", f"{SECOND},{FIRST}")
    both = Counted(Cache(store))
    assert (both(3), both.calls) == (6, [])
    both(4)
    monkeypatch.setenv("MEMOPICKLE_SECRET", SECOND)
    events = []
    second = Counted(Cache(store, on_event=events.append))
    assert [second(4), second(3), second(3)] == [8, 6, 6]
    assert second.calls == [3]
    assert ["unknown secret" in reason for reason in reasons(events, BadEntry)] == [True]


def test_59_it_is_never_shown(monkeypatch, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MEMOPICKLE_SECRET", FIRST)
    events = []
    cache = Cache(DirectoryStore(tmp_path / "cache"), on_event=events.append)
    double = Counted(cache)
    double(3), double.plant(3, b"junk"), double(3), double(3)
    argument = Cache(DirectoryStore(tmp_path / "cache"), secret=[Secret(FIRST), FIRST])
    errors = []
    for short in (FIRST[:20], FIRST[:31].encode()):
        with pytest.raises(SecretError) as caught:
            Cache(cache.store, secret=short)
        errors += [repr(caught.value), str(caught.value), repr(vars(caught.value))]
    shown = [
        *map(repr, (cache, argument, cache.store, double.function, Secret(FIRST), events, *cache._signers)),
        *(repr(pickle.dumps(thing)) for thing in (cache, argument, cache.store, cached(len, store=cache.store))),
        *errors, caplog.text, *capfd.readouterr(), repr(list(cache.entries())), repr(cache.verify()),
        *(path.read_bytes().decode("latin-1") for path in (tmp_path / "cache").rglob("*") if path.is_file()),
    ]  # fmt: skip
    part = FIRST[:16]
    assert [text for text in shown if part in text or part.encode().hex() in text] == []
    with pytest.raises(TypeError):
        pickle.dumps(Secret(FIRST))


def test_60_changed_while_running_is_misses_at_worst(own, store, caplog):
    write(own, FIRST)
    running = Counted(Cache(store))
    running(3)
    write(own, SECOND)
    assert [running(3), running(4), running(4)] == [6, 8, 8]
    assert running.calls == [3, 4]
    assert caplog.messages == []
    events = []
    anew = Counted(Cache(store, on_event=events.append))
    assert [anew(3), anew(3), anew(4)] == [6, 6, 8]
    assert anew.calls == [3, 4]
    assert count(events)["BadEntry"] == 2
    assert [running(3), running(3)] == [6, 6]
    assert running.calls == [3, 4, 3]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_61_deleted_while_running_is_misses_at_worst(store, what):
    running = Counted(Cache(store))
    running(3)
    os.unlink(user_secret_path()) if what == "file" else shutil.rmtree(os.path.dirname(user_secret_path()))
    assert [running(3), running(4), running(4)] == [6, 8, 8]
    assert running.calls == [3, 4]
    events = []
    anew = Counted(Cache(store, on_event=events.append))
    assert [anew(3), anew(3)] == [6, 6]
    assert anew.calls == [3]
    assert "unknown secret" in reasons(events, BadEntry)[0]
