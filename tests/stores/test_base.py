"""The defaults that a store inherits, and the directory of its locks."""

import os
import stat
import tempfile

import pytest
from helpers.functions import Counted
from helpers.plain import PlainStore

from memopickle import Cache, Store, StoreError
from memopickle.stores.userfiles import lock_directory
from memopickle.testing import store_key


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The directory of temporary files, with no runtime directory beside it."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def fallback(temporary):
    return str(temporary / f"memopickle-{os.getuid()}")


def test_four_methods_make_a_store_that_caches(tmp_path, secret):
    double = Counted(Cache(PlainStore(tmp_path), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
    assert double.function.cache_invalidate(3)
    assert not double.function.cache_contains(3)


def test_a_store_may_have_other_writers_from_some_moment_on(tmp_path, secret):
    store = PlainStore(tmp_path)
    double = Counted(Cache(store, secret=secret))
    double(3)
    opened, store.writer = [], lambda key: opened.append(key) or PlainStore.writer(store, key)
    double(4)
    assert opened == [double.function.cache_key(4)]


@pytest.mark.parametrize("missing", ["get", "set", "delete", "keys"])
def test_each_of_the_four_methods_is_needed(missing):
    methods = {name: (lambda self, *arguments: None) for name in {"get", "set", "delete", "keys"} - {missing}}
    with pytest.raises(TypeError, match=missing):
        type("Incomplete", (Store,), methods)()


def test_locks_lie_in_the_users_runtime_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert lock_directory() == str(tmp_path / "run" / "memopickle")
    assert stat.S_IMODE(os.stat(lock_directory()).st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_runtime_directory_that_others_can_read_is_used_without_a_warning(tmp_path, monkeypatch, mode):
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(mode)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert lock_directory() == str(tmp_path / "run" / "memopickle")  # pytest would make an error of a warning
    assert stat.S_IMODE(os.stat(lock_directory()).st_mode) == 0o700


def test_a_runtime_directory_that_others_can_write_is_passed_over(fallback, temporary, monkeypatch):
    (temporary / "run").mkdir()
    (temporary / "run").chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(temporary / "run"))
    assert lock_directory() == fallback
    assert list((temporary / "run").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_another_users_runtime_directory_is_passed_over(fallback, temporary, monkeypatch):
    (temporary / "run").mkdir(mode=0o700)
    os.chown(temporary / "run", 12345, 12345)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(temporary / "run"))
    assert lock_directory() == fallback


def test_a_runtime_directory_that_is_no_absolute_path_is_passed_over(fallback, temporary, monkeypatch):
    monkeypatch.chdir(temporary)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    assert lock_directory() == fallback


def test_a_lock_leaves_no_file_behind(tmp_path):
    lock = PlainStore(tmp_path).lock(store_key())
    assert lock.acquire(0)
    assert len(os.listdir(lock_directory())) == 1
    lock.release()
    assert os.listdir(lock_directory()) == []


def test_without_a_runtime_directory_locks_lie_among_temporary_files(fallback):
    assert lock_directory() == fallback
    assert stat.S_IMODE(os.stat(fallback).st_mode) == 0o700


def test_a_planted_symlink_is_no_place_for_locks(fallback, temporary):
    os.mkdir(temporary / "elsewhere", 0o700)
    os.symlink(temporary / "elsewhere", fallback)
    with pytest.raises(StoreError, match="XDG_RUNTIME_DIR"):
        lock_directory()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_what_others_can_write_is_no_place_for_locks(fallback, mode):
    os.mkdir(fallback)
    os.chmod(fallback, mode)
    with pytest.raises(StoreError, match="writable by others"):
        lock_directory()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_what_belongs_to_another_user_is_no_place_for_locks_not_even_of_root(fallback):
    os.mkdir(fallback, 0o700)
    os.chown(fallback, 12345, 12345)
    with pytest.raises(StoreError, match="not yours"):
        lock_directory()


def test_without_any_place_for_locks_functions_are_computed_and_stored(fallback, tmp_path, secret, caplog):
    with open(fallback, "w"):
        pass
    os.mkdir(tmp_path / "place")
    double = Counted(Cache(PlainStore(tmp_path / "place"), secret=secret))
    assert [double(3), double(3), double(4)] == [6, 6, 8]
    assert double.calls == [3, 4]
    assert len([message for message in caplog.messages if "XDG_RUNTIME_DIR" in message]) == 1
