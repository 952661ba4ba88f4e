"""Where the secrets come from, what they must be like, and that they are never shown."""

import copy
import gc
import json
import logging
import os
import pickle
import stat
import subprocess
import sys
import time

import pytest
from helpers.functions import Counted, count, reasons
from helpers.programs import WITHOUT_PRIVILEGES, run
from hypothesis import given
from hypothesis import strategies as st

from memopickle import Cache, ConfigurationError, DirectoryStore, Secret, SecretError, cached
from memopickle.errors import UnavailableError
from memopickle.events import BadEntry
from memopickle.secret import MIN_SECRET_SIZE, find_secrets, user_secret_path

FIRST, SECOND, THIRD = (
    f"{word} secret of at least 32 bytes and more" for word in ("the first", "a second", "one third")
)


def key_ids(*secrets):
    return [Secret(one).signer.key_id for one in secrets]


def found(given=None):
    return [signer.key_id for signer in find_secrets(given)]


@pytest.fixture
def own():
    """The path of this user's own secret file, whose folder exists."""
    path = user_secret_path()
    os.makedirs(os.path.dirname(path), mode=0o700)
    return path


def write(path, text, mode=0o600):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return str(path)


def error_of(call, *arguments):
    with pytest.raises(SecretError) as caught:
        call(*arguments)
    return str(caught.value)


# -- where they come from --------------------------------------------------------------------------------------------


def test_the_argument_comes_first_then_the_environment_then_the_named_file_then_the_users_own(
    monkeypatch, tmp_path, own
):
    write(own, THIRD)
    assert found() == key_ids(THIRD)
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", write(tmp_path / "named", SECOND))
    assert found() == key_ids(SECOND)
    monkeypatch.setenv("MEMOPICKLE_SECRET", FIRST)
    assert found() == key_ids(FIRST)
    assert found("an argument of at least 32 bytes, too") == key_ids("an argument of at least 32 bytes, too")


def test_several_in_the_environment_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", f"{FIRST} , {SECOND}")
    assert found() == key_ids(FIRST, SECOND)


def test_several_in_a_file_stand_on_lines_of_their_own(monkeypatch, tmp_path):
    path = write(tmp_path / "named", f"\n{FIRST}\r\n\n  {SECOND}  \n")
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", path)
    assert found() == key_ids(FIRST, SECOND)


def test_text_and_its_utf8_bytes_are_one_secret():
    assert found("é" * 16) == found(("é" * 16).encode())


def test_bytes_that_are_no_text_are_a_secret_from_the_environment_too(monkeypatch):
    raw = bytes(range(200, 240))
    monkeypatch.setenv("MEMOPICKLE_SECRET", os.fsdecode(raw))
    assert found() == key_ids(raw)


def test_a_list_may_mix_algorithms():
    given = [Secret(FIRST, "hmac-sha256"), Secret(FIRST), SECOND]
    assert found(given) == [Secret(FIRST, "hmac-sha256").signer.key_id, *key_ids(FIRST, SECOND)]


def test_a_cache_that_is_given_a_secret_reads_no_other(monkeypatch, tmp_path):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "short")
    double = Counted(Cache(DirectoryStore(tmp_path), secret=FIRST))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]


# -- rotation and algorithms -----------------------------------------------------------------------------------------


def test_entries_of_an_old_secret_hit_while_it_is_listed(store):
    Counted(Cache(store, secret=FIRST))(3)
    rotated = Counted(Cache(store, secret=[SECOND, FIRST]))
    assert (rotated(3), rotated.calls) == (6, [])


def test_new_entries_are_signed_by_the_first_secret(store):
    Counted(Cache(store, secret=[SECOND, FIRST]))(3)
    events = []
    new = Counted(Cache(store, secret=SECOND, on_event=events.append))
    assert (new(3), new.calls) == (6, [])
    old = Counted(Cache(store, secret=FIRST, on_event=events.append))
    assert (old(3), old.calls) == (6, [3])
    assert "unknown secret" in reasons(events, BadEntry)[0]


