"""The default cache, the environment, and stores by URL."""

import asyncio
import os
import subprocess
import sys

import pytest

from memopickle import (
    Cache,
    CachedFunction,
    ConfigurationError,
    DirectoryStore,
    MemoryStore,
    ShelveStore,
    StoreError,
    cached,
    configure,
    default_cache,
    open_store,
)
from memopickle.aio import function as async_function

SECRET = "e" * 32


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", SECRET)


def double(x):
    return x * 2


def configured_at(monkeypatch, owner, name, store):
    """Have the default cache configured anew when ``owner.name`` has been called for the first time."""
    real = getattr(owner, name)
    left = [store]

    def called(*args):
        made = real(*args)
        if left:
            configure(left.pop())
        return made

    monkeypatch.setattr(owner, name, called)


class TestConfiguredInTheFirstCall:
    """Another thread's ``configure`` comes between two steps of a first call; the calls after it use the new cache."""

    @pytest.mark.parametrize(
        ("owner", "name"), [(Cache, "memo"), (Cache, "bind"), (CachedFunction, "_bound")], ids=["memo", "bind", "bound"]
    )
    def test_sync(self, monkeypatch, owner, name):
        new = MemoryStore()
        configure(MemoryStore())
        function = cached(double)
        configured_at(monkeypatch, owner, name, new)
        assert [function(1), function(2), function(2)] == [2, 4, 4]
        assert function._memo.store is new

    @pytest.mark.parametrize(
        ("owner", "name"),
        [(Cache, "memo"), (Cache, "bind"), (CachedFunction, "_bound"), (async_function, "_of_tasks")],
        ids=["memo", "bind", "bound", "tasks"],
    )
    def test_async(self, monkeypatch, owner, name):
        async def double(x):
            return x * 2

        async def call():
            return [await function(1), await function(2), await function(2)]

        new = MemoryStore()
        configure(MemoryStore())
        function = cached(double)
        configured_at(monkeypatch, owner, name, new)
        assert asyncio.run(call()) == [2, 4, 4]
        assert function._tasks.memo.store is new


class TestDefaultCache:
    def test_it_is_made_once(self):
        assert default_cache() is default_cache()

    def test_memopickle_dir_says_where(self, monkeypatch, tmp_path):
        monkeypatch.setenv("MEMOPICKLE_DIR", str(tmp_path / "here"))
        function = cached(double)
        function(1)
        assert default_cache().store.path == str(tmp_path / "here")
        assert len(list(default_cache().entries())) == 1

    def test_memopickle_store_names_a_store_by_url(self, monkeypatch, tmp_path):
        monkeypatch.setenv("MEMOPICKLE_STORE", f"shelve:{tmp_path}/shelf")
        assert isinstance(default_cache().store, ShelveStore)

    def test_without_setup_it_lies_in_the_users_cache_directory(self):
        cached(double)(1)
        assert default_cache().store.path == os.path.join(os.environ["XDG_CACHE_HOME"], "memopickle")

    def test_the_namespace_is_the_folder_the_function_was_imported_from(self):
        cached(double)(1)
        (entry,) = default_cache().entries()
        assert os.path.isdir(entry.namespace)
        assert __file__.startswith(os.path.realpath(entry.namespace))

    def test_it_is_cleared_whole_by_name_and_by_object(self):
        function = cached(double)
        for of in (None, "*.double", function, double):
            function(1)
            assert default_cache().clear(of) == 1

    def test_a_store_of_ones_own_is_named_by_object_url_or_path(self, tmp_path):
        for store in (DirectoryStore(tmp_path), f"dir:{tmp_path}", str(tmp_path), tmp_path):
            cached(double, store=store)(1)
        assert len(list(Cache(DirectoryStore(tmp_path)).entries())) == 1

    def test_functions_that_name_one_store_object_share_one_cache(self):
        store = MemoryStore()
        first, second = cached(double, store=store), cached(double, store=store)
        first(1)
        assert second.cache_contains(1)


