"""The log: every decision in one line at level DEBUG, and nothing for whoever did not ask."""

import logging
import subprocess
import sys

import pytest
from freezegun import freeze_time

from memopickle import Cache, DirectoryStore, MemoryStore, logs
from memopickle.events import Hit, LockWait, Miss, NotStored


def halve(x):
    return 1 / x


@pytest.fixture
def lines(caplog):
    """What was logged, without the keys."""
    caplog.set_level(logging.DEBUG, "memopickle")

    def told():
        return [record.message.partition(" [")[0] + record.message.partition("]")[2] for record in caplog.records]

    return told


def kinds(lines):
    return [line.split(" tests.")[0] for line in lines]


class TestDecisions:
    def test_misses_hits_and_stores(self, store, secret, lines):
        function = Cache(store, secret=secret).cached(halve)
        function(1), function(1)
        told = [line for line in lines() if not line.startswith("settings")]
        assert kinds(told) == ["miss", "stored", "hit"]
        assert told[0] == "miss tests.test_logging:halve: absent"
        assert told[1].startswith("stored tests.test_logging:halve: size ")

    def test_a_miss_tells_its_reason(self, store, secret, lines):
        function = Cache(store, secret=secret).cached(halve, ttl=10)
        with freeze_time("2026-01-01") as frozen:
            function(1)
            frozen.tick(10)
            function(1)
        assert "miss tests.test_logging:halve: expired" in lines()

    def test_what_is_not_stored_tells_why(self, store, secret, lines):
        Cache(store, secret=secret).cached(halve, ttl=lambda result: 0)(1)
        assert "not stored tests.test_logging:halve: its ttl is 0" in lines()

    def test_what_the_function_raised(self, store, secret, lines):
        with pytest.raises(ZeroDivisionError):
            Cache(store, secret=secret).cached(halve)(0)
        assert "raised tests.test_logging:halve: ZeroDivisionError" in lines()

    def test_what_is_refused_tells_place_and_reason(self, store, secret, lines):
        function = Cache(store, secret=secret).cached(halve)
        function(1)
        place = store.place(function.cache_key(1))
        open(place, "wb").close()
        function(1)
        (told,) = [line for line in lines() if line.startswith("refused tests")]
        assert place in told

    def test_clearing_and_pruning(self, store, secret, lines):
        cache = Cache(store, secret=secret)
        cache.cached(halve)(1)
        cache.clear("*.halve"), cache.prune()
        assert "cleared 1 entries of '*.halve'" in lines()
        assert "pruned 0 entries" in lines()

    def test_what_is_evicted_tells_where_and_why(self, tmp_path, secret, lines):
        function = Cache(DirectoryStore(tmp_path / "cache", max_entries=5), secret=secret).cached(halve)
        for number in range(1, 60):
            function(number)
        told = [line for line in lines() if line.startswith("evicted")]
        assert told
        assert all(f"{tmp_path}/cache/" in line and "over its limit" in line for line in told)

    def test_the_settings_of_a_function_and_where_they_come_from(self, store, secret, lines, tmp_path, monkeypatch):
        (tmp_path / "settings.toml").write_text('\n[[overrides]]\nfunction = "*.halve"\nttl = 90\n')
        monkeypatch.setenv("MEMOPICKLE_CONFIG", str(tmp_path / "settings.toml"))
        Cache(store, secret=secret).cached(halve, version=2)(1)
        (told,) = [line for line in lines() if line.startswith("settings")]
        assert (
            told
            == f"settings of tests.test_logging:halve: in {store!r}, version=2, ttl=90 ({tmp_path}/settings.toml:4)"
        )

    @pytest.mark.parametrize(
        ("event", "line"),
        [
            (Miss("m:f", "k", "absent"), "miss m:f [k]: absent"),
            (Hit("m:f", "k", 1.5, 0.25), "hit m:f [k]: age 1.5, saved 0.25"),
            (LockWait("m:f", "k", 2.0, True), "waited for m:f [k]: seconds 2, ended True"),
            (NotStored("m:f", "k", "two\nlines\x1b[31m"), "not stored m:f [k]: 'two\\nlines\\x1b[31m'"),
        ],
        ids=lambda case: type(case).__name__,
    )
    def test_an_event_is_one_line(self, caplog, event, line):
        caplog.set_level(logging.DEBUG, "memopickle")
        logs.log_event(event)
        assert [record.message for record in caplog.records] == [line]


class TestCost:
    def test_nothing_is_logged_unless_asked_for(self, store, secret, caplog):
        caplog.set_level(logging.INFO, "memopickle")
        function = Cache(store, secret=secret).cached(halve)
        function(1), function(1)
        assert caplog.records == []

    def test_no_hit_event_is_made_for_nobody(self, store, secret, monkeypatch):
        made = []
        monkeypatch.setattr("memopickle.lookup.Hit", lambda *facts: made.append(facts))
        function = Cache(store, secret=secret).cached(halve)
        function(1), function(1)
        assert made == []

    def test_asked_for_later_hits_are_told_from_the_next_miss_on(self, store, secret, lines):
        logging.getLogger("memopickle").setLevel(logging.WARNING)
        function = Cache(store, secret=secret).cached(halve)
        function(1), function(1)
        logging.getLogger("memopickle").setLevel(logging.DEBUG)
        function(1), function(2), function(1)
        assert kinds(lines()) == ["miss", "stored", "hit"]

    def test_a_program_that_does_not_log_does_not_import_logging(self, store, secret):
        program = (
            "import sys; from memopickle import *; import memopickle\n"
            f"cache = Cache(DirectoryStore({store.path!r}), secret={secret!r}); function = cache.cached(abs)\n"
            "function(-1); function(-1); before = 'logging' in sys.modules and 'filelock' not in sys.modules\n"
            "print(before)"
        )
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert (ran.stdout, ran.stderr) == ("False\n", "")

    def test_in_memory_too(self, lines):
        function = Cache(MemoryStore()).cached(halve)
        for _ in range(6):
            function(1)
        told = [line for line in lines() if not line.startswith("settings")]
        assert kinds(told) == ["miss", "stored", *["hit"] * 5]


class TestHandlers:
    @pytest.fixture
    def handle(self):
        """Adds a handler to the log at level DEBUG."""
        logger, added = logging.getLogger("memopickle"), []
        level = logger.level

        def handle(emit):
            handler = logging.Handler()
            handler.emit = emit
            added.append(handler)
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG)

        yield handle
        logger.setLevel(level)
        for handler in added:
            logger.removeHandler(handler)

    def test_one_that_calls_a_cached_function_ends(self, store, secret, handle):
        function, seen = Cache(store, secret=secret).cached(halve), []

        def emit(record):
            seen.append(record)
            function(2)

        handle(emit)
        assert function(1) == 1
        assert seen

    def test_one_that_raises_costs_nothing(self, store, secret, handle):
        def emit(record):
            raise ValueError("broken")

        handle(emit)
        function = Cache(store, secret=secret).cached(halve)
        assert (function(1), function(1), function.cache_info().hits) == (1, 1, 1)

    def test_the_secret_is_never_logged(self, store, secret, lines):
        cache = Cache(store, secret=secret)
        cache.cached(halve)(1)
        open(store.place(next(store.keys())), "wb").close()
        cache.cached(halve)(1)
        assert lines()
        assert not any(secret in line for line in lines())
