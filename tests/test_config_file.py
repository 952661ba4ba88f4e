"""The project's settings file: defaults, overrides, precedence, whom it is believed, and errors that say where."""

import os
import subprocess
import sys

import pytest
from helpers.needed import need

from memopickle import (
    Cache,
    CachedFunction,
    ConfigurationError,
    DirectoryStore,
    MemoryStore,
    ShelveStore,
    cached,
    configure,
    default_cache,
)

SECRET = "e" * 32
OTHER_USER = 12345


@pytest.fixture(autouse=True)
def project(monkeypatch, tmp_path):
    """A project's folder, two levels above the working directory."""
    monkeypatch.setenv("MEMOPICKLE_SECRET", SECRET)
    below = tmp_path / "project" / "src" / "package"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return tmp_path / "project"


@pytest.fixture
def write(project):
    """Writes the project's pyproject.toml."""

    def write(text, path=project / "pyproject.toml"):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        return path

    return write


@pytest.fixture
def memory():
    return Cache(MemoryStore())


def double(x):
    return x * 2


class Tool:
    @staticmethod
    def triple(x):
        return x * 3


def stores(function, x=1):
    """Whether a call leaves an entry."""
    function(x)
    return function.cache_contains(x)


class TestDefaults:
    def test_they_hold_for_what_the_code_leaves_unset(self, write, memory):
        write("[tool.memopickle]\nttl = 0\n")
        assert not stores(memory.cached(double))

    def test_the_code_wins_over_them(self, write, memory):
        write("[tool.memopickle]\nttl = 0\n")
        assert stores(memory.cached(double, ttl="1h"))

    def test_a_caches_own_defaults_are_code(self, write):
        write("[tool.memopickle]\nttl = 0\n")
        assert stores(Cache(MemoryStore(), ttl="1h").cached(double))

    def test_a_stores_ttl_is_code(self, write):
        write("[tool.memopickle]\nttl = 0\n")
        assert stores(Cache(MemoryStore(ttl="1h")).cached(double))

    def test_none_stands_for_the_none_that_toml_lacks(self, write):
        write('[tool.memopickle]\nttl = "none"\nlock_timeout = "none"\n')
        cache = Cache(MemoryStore())
        function = cache.cached(double)
        function(1)
        assert function.cache_peek(1).expires is None

    def test_a_version_may_be_called_none(self, write, memory):
        write('[[tool.memopickle.overrides]]\nfunction = "*.double"\nversion = "none"\n')
        function = memory.cached(double)
        function(1)
        (entry,) = memory.entries()
        assert entry.version == "none"


class TestOverrides:
    def test_they_win_over_the_code(self, write, memory):
        write('[[tool.memopickle.overrides]]\nfunction = "*.double"\nttl = 0\n')
        assert not stores(memory.cached(double, ttl="1h"))

    def test_they_hold_for_the_functions_that_they_name(self, write, memory):
        write('[[tool.memopickle.overrides]]\nfunction = "*.triple"\nttl = 0\n')
        assert stores(memory.cached(double))
        assert not stores(memory.cached(Tool.triple))

    def test_a_module_and_all_below_it_is_a_wildcard(self, write, memory):
        write('[[tool.memopickle.overrides]]\nfunction = "*test_config_file.*"\nttl = 0\n')
        assert not stores(memory.cached(Tool.triple))

    def test_later_ones_win_option_by_option(self, write, events):
        cache = Cache(MemoryStore())
        write(
            '[[tool.memopickle.overrides]]\nfunction = "*.double"\nttl = 0\nversion = 7\n'
            '[[tool.memopickle.overrides]]\nfunction = "*"\nttl = "1h"\n'
        )
        assert stores(cache.cached(double))
        (entry,) = cache.entries()
        assert entry.version == 7

    def test_one_function_is_disabled(self, write, memory):
        write('[[tool.memopickle.overrides]]\nfunction = "*.double"\ndisable = true\n')
        off, on = memory.cached(double), memory.cached(Tool.triple)
        assert (off(1), on(1)) == (2, 3)
        assert [name.rpartition(":")[2] for name in memory.functions()] == ["Tool.triple"]

    def test_all_but_one_function_are_disabled(self, write, memory):
        write(
            '[tool.memopickle]\ndisable = true\n[[tool.memopickle.overrides]]\nfunction = "*.double"\ndisable = false\n'
        )
        assert stores(memory.cached(double))
        assert not stores(memory.cached(Tool.triple))

    def test_a_disabled_function_touches_neither_store_nor_secret(self, write, tmp_path, monkeypatch):
        write('[[tool.memopickle.overrides]]\nfunction = "*.double"\ndisable = true\n')
        monkeypatch.setenv("MEMOPICKLE_SECRET", "too short")
        assert Cache(DirectoryStore(tmp_path / "none")).cached(double)(1) == 2
        assert not (tmp_path / "none").exists()