def test_once_the_old_secret_is_not_listed_its_entries_are_replaced(store):
    events = []
    Counted(Cache(store, secret=FIRST))(3)
    new = Counted(Cache(store, secret=SECOND, on_event=events.append))
    new(3)
    assert "unknown secret" in reasons(events, BadEntry)[0]
    events.clear()
    new(3)
    assert count(events) == {"Hit": 1}


def test_reading_and_pruning_leave_the_entries_of_an_unknown_secret(store):
    first = Counted(Cache(store, secret=FIRST))
    first(3)
    before = first.data(3)
    other = Cache(store, secret=SECOND)
    second = Counted(other)
    assert second.function.cache_peek(3) is None
    assert other.prune() == 0
    assert first.data(3) == before


def test_hmac_sha256_signs_and_verifies(store):
    Counted(Cache(store, secret=Secret(FIRST, "hmac-sha256")))(3)
    again = Counted(Cache(store, secret=Secret(FIRST, "hmac-sha256")))
    assert (again(3), again.calls) == (6, [])


def test_entries_of_one_algorithm_are_not_verified_by_the_other(store):
    Counted(Cache(store, secret=Secret(FIRST, "hmac-sha256")))(3)
    other = Counted(Cache(store, secret=Secret(FIRST)))
    assert (other(3), other.calls) == (6, [3])


def test_moving_from_one_algorithm_to_the_other_is_a_rotation(store):
    Counted(Cache(store, secret=FIRST))(3)
    moved = Counted(Cache(store, secret=[Secret(FIRST, "hmac-sha256"), FIRST]))
    assert (moved(3), moved.calls) == (6, [])


def test_an_unknown_algorithm_is_an_error_that_names_the_known():
    with pytest.raises(ConfigurationError, match="'hmac-sha256'"):
        Secret(FIRST, "md5")


# -- unusable ones ---------------------------------------------------------------------------------------------------

UNUSABLE = {"empty": "", "short": "x" * (MIN_SECRET_SIZE - 1), "blank": " \t\n" * 20}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize(
    "wrap", [str, str.encode, Secret, lambda text: [FIRST, text]], ids=["str", "bytes", "Secret", "list"]
)
def test_an_unusable_argument_is_an_error_at_once(store, unusable, wrap):
    text = error_of(lambda: Cache(store, secret=wrap(unusable)))
    assert "32" in text
    assert "token_hex" in text


@pytest.mark.parametrize(
    "value", [0, 1.5, object(), {}, bytearray(40), [None], [[FIRST]]], ids=lambda value: type(value).__name__
)
def test_what_is_neither_text_nor_bytes_is_an_error(store, value):
    assert "must be text or bytes" in error_of(lambda: Cache(store, secret=value))


def test_an_empty_list_is_an_error(store):
    assert "empty" in error_of(lambda: Cache(store, secret=[]))


@pytest.mark.parametrize("value", [*UNUSABLE.values(), FIRST + ",", "," + FIRST], ids=repr)
def test_an_unusable_environment_variable_is_an_error_that_names_it(monkeypatch, value):
    monkeypatch.setenv("MEMOPICKLE_SECRET", value)
    assert "MEMOPICKLE_SECRET" in error_of(find_secrets)


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_named_file_is_an_error_that_names_it(monkeypatch, tmp_path, unusable):
    path = write(tmp_path / "named", unusable)
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", path)
    text = error_of(find_secrets)
    assert path in text
    assert "token_hex" in text


def test_a_named_file_that_is_not_there_is_an_error_that_names_it(monkeypatch, tmp_path):
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", str(tmp_path / "missing"))
    assert str(tmp_path / "missing") in error_of(find_secrets)


def test_the_first_call_raises_what_is_wrong_with_the_secret(monkeypatch, store):
    monkeypatch.setenv("MEMOPICKLE_SECRET", "short")
    double = Counted(Cache(store))
    assert "MEMOPICKLE_SECRET" in error_of(double, 3)
    assert double.calls == []


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o666, 0o777, 0o601])
def test_the_own_file_must_be_closed_to_others(own, mode):
    write(own, FIRST, mode)
    text = error_of(find_secrets)
    assert f"{mode:04o}" in text
    assert f"chmod 600 {own}" in text


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_the_own_file_may_have_any_mode_of_the_owner(own, mode):
    write(own, FIRST, mode)
    assert found() == key_ids(FIRST)


