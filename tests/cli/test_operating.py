"""stats, explain and doctor; and what holds for all commands: pipes, terminals, completion, errors in one line."""

import json
import os
import signal
import subprocess
import sys

import pytest
from cli.conftest import SECRET, named
from helpers.terminal import plain

from memopickle import Cache, DirectoryStore
from memopickle.cli import units
from memopickle.cli.commands import group
from memopickle.errors import ConfigurationError

COMMAND = [sys.executable, "-m", "memopickle"]


# -- stats -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def used(settings, store):
    """A function that was called six times for two computations, and written down."""
    cache = Cache(store, secret=SECRET)
    cached = cache.cached(named("billing.rates", "rate"))
    for day in (1, 2, 1, 2, 1, 2):
        cached(day)
    cache.stats()
    return store


def test_stats_tell_hits_misses_and_reasons_of_other_processes(settings, path, tmp_path):
    program = "import sys; from memopickle import Cache, DirectoryStore\n@Cache(DirectoryStore(sys.argv[1])).cached\n"
    program += "def f(x): return x\nfor x in (1, 2, 1, 2, 1): f(x)\n"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
    (row,) = json.loads(subprocess.check_output([*COMMAND, "stats", str(path), "--json"], timeout=60))["functions"]
    assert (row["entries"], row["hits"], row["misses"], row["reasons"]) == (2, 3, 2, {"absent": 2})
    assert row["hit_rate"] == pytest.approx(0.6)
    assert row["saved_seconds"] > 0


def test_stats_sum_up(cli, used, path):
    total = json.loads(cli("stats", path, "--json").out)["total"]
    assert (total["functions"], total["entries"], total["hits"], total["misses"]) == (1, 2, 4, 2)


def test_stats_in_a_pipe_are_aligned_and_exact(cli, used, path):
    head, row = cli("stats", path).out.splitlines()
    assert head.split()[:5] == ["function", "entries", "bytes", "hits", "misses"]
    assert row.split()[:2] == ["billing.rates:rate", "2"]
    assert row.endswith("absent=2")
    assert row.index("absent") == head.index("misses by reason")


def test_stats_of_nothing(cli, store, path):
    store.open()
    assert cli("stats", path).err == f"No entries in {path}.\n"


def test_stats_read_no_payload(cli, used, path, monkeypatch):
    monkeypatch.setattr(DirectoryStore, "get", lambda self, key: pytest.fail("the whole entry was read"))
    assert cli("stats", path).code == 0


@pytest.mark.parametrize(("columns", "seen", "left_out"), [(80, "hit rate", "reason"), (200, "absent 2", "Too narrow")])
def test_stats_fit_the_terminal(terminal, used, path, columns, seen, left_out):
    code, appeared = terminal("stats", path, columns=columns)
    lines = plain(appeared).splitlines()
    table = [line for line in lines if "rate" in line and "Too narrow" not in line]
    assert code == 0
    assert any(seen in line for line in table)
    assert not any(left_out in line for line in table)
    assert max(map(len, table)) <= columns