class TestTheDefaultCache:
    def test_dir_is_relative_to_the_file(self, write, project):
        write('[tool.memopickle]\ndir = "build/cache"\n')
        cached(double)(1)
        assert default_cache().store.path == str(project / "build" / "cache")
        assert len(list(default_cache().entries())) == 1

    def test_store_names_a_url(self, write, tmp_path):
        write(f'[tool.memopickle]\nstore = "shelve:{tmp_path}/shelf"\n')
        assert isinstance(default_cache().store, ShelveStore)

    @pytest.mark.parametrize(("name", "value"), [("MEMOPICKLE_DIR", "{}"), ("MEMOPICKLE_STORE", "dir:{}")])
    def test_the_environment_wins_over_the_file(self, write, monkeypatch, tmp_path, name, value):
        write('[tool.memopickle]\ndir = "cache"\n')
        monkeypatch.setenv(name, value.format(tmp_path / "from-environment"))
        assert default_cache().store.path == str(tmp_path / "from-environment")

    def test_the_code_wins_over_the_file(self, write, tmp_path):
        write('[tool.memopickle]\ndir = "cache"\n')
        assert configure(tmp_path / "from-code").store.path == str(tmp_path / "from-code")

    def test_it_does_not_move_a_cache_of_the_programs_own(self, write, tmp_path):
        write('[tool.memopickle]\ndir = "cache"\n')
        assert stores(Cache(DirectoryStore(tmp_path / "own")).cached(double))
        assert (tmp_path / "own").exists()

    def test_a_wrong_store_is_an_error_that_says_where(self, write):
        path = write('[tool.memopickle]\n\nstore = "ftp:x"\n')
        with pytest.raises(ConfigurationError, match=f"{path}:3: store URL 'ftp:x'"):
            cached(double)(1)


class TestWhichFile:
    def test_the_nearest_above_the_working_directory(self, write, project, memory):
        write("[tool.memopickle]\nttl = 0\n")
        write('[tool.memopickle]\nttl = "1h"\n', project / "src" / "pyproject.toml")
        assert stores(memory.cached(double))

    def test_the_nearest_pyproject_ends_the_search_even_without_settings(self, write, project, memory):
        write("[tool.memopickle]\nttl = 0\n")
        write("[project]\nname = 'package'\n", project / "src" / "pyproject.toml")
        assert stores(memory.cached(double))

    def test_memopickle_toml_has_its_settings_at_the_top_and_goes_before_pyproject(self, write, project, memory):
        write("[tool.memopickle]\nttl = 0\n")
        write('ttl = "1h"\n', project / "memopickle.toml")
        assert stores(memory.cached(double))

    def test_memopickle_config_names_one(self, write, tmp_path, monkeypatch, memory):
        write('[tool.memopickle]\nttl = "1h"\n')
        monkeypatch.setenv("MEMOPICKLE_CONFIG", str(write("ttl = 0\n", tmp_path / "deployed.toml")))
        assert not stores(memory.cached(double))

    def test_dev_null_means_none(self, write, monkeypatch, memory):
        write("[tool.memopickle]\nttl = 0\n")
        monkeypatch.setenv("MEMOPICKLE_CONFIG", os.devnull)
        assert stores(memory.cached(double))

    def test_none_from_a_working_directory_that_was_deleted(self, tmp_path, monkeypatch, memory):
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        assert stores(memory.cached(double))


class TestWhenItIsRead:
    def test_once_for_all_functions(self, write, memory):
        path = write("[tool.memopickle]\nttl = 0\n")
        assert not stores(memory.cached(double))
        path.unlink()
        assert not stores(memory.cached(Tool.triple))

    def test_again_after_configure(self, write):
        write("[tool.memopickle]\nttl = 0\n")
        function = cached(double)
        assert not stores(function)
        write("[tool.memopickle]\n")
        configure(MemoryStore())
        assert stores(function)

    def test_tomllib_is_imported_only_where_there_are_settings(self, write, project):
        program = (
            "import sys; from memopickle import *\n"
            "Cache(MemoryStore()).cached(abs)(-1); print('tomllib' in sys.modules)"
        )
        told = []
        for text in ("", "[project]\ndependencies = ['memopickle>=1']\n", "[tool.memopickle]\nttl = 1\n"):
            write(text)
            ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
            told.append(ran.stdout)
        assert told == ["False\n", "False\n", "True\n"]