class TestConfigure:
    def test_functions_move_to_the_new_cache_with_their_next_call(self, tmp_path):
        function = cached(double)
        function(1)
        new = configure(tmp_path / "new")
        function(1)
        assert default_cache() is new
        assert len(list(new.entries())) == 1

    def test_it_gives_defaults_for_options(self):
        configure(MemoryStore(), ttl=0)
        function = cached(double)
        function(1)
        assert not function.cache_contains(1)

    def test_a_namespace_of_its_own_is_for_all_functions(self, tmp_path):
        cache = configure(tmp_path, namespace="all")
        cached(double)(1)
        assert [entry.namespace for entry in cache.entries()] == ["all"]


class TestDecoratingDoesNothing:
    def test_a_hundred_functions_open_no_file_and_import_no_module(self, tmp_path):
        program = (
            "import sys, memopickle\n"
            "from memopickle import Cache, DirectoryStore, ShelveStore, MemoryStore, cached\n"
            "before, opened = set(sys.modules), []\n"
            "sys.addaudithook(lambda event, args: opened.append(args) if event in ('open', 'os.mkdir') else None)\n"
            "functions = [memopickle.cached(ttl='1h')(lambda x: x) for _ in range(100)]\n"
            "for store in (DirectoryStore('d'), ShelveStore('s'), MemoryStore()):\n"
            "    Cache(store, namespace='n').cached(lambda x: x)\n"
            "print(opened, set(sys.modules) - before)\n"
        )
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
        assert (run.stdout, os.listdir(tmp_path)) == ("[] set()\n", [])

    def test_importing_memopickle_imports_no_optional_package(self):
        program = (
            "import sys, memopickle\n"
            "heavy = 'filelock platformdirs numpy pandas click rich inspect dataclasses logging hmac json asyncio'\n"
            "print([name for name in heavy.split() if name in sys.modules])"
        )
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert run.stdout == "[]\n"

    def test_a_hit_in_a_fresh_process_imports_neither_filelock_nor_platformdirs(self, tmp_path):
        (tmp_path / "job.py").write_text(
            "import sys\n"
            "from memopickle import Cache, DirectoryStore\n"
            f"cache = Cache(DirectoryStore({str(tmp_path / 'cache')!r}), secret='j' * 32)\n"
            "@cache.cached\n"
            "def job(x):\n"
            "    return [x]\n"
            "print(job(1), job.cache_info().hits, sorted({'filelock', 'platformdirs', 'logging'} & set(sys.modules)))\n"
        )
        runs = [
            subprocess.run([sys.executable, "job.py"], capture_output=True, text=True, cwd=tmp_path, check=True).stdout
            for _ in range(2)
        ]
        assert runs[1] == "[1] 1 []\n"


class TestUrls:
    def test_each_scheme_opens_its_store(self, tmp_path):
        directory = open_store(f"dir:{tmp_path}/a%20b?ttl=7d&durable=1")
        assert (directory.path, directory.ttl, directory.durable) == (f"{tmp_path}/a b", 7 * 86400 * 10**6, True)
        assert open_store(f"shelve:{tmp_path}/shelf?ttl=90").ttl == 90 * 10**6
        memory = open_store("memory:?maxsize=10&max_bytes=1000")
        assert (memory.maxsize, memory.max_bytes) == (10, 1000)

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("ftp://host", "dir:"),
            ("no-scheme", "dir:"),
            ("dir:/tmp/x?tll=3", "'tll'"),
            ("memory:/path", "no path"),
            ("memory:?maxsize=-1", "maxsize"),
            ("dir:/tmp/x?ttl=soon", "soon"),
        ],
    )
    def test_a_wrong_url_is_an_error_that_says_what_to_mend(self, url, message):
        with pytest.raises(ConfigurationError, match=message):
            open_store(url)


class TestUnusablePlaces:
    def test_a_named_store_that_is_a_file_is_an_error_at_the_first_call(self, tmp_path):
        (tmp_path / "file").touch()
        function = cached(double, store=tmp_path / "file")
        with pytest.raises(StoreError, match="not a directory"):
            function(1)

    def test_the_users_directory_that_cannot_be_had_means_one_warning_and_plain_calls(
        self, monkeypatch, tmp_path, caplog
    ):
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        function = cached(double)
        assert (function(1), function(1)) == (2, 2)
        assert [("MEMOPICKLE_DIR" in record.message) for record in caplog.records] == [True]