def test_stats_draw_in_ascii_where_there_is_nothing_better(terminal, used, path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert "#######" in terminal("stats", path, columns=200)[1]


# -- explain -----------------------------------------------------------------------------------------------------------

APP = """
from memopickle import Cache, DirectoryStore
cache = Cache(DirectoryStore("cache"), secret={secret!r})

@cache.cached
def rate(day, currency="EUR", *, factor=1):
    return day

class Shop:
    @cache.cached
    def price(self): ...

def plain(): ...
"""


@pytest.fixture
def app(settings, tmp_path):
    (tmp_path / "work" / "app.py").write_text(APP.format(secret=SECRET))
    (tmp_path / "work" / "broken.py").write_text("raise RuntimeError('at import')")
    (tmp_path / "work" / "needy.py").write_text("import no_such_module_at_all")
    subprocess.run([sys.executable, "-c", "import app; app.rate('2026-10'); app.rate(3)"], check=True, timeout=60)


def explain(*arguments):
    return subprocess.run([*COMMAND, "explain", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "call", "reason"),
    [
        (["2026-10"], "app:rate('2026-10')", "hit"),
        (["3"], "app:rate(3)", "hit"),
        (["'3'"], "app:rate('3')", "miss, never computed"),
        (["--day=3", "--currency=EUR"], "app:rate(day=3, currency='EUR')", "hit"),
        (["3", "--factor=[1, None]"], "app:rate(3, factor=[1, None])", "miss, never computed"),
        (["--", "-3"], "app:rate(-3)", "miss, never computed"),
    ],
)
def test_explain_repeats_the_call_and_says_why(app, arguments, call, reason):
    done = explain("app:rate", *arguments)
    assert (done.returncode, done.stderr) == (0, "Importing app: its own code runs.\n")
    assert done.stdout.splitlines()[:2] == [call, f"app:rate: {reason}"]


def test_explain_names_the_argument_that_differs(app):
    told = json.loads(explain("app:rate", "3", "USD", "--json").stdout)
    assert (told["hit"], told["reason"]) == (False, "never computed")
    assert told["nearest"]["differ"] == ["currency"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["app"], 2, "write it as module:function"),
        (["app:nothing"], 2, "app has no 'nothing'"),
        (["app:plain"], 2, "is not a cached function"),
        (["no_such_app:f"], 2, "there is no module 'no_such_app'"),
        (["app:rate"], 2, "missing"),
        (["app:rate", "[1, 2"], 2, "begins like a Python literal and is none"),
        (["app:rate", "--day"], 2, "write it as --day=VALUE"),
        (["broken:f"], 1, "broken can't be imported (RuntimeError: at import)"),
        (["needy:f"], 1, "needy can't be imported: No module named 'no_such_module_at_all'"),
    ],
)
def test_explain_says_what_is_wrong(app, arguments, code, said):
    done = explain(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_explain_finds_fault_with_a_damaged_entry(app, tmp_path):
    store = DirectoryStore(tmp_path / "work" / "cache")
    for key in list(store.keys()):
        store.set(key, [b"nonsense"], None)
    done = explain("app:rate", "3")
    assert done.returncode == 1
    assert "miss, unreadable" in done.stdout


# -- doctor ------------------------------------------------------------------------------------------------------------


def findings(done):
    return {one["subject"]: one for one in json.loads(done.out)["findings"] if one["state"] != "ok"}


def test_doctor_finds_nothing(cli, filled, path):
    done = cli("doctor", path)
    assert (done.code, done.out.splitlines()[-1]) == (0, "Nothing is wrong.")


def test_doctor_leaves_nothing_behind(cli, filled, path):
    before = sorted(path.iterdir())
    cli("doctor", path)
    assert sorted(path.iterdir()) == before


def test_doctor_shows_settings_with_their_source(cli, filled, path, monkeypatch, tmp_path):
    (tmp_path / "own.toml").write_text('ttl = "7d"\n')
    monkeypatch.setenv("MEMOPICKLE_CONFIG", str(tmp_path / "own.toml"))
    shown = {one["name"]: one for one in json.loads(cli("doctor", path, "--json").out)["settings"]}
    assert shown["secret"]["source"] == "MEMOPICKLE_SECRET"
    assert shown["ttl"]["source"] == f"{tmp_path / 'own.toml'}:1"


def test_doctor_names_a_wrong_setting(cli, filled, path, monkeypatch, tmp_path):
    (tmp_path / "own.toml").write_text('tll = "7d"\n')
    monkeypatch.setenv("MEMOPICKLE_CONFIG", str(tmp_path / "own.toml"))
    done = cli("doctor", path, "--json")
    assert done.code == 1
    assert "own.toml" in findings(done)["settings"]["text"]


@pytest.mark.parametrize(
    ("spoil", "subject", "cure"),
    [
        (lambda path, patch: path.chmod(0o777), "permissions", "chmod go-w"),
        (lambda path, patch: patch.setenv("MEMOPICKLE_SECRET", "x" * 32), "entries", "memopickle verify"),
        (lambda path, patch: patch.setenv("MEMOPICKLE_SECRET", "short"), "secret", ""),
        (lambda path, patch: patch.setattr("memopickle.health.wall_clock", lambda: 0.0), "clock", "timedatectl"),
    ],
)
def test_doctor_finds_it_and_says_how_to_mend_it(cli, filled, path, monkeypatch, spoil, subject, cure):
    spoil(path, monkeypatch)
    done = cli("doctor", path, "--json")
    assert done.code == 1
    assert findings(done)[subject]["state"] == "wrong"
    assert cure in findings(done)[subject]["cure"]


def test_doctor_takes_entries_of_another_version_for_no_damage(cli, filled, path):
    places = [entry for entry in path.rglob("*.*") if entry.is_file() and len(entry.name) == 79]
    data = bytearray(places[0].read_bytes())
    data[4] += 1  # the number of the format
    places[0].write_bytes(data)
    done = cli("doctor", path, "--json")
    assert done.code == 0
    assert findings(done)["entries"]["state"] == "note"
    assert findings(done)["entries"]["text"].startswith(f"1 of {len(places)} have the entry format of another version")


def test_doctor_tells_the_kind_of_file_system(tmp_path):
    from memopickle.mounts import file_system

    found = subprocess.run(["df", "--output=fstype,target", "/proc"], capture_output=True, text=True, check=True)
    assert found.stdout.split()[-2:] == list(file_system("/proc/self")[:2])
    assert not file_system(str(tmp_path)).shared


# -- all commands ------------------------------------------------------------------------------------------------------

#: On a cache at ``@``.
PRINTING = [
    ["stats", "@"],
    ["ls", "@"],
    ["clear", "@", "--all", "--dry-run"],
    ["verify", "@"],
    ["secret", "show", "@", "--entries"],
    ["doctor", "@"],
    ["prune", "@", "--dry-run"],
    ["copy", "@", "@-copy", "--dry-run"],
]
printing = pytest.mark.parametrize("words", PRINTING, ids=lambda words: words[0])


def on(words, path):
    return [word.replace("@", str(path)) for word in words]


@printing
def test_a_pipe_gets_plain_text(cli, filled, path, words, monkeypatch):
    for name, text in (("FORCE_COLOR", "1"), ("COLUMNS", "20"), ("TTY_COMPATIBLE", "1")):
        monkeypatch.setenv(name, text)
    done = cli(*on(words, path))
    assert done.code == 0
    assert not set(done.out + done.err) & set("\x1b\r…─│█")
    assert "…" not in done.out


@printing
def test_json_is_one_document(cli, filled, path, words):
    done = cli(*on(words, path), "--json")
    assert isinstance(json.loads(done.out), dict)
    assert (done.code, done.err) == (0, "")


@printing
def test_a_narrow_terminal_is_not_overrun(terminal, filled, path, words):
    code, appeared = terminal(*on(words, path), columns=60)
    assert code == 0
    assert "Traceback" not in appeared


def test_a_reader_that_leaves_early_is_no_error(settings, path):
    cached = Cache(DirectoryStore(path), secret=SECRET).cached(named("m", "f"))
    for number in range(700):  # more than a pipe holds
        cached(number)
    with subprocess.Popen([*COMMAND, "ls", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout.readline().startswith(b"key")
        running.stdout.close()
        said = running.stderr.read()
        assert (running.wait(60), said) == (141, b"")


def test_interrupted_it_says_so_in_a_word(settings, path):
    cached = Cache(DirectoryStore(path), secret=SECRET).cached(named("m", "f"))
    for number in range(700):  # more than a pipe holds, so that it waits for a reader
        cached(number)
    with subprocess.Popen(
        [*COMMAND, "ls", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  background jobs ignore it
    ) as running:
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
        assert (running.returncode, said.strip()) == (130, "interrupted")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_loaded(shell):
    environment = {**os.environ, "_MEMOPICKLE_COMPLETE": f"{shell}_source"}
    script = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "_MEMOPICKLE_COMPLETE" in script.stdout


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("memopickle ", "stats"),
        ("memopickle ver", "verify"),
        ("memopickle secret ro", "rotate"),
        ("memopickle ls --so", "--sort"),
    ],
)
def test_completion_completes(typed, completed):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    environment = {**os.environ, **words, "_MEMOPICKLE_COMPLETE": "bash_complete"}
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert f"plain,{completed}" in done.stdout.splitlines()


def commands():
    import click

    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", command.commands[sub]) for sub in command.commands)
        else:
            yield name, command


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_help_has_an_example_and_says_what_each_option_does(cli, name, command):
    done = cli(*name.split(), "--help")
    assert done.code == 0
    assert "Example" in done.out or name == "demo"
    assert max(map(len, done.out.splitlines())) <= 80
    assert all(option.help for option in command.params if option.param_type_name == "option")


def test_what_prints_a_table_has_json():
    without = {name for name, command in commands() if "as_json" not in {one.name for one in command.params}}
    assert without == {"report"}  # writes a page


# -- units -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (1.5e9, "1.5 GB"), (2e15, "2000.0 TB")],
)
def test_sizes(count, text):
    assert units.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (1e-6, "<1 ms"), (0.0123, "12.3 ms"), (4.5, "4.5 s"), (119, "119 s"), (180, "3 min"), (7200, "2 h"),
     (7 * 86400, "7 d"), (3 * 365.25 * 86400, "3 y")],
)  # fmt: skip
def test_durations(seconds, text):
    assert units.duration(seconds) == text


@pytest.mark.parametrize(("part", "text"), [(0, "0%"), (1, "100%"), (0.9999, "99.9%"), (0.00001, "0.1%"), (0.5, "50%")])
def test_shares(part, text):
    assert units.share(part) == text


@pytest.mark.parametrize(
    ("text", "count"), [("500", 500), ("10kB", 10_000), ("1.5 MB", 1_500_000), ("2GiB", 2**31), ("3k", 3000)]
)
def test_sizes_are_read(text, count):
    assert units.size_of(text) == count


@pytest.mark.parametrize("text", ["", "kB", "ten", "1 XB", "-1kk", "nan"])
def test_what_is_no_size(text):
    with pytest.raises(ConfigurationError):
        units.size_of(text)


@pytest.mark.parametrize("seconds", [1e300, float("-inf"), -1e18])
def test_times_beyond_the_calendar_are_written_somehow(seconds):
    assert units.moment(seconds)


def test_text_for_a_terminal_holds_nothing_that_it_obeys():
    assert units.clean("a\x1b]0;b\x07\u202ec\nd") == "a\\x1b]0;b\\x07\\u202ec\\nd"
