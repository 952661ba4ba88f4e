"""Statistics: what is counted, and that it survives processes, forks, kills and damage."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from freezegun import freeze_time
from helpers.needed import need
from helpers.plain import PlainStore
from helpers.programs import run

from memopickle import Cache, DirectoryStore, MemoryStore, ShelveStore, stats, statsfile
from memopickle.catalog import FunctionStats
from memopickle.stores.readonly import ReadOnlyStore
from memopickle.tally import NUMBERS, Sums
from tests.faults.tools import inject

SECRET = "s" * 32
PART = "a" * 40


def halve(x):
    return 1 / x


@pytest.fixture
def fresh(store):
    """Makes caches on one directory that share nothing in memory, as those of two processes do."""
    return lambda **options: Cache(store, secret=SECRET, **options)


def only(cache):
    (row,) = cache.stats()
    return row


def file_of(cache):
    return cache.store.statistics_path()


def sums(**numbers):
    made = Sums()
    made.first = made.last = 1
    for name, number in numbers.items():
        setattr(made, name, number)
    return made


class TestWhatIsCounted:
    def test_hits_misses_and_reasons(self, fresh):
        cache = fresh()
        function = cache.cached(halve, ttl=10)
        with freeze_time("2026-01-01") as frozen:
            function(1), function(1), function(2)
            frozen.tick(11)
            function(1)
        row = only(cache)
        assert (row.hits, row.misses, row.reasons) == (1, 3, {"absent": 2, "expired": 1})

    def test_computations_errors_and_stores(self, fresh):
        cache = fresh()
        function = cache.cached(halve)
        function(1), function(2)
        with pytest.raises(ZeroDivisionError):
            function(0)
        row = only(cache)
        assert (row.computations, row.errors, row.stores, row.entries) == (3, 1, 2, 2)
        assert row.stored_bytes == row.bytes > 0

    def test_a_replaced_result_counts_among_the_stored_bytes_but_not_among_the_bytes(self, fresh):
        cache = fresh()
        function = cache.cached(halve)
        function(1), function.cache_refresh(1)
        row = only(cache)
        assert (row.stores, row.entries, row.stored_bytes) == (2, 1, 2 * row.bytes)

    def test_what_hits_saved_is_what_computing_took(self, fresh):
        row = FunctionStats("f", 1, 1, 30, 10, {}, 10, 0, 10, 1, 5.0, None, None, None, None)
        assert (row.hit_rate, row.saved) == (0.75, 15.0)

    def test_without_calls_there_is_no_hit_rate(self):
        row = FunctionStats("f", 1, 1, 0, 0, {}, 0, 0, 0, 0, 0.0, None, None, None, None)
        assert (row.hit_rate, row.saved) == (None, 0.0)

    def test_a_value_given_by_hand_is_no_computation(self, fresh):
        cache = fresh()
        cache.cached(halve).cache_set(3.0, 1)
        row = only(cache)
        assert (row.computations, row.stores, row.misses) == (0, 1, 0)

    def test_an_exception_that_is_stored_is_one_computation(self, fresh):
        cache = fresh()
        function = cache.cached(halve, exceptions=ZeroDivisionError)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                function(0)
        row = only(cache)
        assert (row.computations, row.errors, row.stores, row.hits) == (1, 1, 1, 2)

    def test_a_value_of_an_older_version_is_no_computation(self, fresh):
        cache = fresh()
        cache.cached(halve, version=1)(2)
        cache.cached(halve, version=2, migrate={1: lambda value: value})(2)
        row = only(cache)
        assert (row.computations, row.stores) == (1, 2)

    def test_a_result_that_is_not_stored_is_one_computation(self, fresh):
        cache = fresh()
        cache.cached(halve, store_if=lambda value: False)(2)
        row = only(cache)
        assert (row.computations, row.stores) == (1, 0)

    def test_what_tasks_compute_is_counted(self, fresh):
        cache = fresh()

        @cache.cached(exceptions=ZeroDivisionError)
        async def inverse(number):
            return 1 / number

        async def main():
            await inverse(1), await inverse(1)
            with pytest.raises(ZeroDivisionError):
                await inverse(0)

        asyncio.run(main())
        row = only(cache)
        assert (row.computations, row.errors, row.stores, row.hits) == (2, 1, 2, 1)

    def test_first_and_last_use(self, fresh):
        cache = fresh()
        function = cache.cached(halve)
        with freeze_time("2026-01-01") as frozen:
            function(1)
            cache.stats()
            frozen.tick(100)
            function(1)
            row = only(cache)
        assert row.last - row.first == 100

    def test_cache_clear_resets_cache_info_and_no_statistics(self, fresh):
        cache = fresh()
        function = cache.cached(halve)
        function(1), function(1)
        function.cache_clear()
        assert function.cache_info()[:2] == (0, 0)
        function(1)
        assert function.cache_info()[:2] == (0, 1)
        row = only(cache)
        assert (row.hits, row.misses, row.entries) == (1, 2, 1)

    def test_counts_of_threads_add_up(self, fresh):
        cache = fresh()
        function = cache.cached(halve)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(function, list(range(1, 21)) * 10))
        row = only(cache)
        assert (row.hits + row.misses, row.stores) == (200, 20)

    def test_a_function_that_was_dropped_is_still_counted(self, fresh):
        cache = fresh()
        cache.cached(halve)(1)
        cache.cached(halve)(1)
        row = only(cache)
        assert (row.hits, row.misses) == (1, 1)

    def test_other_namespaces_are_not_shown(self, fresh):
        ours, theirs = fresh(namespace="ours"), fresh(namespace="theirs")
        ours.cached(halve)(1), theirs.cached(halve)(1), theirs.cached(halve)(1)
        assert (only(ours).hits, only(theirs).hits) == (0, 1)

    @pytest.mark.parametrize("make", [MemoryStore, "shelve", "plain", "directory"])
    def test_in_every_store(self, make, tmp_path):
        store = {
            "shelve": lambda: ShelveStore(tmp_path / "shelf"),
            "plain": lambda: PlainStore(tmp_path),
            "directory": lambda: DirectoryStore(tmp_path),
        }.get(make, MemoryStore)()
        cache = Cache(store, secret=SECRET)
        function = cache.cached(halve)
        function(1), function(1)
        row = only(cache)
        assert (row.entries, row.hits, row.misses, row.stores) == (1, 1, 1, 1)
        assert row.bytes > 0


class TestAcrossProcesses:
    def test_counts_of_all_processes_are_added(self, fresh):
        for _ in range(3):
            cache = fresh()
            function = cache.cached(halve)
            function(1), function(1)
            cache.stats()
        row = only(fresh())
        assert (row.hits, row.misses) == (5, 1)

    def test_what_others_did_is_seen_without_having_called_anything(self, fresh):
        cache = fresh()
        cache.cached(halve)(1)
        cache.stats()
        cache.clear()
        row = only(fresh())
        assert (row.function.rpartition(":")[2], row.entries, row.misses) == ("halve", 0, 1)

    def test_cache_info_stays_this_process(self, fresh):
        cache = fresh()
        cache.cached(halve)(1)
        cache.stats()
        assert fresh().cached(halve).cache_info()[:2] == (0, 0)

    def test_a_process_that_only_hits_writes_at_exit(self, fresh, store):
        program = f"""
            import sys
            from memopickle import Cache, DirectoryStore
            function = Cache(DirectoryStore(sys.argv[1]), secret={SECRET!r}).cached(abs)
            function(-1), function(-1)
            assert function.cache_info().hits == int(sys.argv[2]), function.cache_info()
        """
        run(program, store.path, 1)
        run(program, store.path, 2)
        row = only(fresh())
        assert (row.hits, row.misses) == (3, 1)

    def test_a_hit_writes_nothing(self, fresh, store):
        cache = fresh()
        function = cache.cached(halve)
        function(1)
        before = os.stat(file_of(cache))
        for _ in range(100):
            function(1)
        after = os.stat(file_of(cache))
        assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)

    def test_misses_write_at_most_every_few_seconds(self, fresh, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr(stats, "real_clock", lambda: now[0])
        cache = fresh()
        function = cache.cached(halve)
        function(1)
        size = os.path.getsize(file_of(cache))
        function(2)
        assert os.path.getsize(file_of(cache)) == size
        now[0] += stats.INTERVAL
        function(3)
        assert os.path.getsize(file_of(cache)) > size

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # 3.12 warns of fork with threads; pytest-xdist has some
    def test_a_forked_child_does_not_write_its_parents_counts_again(self, fresh):
        cache = fresh()
        function = cache.cached(halve)
        function(1), function(1), function(1)
        child = os.fork()
        if child == 0:
            function(1)
            stats.flush_all()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        row = only(cache)
        assert (row.hits, row.misses) == (3, 1)

    @pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
    def test_workers_of_multiprocessing_that_only_hit_are_counted(self, fresh, store, tmp_path, method):
        script = tmp_path / "workers.py"
        script.write_text(
            "import multiprocessing\nfrom memopickle import Cache, DirectoryStore\n"
            f"cache = Cache(DirectoryStore({store.path!r}), secret={SECRET!r})\n"
            "@cache.cached\ndef function(x):\n    return x\n"
            "if __name__ == '__main__':\n"
            "    function(-1)\n"
            f"    context = multiprocessing.get_context({method!r})\n"
            "    workers = [context.Process(target=function, args=(-1,)) for _ in range(2)]\n"
            "    [worker.start() for worker in workers]\n    [worker.join() for worker in workers]\n"
        )
        subprocess.run([sys.executable, str(script)], check=True, timeout=120)
        row = only(fresh())
        assert (row.hits, row.misses) == (2, 1)

    def test_many_processes_that_write_at_once_lose_nothing(self, store):
        program = f"""
            import sys
            from memopickle import Cache, DirectoryStore, stats
            from memopickle import statsfile
            statsfile._LONG, statsfile._SHORT = 2000, 1000
            cache = Cache(DirectoryStore(sys.argv[1]), secret={SECRET!r})
            @cache.cached
            def f(x):
                return x
            for x in range(40):
                f(x)
                stats.flush_all(30)
        """
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: run(program, store.path), range(4)))
        (row,) = Cache(store).stats()
        assert row.hits + row.misses == 160


class TestSwitchedOff:
    def test_by_the_environment(self, fresh, monkeypatch):
        monkeypatch.setenv("MEMOPICKLE_STATISTICS", "0")
        cache = fresh()
        cache.cached(halve)(1)
        assert only(cache).misses == 1
        assert not os.path.exists(file_of(cache))

    def test_by_the_settings_file(self, fresh, monkeypatch, tmp_path):
        (tmp_path / "off.toml").write_text("statistics = false\n")
        monkeypatch.setenv("MEMOPICKLE_CONFIG", str(tmp_path / "off.toml"))
        cache = fresh()
        cache.cached(halve)(1)
        assert only(cache).misses == 1
        assert not os.path.exists(file_of(cache))

    def test_through_a_read_only_store_nothing_is_written(self, fresh, store):
        filled = fresh()
        filled.cached(halve)(1)
        os.unlink(file_of(filled))
        cache = Cache(ReadOnlyStore(store), secret=SECRET)
        function = cache.cached(halve)
        function(1), function(2)
        row = only(cache)
        assert (row.hits, row.misses, row.entries) == (1, 1, 1)
        assert not os.path.exists(file_of(filled))
        assert not os.path.exists(os.environ["XDG_STATE_HOME"])


class TestTheFile:
    def test_it_is_for_the_user_alone_whatever_the_umask(self, fresh):
        before = os.umask(0o777)
        try:
            cache = fresh()
            cache.cached(halve)(1)
        finally:
            os.umask(before)
        assert os.stat(file_of(cache)).st_mode & 0o777 == 0o600

    def test_it_is_no_entry_and_survives_clear_and_prune(self, fresh):
        cache = fresh()
        cache.cached(halve)(1)
        assert (cache.clear(), cache.prune(), list(cache.entries())) == (1, 0, [])
        assert os.path.exists(file_of(cache))

    def test_what_is_written_is_what_is_read(self, tmp_path):
        path = str(tmp_path / "file")
        written = sums(**{name: number for number, name in enumerate(NUMBERS, 1)})
        written.reasons = {"absent": 3, "code changed": 2}
        statsfile.append(path, {PART: ("módule:f.<locals>.\N{SNOWMAN}", written)}, 1)
        ((name, found),) = statsfile.read(path).values()
        assert name == "módule:f.<locals>.\N{SNOWMAN}"
        assert all(getattr(found, field) == getattr(written, field) for field in (*NUMBERS, "reasons", "first", "last"))

    def test_its_size_is_bounded_and_the_functions_last_used_are_kept(self, tmp_path):
        path = str(tmp_path / "file")
        for number in range(60):
            table = {}
            for function in range(100):
                one = sums(hits=1)
                one.first = one.last = 1 + number
                table[f"{number * 100 + function:040x}"] = ("module:" + "f" * 300, one)
            statsfile.append(path, table, 1)
        assert os.path.getsize(path) < 2 * statsfile._LONG
        found = statsfile.read(path)
        assert f"{5999:040x}" in found
        assert f"{0:040x}" not in found

    def test_sums_survive_being_summed_up(self, tmp_path, monkeypatch):
        monkeypatch.setattr(statsfile, "_LONG", 1000)
        path = str(tmp_path / "file")
        for _ in range(100):
            statsfile.append(path, {PART: ("m:f", sums(hits=1))}, 1)
        assert statsfile.read(path)[PART][1].hits == 100
        assert os.path.getsize(path) < 1500
        assert os.listdir(tmp_path) == ["file"]

    @pytest.mark.parametrize("cut", range(2, 60, 7))
    def test_half_a_line_costs_that_line(self, tmp_path, cut):
        path = str(tmp_path / "file")
        for _ in range(2):
            statsfile.append(path, {PART: ("m:f", sums(hits=1))}, 1)
        os.truncate(path, os.path.getsize(path) - cut)
        statsfile.append(path, {PART: ("m:f", sums(hits=1))}, 1)
        assert statsfile.read(path)[PART][1].hits == 2

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"\t" * 12,
            b"x" * 100_000,
            b"\xff\xfe",
            PART.encode() + b"\t1\t1\t-5\t0\t0\t0\t0\t0\t0\t\tm:f\t.",
            PART.encode() + b"\t1\t1\t" + b"9" * 5000 + b"\t0\t0\t0\t0\t0\t0\t\tm:f\t.",
            PART.encode() + b"\t1\t1\t1\t0\t0\t0\t0\t0\t0\t\tm:f\\x1b[31m\t.",
            PART.encode() + b"\t1\t1\t1\t0\t0\t0\t0\t0\t0\t\x1b=1\tm:f\t.",
            PART.encode() + b"\t1\t1\t1\t0\t0\t0\t0\t0\t0\t\tm:f\\N{nothing}\t.",
            b"../../etc/passwd\t1\t1\t1\t0\t0\t0\t0\t0\t0\t\tm:f\t.",
        ],
    )
    def test_a_hostile_line_is_skipped(self, tmp_path, line):
        path = tmp_path / "file"
        statsfile.append(str(path), {PART: ("m:f", sums(hits=1))}, 1)
        path.write_bytes(path.read_bytes() + line + b"\n")
        statsfile.append(str(path), {PART: ("m:f", sums(hits=1))}, 1)
        assert [(name, found.hits) for name, found in statsfile.read(str(path)).values()] == [("m:f", 2)]

    def test_many_reasons_become_one(self, tmp_path):
        path = str(tmp_path / "file")
        for number in range(100):
            one = sums()
            one.reasons = {f"reason {number}": 1}
            statsfile.append(path, {PART: ("m:f", one)}, 1)
        reasons = statsfile.read(path)[PART][1].reasons
        assert len(reasons) <= 17
        assert sum(reasons.values()) == 100

    def test_a_file_of_something_else_begins_anew_with_one_warning(self, fresh, caplog):
        cache = fresh()
        os.makedirs(cache.store.path, 0o700)
        with open(file_of(cache), "wb") as file:
            file.write(b"\x80\x05something else")
        cache.cached(halve)(1)
        assert [record.message for record in caplog.records] == [
            f"the statistics in {file_of(cache)} can't be read, and begin anew"
        ]
        assert only(fresh()).misses == 1

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)])
    def test_what_is_no_file_is_left_alone_and_costs_only_the_statistics(self, fresh, make, caplog):
        cache = fresh()
        os.makedirs(cache.store.path, 0o700)
        make(file_of(cache))
        function = cache.cached(halve)
        assert (function(1), function(1)) == (1, 1)
        assert only(cache).hits == 1
        assert os.lstat(file_of(cache)).st_mode == os.lstat(file_of(cache)).st_mode
        assert not os.path.isfile(file_of(cache)) or os.path.islink(file_of(cache))
        assert caplog.records == []

    def test_counts_that_could_not_be_written_are_written_later(self, fresh):
        cache = fresh()
        os.makedirs(file_of(cache), 0o700)
        cache.cached(halve)(1)
        os.rmdir(file_of(cache))
        cache.stats()
        assert only(fresh()).misses == 1

    def test_a_stopped_process_that_holds_the_file_costs_a_moment(self, fresh):
        fcntl = need("fcntl")
        cache = fresh()
        cache.cached(halve)(1)
        with open(file_of(cache), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(BlockingIOError):
                statsfile.append(file_of(cache), {PART: ("m:f", sums(hits=1))}, 0.01)
        statsfile.append(file_of(cache), {PART: ("m:f", sums(hits=1))}, 0.01)

    def test_a_directory_that_was_deleted_is_not_made_again_for_them(self, fresh, store):
        cache = fresh()
        function = cache.cached(halve)
        function(1)
        import shutil

        shutil.rmtree(store.path)
        stats.flush_all()
        assert not os.path.exists(store.path)

    #: Appends one to ``hits`` three times; the file is summed up each time.
    PROGRAM = """
        import sys
        from memopickle import statsfile
        from memopickle.tally import Sums
        statsfile._LONG = 10
        for _ in range(3):
            one = Sums()
            one.hits = one.first = one.last = 1
            statsfile.append(sys.argv[1], {"a" * 40: ("m:f", one)}, 1)
    """

    @pytest.mark.parametrize("call", ["write", "rename", "unlink", "flock", "fchmod", "openat"])
    def test_killed_at_any_system_call_the_file_keeps_what_was_in_it(self, tmp_path, call):
        path = str(tmp_path / "file")
        names = {"rename": "rename,renameat,renameat2", "unlink": "unlink,unlinkat", "fchmod": "fchmod,fchmodat"}
        for number in range(1, 20):
            for file in tmp_path.iterdir():
                file.unlink()
            statsfile.append(path, {PART: ("m:f", sums(hits=10))}, 1)
            command = [
                *inject(f"{names.get(call, call)}:signal=KILL:when={number}", path=path), "-P", f"{path}.tmp",
                sys.executable, "-c", "import textwrap; exec(textwrap.dedent(" + repr(self.PROGRAM) + "))", path,
            ]  # fmt: skip
            ended = subprocess.run(command, timeout=60, check=False, capture_output=True)
            hits = statsfile.read(path)[PART][1].hits
            assert 10 <= hits <= 13
            statsfile.append(path, {PART: ("m:f", sums(hits=1))}, 1)
            assert statsfile.read(path)[PART][1].hits == hits + 1
            if ended.returncode == 0:
                break
        assert ended.returncode == 0
        assert number > 1


class TestSummary:
    def test_it_counts_entries_and_bytes_without_opening_one(self, fresh, store):
        cache = fresh()
        function = cache.cached(halve)
        function(1), function(2)
        opened = []
        watching = threading.Event()
        sys.addaudithook(lambda event, args: opened.append(args[0]) if watching.is_set() and event == "open" else None)
        watching.set()
        summary = store.summary()
        watching.clear()
        assert (summary.entries, summary.bytes) == (2, sum(map(store.size, store.keys())))
        assert opened == []

    def test_it_is_of_a_function_a_namespace_or_a_longer_prefix(self, fresh, store):
        first, second = fresh(namespace="one").cached(halve), fresh(namespace="two").cached(halve)
        first(1), first(2), second(1)
        key = first.cache_key(1)
        assert [store.summary(prefix).entries for prefix in ("", key[:8], key[:40], key[:45])] == [3, 2, 2, 1]

    def test_it_tells_when_the_oldest_and_newest_were_stored(self, fresh, store):
        function = fresh().cached(halve)
        function(1), function(2)
        for argument, time in ((1, 1000), (2, 2000)):
            os.utime(store.place(function.cache_key(argument)), (time, time))
        assert store.summary()[2:] == (1000, 2000)

    def test_foreign_files_and_links_do_not_count(self, fresh, store):
        function = fresh().cached(halve)
        function(1)
        folder = os.path.dirname(store.place(function.cache_key(1)))
        open(os.path.join(folder, "foreign"), "wb").close()
        os.symlink("foreign", os.path.join(folder, f"{'0' * 62}.{'0' * 16}"))
        assert store.summary().entries == 1