def test_following_the_cure_mends_it(own):
    write(own, FIRST, 0o644)
    cure = error_of(find_secrets)
    assert "chmod 600" in cure
    subprocess.run(["chmod", "600", own], check=True)
    assert found() == key_ids(FIRST)


def test_the_own_file_must_not_be_a_symlink(own, tmp_path):
    os.symlink(write(tmp_path / "elsewhere", FIRST), own)
    assert f"chmod 600 {own}" in error_of(find_secrets)


def test_a_dangling_symlink_is_not_followed_to_make_a_secret(own, tmp_path):
    os.symlink(tmp_path / "nothing", own)
    assert own in error_of(find_secrets)
    assert not (tmp_path / "nothing").exists()


def test_the_own_file_must_not_be_a_directory(own):
    os.mkdir(own, 0o700)
    assert f"chmod 600 {own}" in error_of(find_secrets)


def test_the_own_file_must_not_be_a_fifo_and_does_not_hang(own):
    os.mkfifo(own, 0o600)
    program = "from memopickle.secret import find_secrets\ntry: find_secrets()\nexcept Exception as e: print(repr(e))"
    assert "not a regular file" in run(program)


@pytest.mark.parametrize("text", ["", "\n \n"], ids=["empty", "blank"])
def test_the_own_file_must_not_be_empty(own, text):
    write(own, text)
    found = error_of(find_secrets)
    assert own in found
    assert "is empty" in found
    assert f"chmod 600 {own}" in found


def test_the_own_file_must_not_be_short(own):
    write(own, "short")
    assert own in error_of(find_secrets)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_the_own_file_must_belong_to_the_user(own):
    write(own, FIRST)
    os.chown(own, 12345, 12345)
    text = error_of(find_secrets)
    assert own in text
    assert "12345" in text
    assert "remove it" in text


def test_the_own_file_must_be_readable(own):
    write(own, FIRST, 0o200)
    program = (
        WITHOUT_PRIVILEGES + "from memopickle.secret import *\ntry: find_secrets()\nexcept Exception as e: print(e)"
    )
    assert f"chmod 600 {own}" in run(program)


def test_a_named_file_may_be_a_symlink_and_readable_by_others(monkeypatch, tmp_path):
    os.symlink(write(tmp_path / "mounted", FIRST, 0o444), tmp_path / "named")
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", str(tmp_path / "named"))
    assert found() == key_ids(FIRST)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_named_file_may_belong_to_somebody_else(monkeypatch, tmp_path):
    path = write(tmp_path / "named", FIRST)
    os.chown(path, 12345, 12345)
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", path)
    assert found() == key_ids(FIRST)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_named_file_must_not_be_writable_by_others(monkeypatch, tmp_path, mode):
    path = write(tmp_path / "named", FIRST, mode)
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", path)
    text = error_of(find_secrets)
    assert f"{mode:04o}" in text
    assert f"chmod 600 {path}" in text


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "fifo"])
def test_a_named_file_must_be_a_regular_one(monkeypatch, tmp_path, make):
    make(tmp_path / "named")
    os.chmod(tmp_path / "named", 0o600)
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", str(tmp_path / "named"))
    assert "not a regular file" in error_of(find_secrets)


# -- made on first use -----------------------------------------------------------------------------------------------


def test_the_first_use_makes_a_secret_that_stays():
    first = found()
    assert first == found()
    with open(user_secret_path(), "rb") as file:
        text = file.read().strip()
    assert len(bytes.fromhex(text.decode())) == 32
    assert os.listdir(os.path.dirname(user_secret_path())) == ["secret"]


def test_it_lies_in_the_configuration_and_not_beside_the_entries(monkeypatch, tmp_path):
    Counted(Cache(DirectoryStore(tmp_path / "cache")))(3)
    assert user_secret_path() == os.path.join(os.environ["XDG_CONFIG_HOME"], "memopickle", "secret")
    assert os.path.exists(user_secret_path())


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
def test_it_is_private_under_any_umask(tmp_path, umask):
    program = WITHOUT_PRIVILEGES + f"os.umask({umask})\nfrom memopickle.secret import find_secrets\nfind_secrets()"
    home = tmp_path / "not" / "there yet"
    run(program, XDG_CONFIG_HOME=str(home))
    modes = {
        name: stat.S_IMODE(os.lstat(os.path.join(home, name)).st_mode)
        for name in ("..", ".", "memopickle", "memopickle/secret")
    }
    assert modes == {"..": 0o700, ".": 0o700, "memopickle": 0o700, "memopickle/secret": 0o600}


