"""Every setting with where it comes from, and the page that lists them."""

import os
import re
from pathlib import Path

import pytest

import memopickle
from memopickle import Cache, DirectoryStore, MemoryStore, cached
from memopickle.effective import explain_settings
from memopickle.projecttable import _SETTINGS, FILE_OPTIONS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "configuration.md"


def double(x):
    return x * 2


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A settings file that MEMOPICKLE_CONFIG names."""
    path = tmp_path / "settings.toml"
    path.write_text('ttl = "7d"\ndir = "cache"\n\n[[overrides]]\nfunction = "*.double"\ndisable = true\nversion = 1\n')
    monkeypatch.setenv("MEMOPICKLE_CONFIG", str(path))
    return path


def sources(*asked):
    return {setting.name: (setting.value, setting.source) for setting in explain_settings(*asked)}


def test_without_any_set_up_all_are_defaults():
    found = sources()
    assert found["settings file"] == ("none", "default")
    assert found["store"] == (repr(DirectoryStore(os.path.join(os.environ["XDG_CACHE_HOME"], "memopickle"))), "default")
    assert found["secret"] == ("(not shown)", "this user's own file")
    assert {source for name, (_, source) in found.items() if name != "secret"} == {"default"}
    assert found["ttl"] == ("the store's", "default")


def test_the_file_tells_its_lines(file, tmp_path):
    found = sources()
    assert found["settings file"] == (str(file), "MEMOPICKLE_CONFIG")
    assert found["ttl"] == ("7d", f"{file}:1")
    assert found["store"] == (repr(DirectoryStore(tmp_path / "cache")), f"{file}:2")
    assert found["*.double: disable"] == ("true", f"{file}:6")
    assert found["*.double: version"] == ("1", f"{file}:7")


def test_the_environment_is_named(file, monkeypatch, tmp_path):
    monkeypatch.setenv("MEMOPICKLE_DIR", str(tmp_path / "named"))
    monkeypatch.setenv("MEMOPICKLE_SECRET", "very secret " * 10)
    monkeypatch.setenv("MEMOPICKLE_DISABLE", "0")
    monkeypatch.setenv("MEMOPICKLE_STATISTICS", "no")
    found = sources()
    assert found["store"] == (repr(DirectoryStore(tmp_path / "named")), "MEMOPICKLE_DIR")
    assert found["secret"] == ("(not shown)", "MEMOPICKLE_SECRET")
    assert found["disable"] == ("false", "MEMOPICKLE_DISABLE")
    assert found["statistics"] == ("false", "MEMOPICKLE_STATISTICS")


def test_a_store_is_not_opened_and_a_secret_not_made():
    explain_settings()
    assert not os.path.exists(os.environ["XDG_CACHE_HOME"])
    assert not os.path.exists(os.environ["XDG_CONFIG_HOME"])


def test_the_options_of_a_function(file):
    function = Cache(MemoryStore(), lock_timeout=3).cached(double, track_code="off")
    found = sources(function)
    assert found["disable"] == ("true", f"{file}:6")
    assert found["ttl"] == ("7d", f"{file}:1")
    assert found["version"] == ("1", f"{file}:7")
    assert found["lock_timeout"] == ("3", "the Cache's defaults")
    assert found["track_code"] == ("off", "code")
    assert found["on_error"] == ("warn", "default")


def test_a_stores_ttl_goes_before_the_files(file):
    assert sources(Cache(MemoryStore(ttl=90)).cached(double))["ttl"] == ("90", "the store")


def test_of_a_function_with_the_default_cache_and_of_a_method(file):
    class Tool:
        @cached(ttl=5)
        def double(self):
            return 2

    assert sources(cached(double, ttl=5))["ttl"] == ("5", "code")
    assert sources(Tool().double)["ttl"] == ("5", "code")


def test_the_page_lists_every_variable_that_the_package_reads():
    package = Path(memopickle.__file__).parent
    read = {name for path in package.rglob("*.py") for name in re.findall(r"MEMOPICKLE_[A-Z_]*[A-Z]", path.read_text())}
    assert read - set(re.findall(r"MEMOPICKLE_[A-Z_]*[A-Z]", PAGE.read_text())) == set()


def test_the_page_lists_every_setting():
    text = PAGE.read_text()
    assert [name for name in (*_SETTINGS, "function", *FILE_OPTIONS) if f"`{name}`" not in text] == []
