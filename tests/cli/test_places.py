"""Every command on what is not a sound cache: a clear message, the right exit code, nothing made and nothing lost."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import SECRET
from helpers.programs import WITHOUT_PRIVILEGES

#: Each command with the path of the cache put in for ``@``, and of another for ``+``.
COMMANDS = {
    "stats": ["stats", "@"],
    "ls": ["ls", "@"],
    "show": ["show", "zz", "@"],  # which is the beginning of no key
    "clear": ["clear", "@", "--all", "--yes"],
    "clear --dry-run": ["clear", "@", "--all", "--dry-run"],
    "prune": ["prune", "@"],
    "verify": ["verify", "@"],
    "verify --delete-bad": ["verify", "@", "--delete-bad"],
    "copy": ["copy", "@", "+"],
    "secret show": ["secret", "show", "@", "--entries"],
    "secret rotate": ["secret", "rotate", "@"],
    "doctor": ["doctor", "@"],
}
every_command = pytest.mark.parametrize("command", COMMANDS)


def words(command, path):
    return [str(path) if word == "@" else f"{path}-copy" if word == "+" else word for word in COMMANDS[command]]


def everything(path):
    """All files and directories below, with what is in them."""
    return {
        os.path.join(folder, name): None if name in folders else Path(folder, name).read_bytes()
        for folder, folders, files in os.walk(path)
        for name in (*folders, *files)
    }


@pytest.fixture(autouse=True)
def _two_secrets(settings, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", f"{'n' * 40},{SECRET}")  # what rotate goes by


def told(done):
    """All that was said; one sentence on stderr, unless it is the doctor's."""
    assert "Traceback" not in done.out + done.err
    return done.out + done.err


@every_command
def test_a_missing_path(cli, path, command):
    done = cli(*words(command, path))
    assert done.code == 1
    assert f"there is no cache at {path}; check the spelling" in told(done)
    assert not path.exists()


@every_command
def test_a_directory_of_something_else(cli, path, command):
    path.mkdir()
    (path / "thesis.txt").write_text("mine")
    before = everything(path)
    done = cli(*words(command, path))
    assert done.code == 1
    assert f"{path} is not a cache of memopickle" in told(done)
    assert everything(path) == before


@every_command
def test_a_file(cli, path, command):
    path.write_text("mine")
    done = cli(*words(command, path))
    assert done.code == 1
    assert f"{path} is a file; if it is a shelf, write shelve:{path}" in told(done)
    assert path.read_text() == "mine"


@every_command
def test_an_empty_cache(cli, store, path, command):
    store.open()
    done = cli(*words(command, path))
    assert done.code == (1 if command == "show" else 0), told(done)
    assert (path / "CACHEDIR.TAG").exists()


@every_command
def test_an_empty_directory(cli, path, command):
    path.mkdir()
    assert cli(*words(command, path)).code == (1 if command == "show" else 0)


@every_command
def test_a_damaged_cache(cli, damaged, path, command):
    done = cli(*words(command, path))
    finds_it = ("show", "verify", "verify --delete-bad", "copy", "secret rotate", "doctor")
    assert done.code == (command in finds_it), told(done)
    assert any("mine" in names for _, _, names in os.walk(path))  # what lies at an entry's place and is not ours


@every_command
def test_a_damaged_cache_loses_no_good_entry(cli, damaged, path, command):
    good = sorted(damaged.keys())[3:]
    cli(*words(command, path))
    left = set(damaged.keys())
    removed = {"clear": set(good), "prune": {key for key in good if key not in left}}.get(command, set())
    assert {key for key in good if key not in left} == removed


# -- of another user ---------------------------------------------------------------------------------------------------

AS_OTHER = WITHOUT_PRIVILEGES + "\nimport sys\nfrom memopickle.cli import main\nsys.exit(main())\n"
OTHER = 65534