def orphan(own, name="secret.4711.0123456789abcdef.tmp", age=7200):
    """Something beside the secret that looks like what a killed process leaves."""
    path = os.path.join(os.path.dirname(own), name)
    write(path, FIRST)
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.parametrize("made", [False, True], ids=["no secret yet", "a secret"])
def test_what_a_process_killed_while_it_wrote_a_secret_left_is_removed(own, made):
    left = orphan(own)
    if made:
        write(own, FIRST)
    find_secrets()
    assert os.listdir(os.path.dirname(own)) == ["secret"]
    assert not os.path.exists(left)


@pytest.mark.parametrize(
    "what",
    [
        {"age": 60},
        {"name": "secret.bak.tmp"},
        {"name": "secret.4711.0123456789abcdeg.tmp"},
        {"name": "other.4711.0123456789abcdef.tmp"},
        {"name": "secret.4711.0123456789abcdef.tmp.bak"},
    ],
    ids=str,
)
def test_what_may_be_another_processes_or_is_not_ours_stays(own, what):
    left = orphan(own, **what)
    find_secrets()
    assert os.path.exists(left)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_what_is_no_file_stays(own, make):
    left = os.path.join(os.path.dirname(own), "secret.4711.0123456789abcdef.tmp")
    make(left)
    os.utime(left, (1, 1), follow_symlinks=False)
    find_secrets()
    assert os.path.lexists(left)


def test_eight_processes_that_make_it_at_once_have_one(tmp_path):
    program = """
import sys
from memopickle.secret import find_secrets, user_secret_path
print("ready", flush=True)
sys.stdin.readline()
print(find_secrets()[0].key_id.hex())
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 8
    assert set(outputs) == {f"{found()[0].hex()}\n"}
    assert os.listdir(os.path.dirname(user_secret_path())) == ["secret"]


NO_HOME = """
import json, logging, sys
from memopickle import cached

told = []
class Telling(logging.Handler):
    def emit(self, record):
        told.append(record.getMessage())
logging.getLogger("memopickle").addHandler(Telling())

calls = []
def count(number):
    calls.append(number)
    return number * 2