class TestWhomItIsBelieved:
    def expect_ignored(self, memory, caplog, reason):
        first, second = memory.cached(double), memory.cached(Tool.triple)
        assert stores(first)
        assert stores(second)
        (record,) = caplog.records
        assert reason in record.message

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make another user's file")
    def test_another_users_is_ignored_with_one_warning(self, write, memory, caplog):
        os.chown(write("[tool.memopickle]\nttl = 0\n"), OTHER_USER, OTHER_USER)
        self.expect_ignored(memory, caplog, f"belongs to user {OTHER_USER}")

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make another user's link")
    def test_another_users_link_to_a_file_of_ours_is_ignored(self, write, project, memory, caplog):
        target = write("[tool.memopickle]\nttl = 0\n", project / "other.toml")
        os.symlink(target, project / "pyproject.toml")
        os.lchown(project / "pyproject.toml", OTHER_USER, OTHER_USER)
        self.expect_ignored(memory, caplog, f"belongs to user {OTHER_USER}")

    def test_a_link_of_ours_is_followed(self, write, project, memory):
        target = write("[tool.memopickle]\nttl = 0\n", project / "other.toml")
        os.symlink(target, project / "pyproject.toml")
        assert not stores(memory.cached(double))

    def test_one_that_others_can_write_is_ignored_with_one_warning(self, write, memory, caplog):
        write("[tool.memopickle]\nttl = 0\n").chmod(0o666)
        self.expect_ignored(memory, caplog, "chmod go-w")

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file to another group")
    def test_one_that_another_group_can_write_is_ignored(self, write, memory, caplog):
        path = write("[tool.memopickle]\nttl = 0\n")
        os.chown(path, -1, OTHER_USER)
        path.chmod(0o664)
        self.expect_ignored(memory, caplog, "chmod go-w")

    def test_one_that_only_the_users_private_group_can_write_is_believed(self, write, memory):
        grp, pwd = need("grp"), need("pwd")
        me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(os.getegid())
        if group.gr_name != me.pw_name or set(group.gr_mem) - {me.pw_name}:
            pytest.skip("this user has no private group")
        write("[tool.memopickle]\nttl = 0\n").chmod(0o664)
        assert not stores(memory.cached(double))

    def test_a_planted_file_without_settings_is_not_even_mentioned(self, write, memory, caplog):
        write("[project]\nname = 'x'\n").chmod(0o666)
        assert stores(memory.cached(double))
        assert caplog.records == []

    def test_a_fifo_does_not_hang(self, project, memory):
        os.mkfifo(project / "pyproject.toml", 0o600)
        assert stores(memory.cached(double))

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda path: None, "No such file"),
            (lambda path: path.mkdir(), "not a regular file"),
            (lambda path: (path.touch(), path.chmod(0o666)), "chmod go-w"),
            (lambda path: path.write_bytes(b"#" * (1 << 20) + b"\n"), "larger than"),
        ],
        ids=["missing", "directory", "writable", "huge"],
    )
    def test_a_named_one_that_cannot_be_used_is_an_error(self, tmp_path, monkeypatch, memory, make, reason):
        make(tmp_path / "named.toml")
        monkeypatch.setenv("MEMOPICKLE_CONFIG", str(tmp_path / "named.toml"))
        with pytest.raises(ConfigurationError, match=f"named.toml.*MEMOPICKLE_CONFIG.*{reason}"):
            memory.cached(double)(1)


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "line", "reason"),
        [
            ("[tool.memopickle]\ntll = 3\n", 2, "unknown setting 'tll'; did you mean 'ttl'?"),
            ("[project]\nttl = 1\n\n[tool.memopickle]\nttl = 'soon'\n", 5, "ttl='soon': not understood"),
            ("[tool.memopickle]\n# a comment\nttl = true\n", 3, "ttl=True: a bool is not a time"),
            ("[tool.memopickle]\ntrack_code = 'depe'\n", 2, "track_code='depe': choose one of"),
            ("[tool.memopickle]\ndisable = 'yes'\n", 2, "disable='yes': give true or false"),
            ("[tool.memopickle]\nstatistics = 1\n", 2, "statistics=1: give true or false"),
            ("[tool.memopickle]\nstore = ''\n", 2, "store='': give text"),
            ("[tool.memopickle]\nstore = 'memory:'\ndir = 'x'\n", 2, "store: give either store or dir"),
            ("[tool.memopickle]\nsecret = 'x'\n", 2, "secret: a file may not set it"),
            ("[tool.memopickle]\nserializer = 'dill'\n", 2, "serializer: a file may not set it"),
            ("[tool.memopickle]\nkey = 'x'\n", 2, "key: it can be given in the code only"),
            ("[tool.memopickle]\nfunction = 'x'\n", 2, "unknown setting 'function'"),
            ("[tool.memopickle.overrides]\nfunction = 'x'\n", 1, "under [[tool.memopickle.overrides]]"),
            ("[[tool.memopickle.overrides]]\nttl = 1\n", 1, "function: give the dotted name"),
            (
                "[[tool.memopickle.overrides]]\nfunction = 'a'\nttl = 1\n"
                "[[tool.memopickle.overrides]]\nfunction = 'b'\n'dissable' = true\n",
                6,
                "unknown setting 'dissable'; did you mean 'disable'?",
            ),
            ("[[tool.memopickle.overrides]]\nfunction = 'a'\nstore = 'memory:'\n", 3, "unknown setting 'store'"),
            ("[tool]\nmemopickle.ttl = 'x'\n", 2, "ttl='x'"),
            ("[tool]\nmemopickle = { ttl = 'x' }\n", 2, "ttl='x'"),
        ],
    )
    def test_a_wrong_setting_names_file_line_and_cure(self, write, memory, text, line, reason):
        path = write(text)
        with pytest.raises(ConfigurationError) as caught:
            memory.cached(double)(1)
        assert str(caught.value).startswith(f"{path}, line {line}: ")
        assert reason in str(caught.value)

    def test_what_is_no_table_is_told(self, write, memory):
        path = write("[tool]\nmemopickle = 1\n")
        with pytest.raises(ConfigurationError, match=rf"{path}: \[tool\.memopickle\] must be a table"):
            memory.cached(double)(1)

    def test_a_file_that_is_no_toml_names_the_line(self, write, memory):
        path = write("[tool.memopickle]\nttl = \n")
        with pytest.raises(ConfigurationError, match=f"{path}: .*line 2"):
            memory.cached(double)(1)

    def test_a_file_that_is_no_utf_8_names_the_line(self, project, memory):
        (project / "memopickle.toml").write_bytes(b"ttl = 1\n# \xff\n")
        with pytest.raises(ConfigurationError, match=r"memopickle\.toml, line 2: not UTF-8"):
            memory.cached(double)(1)

    def test_a_table_of_pyproject_in_another_file_is_told_how_to_write_it(self, write, project, memory):
        path = write("[tool.memopickle]\nttl = 1\n", project / "memopickle.toml")
        with pytest.raises(ConfigurationError, match=f"{path}, line 1: .*at the top"):
            memory.cached(double)(1)

    def test_it_works_once_the_file_is_mended(self, write, memory):
        write("[tool.memopickle]\ntll = 3\n")
        function: CachedFunction = memory.cached(double)
        with pytest.raises(ConfigurationError):
            function(1)
        write("[tool.memopickle]\nttl = 3\n")
        assert stores(function)