def as_other_user(*arguments):
    """Run the command line as a user to whom modes apply; of root's privileges nothing is left."""
    return subprocess.run(
        [sys.executable, "-c", AS_OTHER, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def others(filled, path):
    """A cache of another user, which nobody else may read; without root's privileges to make one, of nobody."""
    if os.geteuid() == 0:
        for folder, _, files in os.walk(path):
            for name in ("", *files):
                os.chown(os.path.join(folder, name), OTHER, OTHER)
    else:
        path.chmod(0)
    yield filled
    if os.geteuid() != 0:
        path.chmod(0o700)


@every_command
def test_a_cache_of_another_user(others, path, command):
    done = as_other_user(*words(command, path))
    assert done.returncode == 1
    assert "the cache directory cannot be read" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    path.chmod(0o700)
    assert len(list(others.keys())) == 12


@pytest.mark.skipif(os.geteuid() != 0, reason="chown: only root can make files of another user")
@every_command
def test_a_cache_of_another_user_that_all_may_read(others, path, command, tmp_path):
    for folder, _, files in os.walk(path):
        os.chmod(folder, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        for name in files:
            os.chmod(os.path.join(folder, name), 0o644)
    done = as_other_user(*words(command, path))
    refused = ("show", "clear", "prune", "secret rotate", "doctor")
    assert done.returncode == (command in refused), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(list(others.keys())) == 12


# -- in use ------------------------------------------------------------------------------------------------------------

WRITER = """
import os, random, sys
from memopickle import Cache, DirectoryStore
path, secret, stop = sys.argv[1:]
cache = Cache(DirectoryStore(path), secret=[secret, "n" * 40])
computed = []

@cache.cached
def busy(number):
    computed.append(number)
    return [number] * 50

print("ready", flush=True)
while not os.path.exists(stop):
    number = random.randrange(100)
    assert busy(number) == [number] * 50
for number in range(100):
    assert busy(number) == [number] * 50
print(len(computed))
"""


@pytest.fixture
def writers(path, tmp_path):
    """Eight processes that use the cache until told to stop; what is yielded stops them and returns what they say."""
    stop = tmp_path / "stop"
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), SECRET, str(stop)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]

    def end():
        stop.touch()
        return [(writer.wait(60), *writer.communicate()) for writer in running]

    try:
        assert [writer.stdout.readline() for writer in running] == ["ready\n"] * 8
        yield end
    finally:
        stop.touch()
        for writer in running:
            writer.kill()
            writer.wait()
            writer.stdout.close()
            writer.stderr.close()


def test_looking_at_a_cache_in_use_disturbs_nobody(cli, filled, path, writers):
    for command in ("stats", "ls", "clear --dry-run", "verify", "copy", "secret show", "doctor", "prune"):
        done = cli(*words(command, path))
        assert done.code == 0, (command, told(done))
    ended = writers()
    assert [(code, err) for code, _, err in ended] == [(0, "")] * 8
    assert sum(int(out) for _, out, _ in ended) == 100  # each computed once: nothing was lost


def test_changing_a_cache_in_use_gives_nobody_a_wrong_value(cli, filled, path, writers):
    for command in ("clear", "secret rotate", "verify --delete-bad", "clear", "prune", "secret rotate"):
        done = cli(*words(command, path))
        assert done.code in ((0, 1) if command == "secret rotate" else (0,)), (command, told(done))  # 1: some were busy
    assert [(code, err) for code, _, err in writers()] == [(0, "")] * 8
    assert cli("verify", path).code == 0


# -- the default cache -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["stats", "ls", "clear", "prune", "verify", "secret show", "doctor"])
def test_a_default_cache_that_is_not_there_yet_is_empty(cli, path, monkeypatch, command):
    monkeypatch.setenv("MEMOPICKLE_DIR", str(path))
    done = cli(*(word for word in COMMANDS[command] if word != "@"))
    assert done.code == 0, told(done)
    assert not path.exists()


def test_a_store_in_memory_cannot_be_looked_into(cli):
    done = cli("stats", "memory:")
    assert done.code == 2
    assert "memory: is a store within a process" in done.err


def test_an_unknown_scheme_is_wrong_usage(cli):
    done = cli("stats", "dri:/cache")
    assert (done.code, done.out) == (2, "")
    assert "dri:/cache" in done.err


def test_a_missing_shelf_is_not_made(cli, tmp_path):
    assert cli("ls", f"shelve:{tmp_path / 'shelf'}").code == 1
    assert not [name for name in os.listdir(tmp_path) if name.startswith("shelf")]


def test_a_read_only_store_can_be_looked_at_and_not_cleared(cli, filled, path):
    assert cli("stats", f"readonly:dir:{path}").code == 0
    done = cli("clear", f"readonly:dir:{path}", "--all", "--yes")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert len(list(filled.keys())) == 12


def test_a_missing_read_only_store(cli, path):
    assert cli("stats", f"readonly:dir:{path}").code == 1
    assert not path.exists()


def test_a_store_with_an_option_that_is_wrong(cli, path):
    assert cli("ls", f"dir:{path}?tll=7d").code == 2