first, second = cached(count, key=str), cached(count, store=sys.argv[1], key=abs)
values = [first(3), first(3), second(3), second(3)]
print(json.dumps([values, len(calls), told]))
"""


@pytest.mark.parametrize("home", ["/proc/no/such", "/dev/null/x"])
def test_without_a_home_there_is_one_warning_that_names_the_variable_and_plain_calls(tmp_path, home):
    output = run(NO_HOME, tmp_path / "cache", XDG_CONFIG_HOME=home, XDG_CACHE_HOME=str(tmp_path / "home"))
    values, calls, told = json.loads(output)
    assert values == [6] * 4
    assert calls == 4
    assert len(told) == 1
    assert "MEMOPICKLE_SECRET" in told[0]


def test_without_any_home_nothing_unsigned_is_written(tmp_path):
    run(NO_HOME, tmp_path / "cache", XDG_CONFIG_HOME="/proc/no/such", XDG_CACHE_HOME=str(tmp_path / "home"))
    files = [name for place in (tmp_path / "cache", tmp_path / "home") for name in place.rglob("*.*") if name.is_file()]
    assert {file.name for file in files} <= {"CACHEDIR.TAG", ".gitignore"}


def test_a_home_that_cannot_be_had_is_unavailable_and_no_secret_error(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/no/such")
    with pytest.raises(UnavailableError, match="MEMOPICKLE_SECRET_FILE"):
        find_secrets()


# -- while running ---------------------------------------------------------------------------------------------------


def test_a_file_deleted_while_running_costs_nothing(store):
    double = Counted(Cache(store))
    double(3)
    os.unlink(user_secret_path())
    assert [double(3), double(4), double(4)] == [6, 8, 8]
    assert double.calls == [3, 4]


def test_after_a_file_was_deleted_a_new_program_computes_again(store):
    Counted(Cache(store))(3)
    os.unlink(user_secret_path())
    anew = Counted(Cache(store))
    assert [anew(3), anew(3)] == [6, 6]
    assert anew.calls == [3]


def test_after_a_file_was_changed_a_new_program_computes_again(store, own):
    write(own, FIRST)
    old = Counted(Cache(store))
    old(3)
    write(own, SECOND)
    assert (old(3), old.calls) == (6, [3])
    anew = Counted(Cache(store))
    assert [anew(3), anew(3)] == [6, 6]
    assert anew.calls == [3]


# -- never shown -----------------------------------------------------------------------------------------------------


def forms(secret):
    """The ways in which a secret could be written down."""
    raw = secret.encode("utf-8", "surrogateescape") if isinstance(secret, str) else secret
    return [raw, raw.hex().encode(), repr(raw)[2:-1].encode(), repr(raw.decode("latin-1"))[1:-1].encode("utf-8")]


def assert_hidden(secret, *texts):
    for text in texts:
        shown = text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
        assert not any(form in shown for form in forms(secret))


secrets = st.binary(min_size=32, max_size=64).filter(bytes.strip) | st.text("abcXYZé§,;'\"\\ ", min_size=32).filter(
    str.strip
)


@given(secret=secrets, algorithm=st.sampled_from(["blake3", "hmac-sha256"]))
def test_it_is_in_no_repr_and_no_pickle(tmp_path, secret, algorithm):
    one = Secret(secret, algorithm)
    cache = Cache(DirectoryStore(tmp_path / "cache"), secret=one)
    double = Counted(cache)
    objects = [one, one.signer, cache, cache.store, double.function, double.function.cache_parameters()]
    assert_hidden(secret, *(form(thing) for thing in objects for form in (repr, str, "{}".format)))
    assert_hidden(secret, pickle.dumps(cache), pickle.dumps(cache.store))
    assert pickle.loads(pickle.dumps(cache))._signers is None


@given(secret=st.binary(min_size=1, max_size=31) | st.text(st.characters(codec="utf-8"), min_size=4, max_size=7))
def test_a_refused_one_is_not_in_the_error(secret):
    with pytest.raises(SecretError) as caught:
        Secret(secret)
    if len(secret) >= 12:  # shorter ones occur in any text
        assert_hidden(secret, str(caught.value), repr(caught.value), pickle.dumps(caught.value))


def test_text_that_has_no_utf8_is_an_error_that_does_not_hold_it():
    secret = "\ud800hidden hidden hidden hidden hidden"
    with pytest.raises(SecretError) as caught:
        Secret(secret)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert b"hidden hidden" not in pickle.dumps(caught.value)


def test_a_secret_cannot_be_pickled():
    with pytest.raises(TypeError, match="environment"):
        pickle.dumps(Secret(FIRST))


def test_a_cached_functions_pickle_does_not_hold_it(store):
    bound = cached(len, store=store)
    cache = Cache(store, secret=FIRST)
    assert_hidden(FIRST, pickle.dumps(bound), pickle.dumps(cache.cached(len)), pickle.dumps(copy.copy(cache)))


def test_it_is_in_no_file_no_log_and_no_event(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    events = []
    double = Counted(Cache(DirectoryStore(tmp_path / "cache"), secret=[FIRST, SECOND], on_event=events.append))
    double(3)
    double.plant(3, b"junk")
    double(3), double(3)
    written = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert written
    for secret in (FIRST, SECOND):
        assert_hidden(secret, caplog.text, repr(events), *written, *map(str, (tmp_path / "cache").rglob("*")))


def test_it_is_not_kept_in_memory_once_the_keys_are_derived():
    secret = "".join(["kept", " nowhere" * 8])
    cache = Cache(DirectoryStore("unused"), secret=secret)
    reachable = gc.get_referents(cache, cache.__dict__, *cache._signers)
    assert secret not in reachable
    assert secret.encode() not in reachable