class TestDisabling:
    @pytest.fixture(params=["default", "directory", "shelve", "memory", "url"])
    def function(self, request, tmp_path):
        """A cached function of each kind of cache, and how many entries its cache has."""
        if request.param == "default":
            function, cache = cached(double), default_cache
        elif request.param == "url":
            function, cache = (
                cached(double, store=f"dir:{tmp_path}/url"),
                lambda: Cache(DirectoryStore(tmp_path / "url")),
            )
        else:
            made = Cache(
                {
                    "directory": lambda: DirectoryStore(tmp_path / "cache"),
                    "shelve": lambda: ShelveStore(tmp_path / "shelf"),
                    "memory": MemoryStore,
                }[request.param]()
            )
            function, cache = made.cached(double), lambda: made
        return function, lambda: len(list(cache().entries()))

    @pytest.mark.parametrize("value", ["1", "true", "yes", "on", "anything"])
    def test_memopickle_disable_makes_it_a_plain_call(self, function, monkeypatch, value):
        monkeypatch.setenv("MEMOPICKLE_DISABLE", value)
        called, entries = function
        assert (called(1), called(1), called.cache_info()[:2]) == (2, 2, (0, 0))
        monkeypatch.delenv("MEMOPICKLE_DISABLE")
        assert entries() == 0

    @pytest.mark.parametrize("value", ["", "0", "false", "No", " off "])
    def test_memopickle_disable_set_to_no_changes_nothing(self, function, monkeypatch, value):
        monkeypatch.setenv("MEMOPICKLE_DISABLE", value)
        called, entries = function
        called(1)
        assert entries() == 1

    def test_a_call_stays_plain_after_its_members_were_used(self, function, monkeypatch):
        monkeypatch.setenv("MEMOPICKLE_DISABLE", "1")
        called, _ = function
        assert called.cache_contains(1) is False
        called(1)
        assert called.cache_contains(1) is False

    def test_memopickle_disable_set_to_no_wins_over_the_files_default(self, write, monkeypatch, memory):
        write("[tool.memopickle]\ndisable = true\n")
        assert not stores(memory.cached(double))
        monkeypatch.setenv("MEMOPICKLE_DISABLE", "0")
        assert stores(memory.cached(double))

    def test_memopickle_disable_wins_over_an_override(self, write, monkeypatch, memory):
        write('[[tool.memopickle.overrides]]\nfunction = "*"\ndisable = false\n')
        monkeypatch.setenv("MEMOPICKLE_DISABLE", "1")
        assert not stores(memory.cached(double))
