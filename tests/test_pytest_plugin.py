"""The pytest plugin, used by test modules that pytest runs: each outcome is that of the module below a test's name."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from freezegun import freeze_time

from memopickle import Cache, DirectoryStore, MemoryStore, cached, config, default_cache, stats, switch
from memopickle.pytest_plugin import Calls

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]

#: A module that caches, in each of the ways there are.
CODE = """
import memopickle
from memopickle import Cache, DirectoryStore, MemoryStore, cached

calls = []

@cached
def square(x):
    calls.append(x)
    return [x * x]

@cached(ttl="1h")
def hourly(x):
    calls.append(x)
    return [x]

explicit = Cache(DirectoryStore({explicit!r}, ttl="1m"), namespace="n", secret="s" * 32)
memory = Cache(MemoryStore(maxsize=3, copy=False))

@explicit.cached
def cube(x):
    calls.append(x)
    return [x ** 3]

@memory.cached
def same(x):
    return [x]

class Tool:
    @memory.cached(key=lambda self, x: x)
    def apply(self, x):
        return [x]
"""


@pytest.fixture
def code(pytester, tmp_path):
    """Has the code under test written, and imported by the modules that are run."""
    text = CODE.format(explicit=str(tmp_path / "explicit"))
    return pytester.makepyfile(code_under_test=text)


@pytest.fixture
def run(pytester, code):
    """Runs the tests of a module, and returns how they ended."""

    def run(text, *options):
        name = f"test_{os.urandom(4).hex()}"
        path = pytester.makepyfile(**{name: f"from code_under_test import *\nimport pytest\n{text}"})
        plugins = ("-p", "memopickle.pytest_plugin", "-p", "no:xdist", "-p", "no:cacheprovider", "--strict-markers")
        return pytester.runpytest_inprocess(path, *plugins, *options)

    return run


def failure(result):
    """What the one test that failed said."""
    result.assert_outcomes(failed=1)
    return next(line for line in result.outlines if line.startswith("E "))


# -- the isolated default cache --------------------------------------------------------------------------------------


def test_each_test_has_an_empty_default_cache(run):
    result = run("""
@pytest.mark.parametrize("again", [1, 2, 3])
def test(memopickle_cache, again):
    square(1), square(1)
    assert calls == [1]
    calls.clear()
    assert memopickle_cache is memopickle.default_cache()
    assert len(list(memopickle_cache.entries())) == 1
""")
    result.assert_outcomes(passed=3)


def test_the_cache_that_was_default_is_so_again_and_has_got_nothing(run):
    before = default_cache()
    run("def test(memopickle_cache): square(1)").assert_outcomes(passed=1)
    assert default_cache() is before
    assert before.functions() == []


def test_a_default_cache_that_was_configured_keeps_namespace_options_and_hooks(run, tmp_path, events):
    before = config.configure(tmp_path / "before", namespace="shared", ttl=60, on_event=events.append)
    run("""
from freezegun import freeze_time

def test(memopickle_cache):
    assert memopickle_cache.namespace == "shared"
    with freeze_time("2026-01-01") as clock:
        square(1)
        clock.tick(60)
        assert not square.cache_contains(1)
""").assert_outcomes(passed=1)
    assert [type(event).__name__ for event in events] == ["Miss", "Stored"]
    assert (before.store.path, before.functions()) == (str(tmp_path / "before"), [])


def test_a_function_goes_on_with_what_it_had_before_the_test(run, tmp_path):
    config.configure(tmp_path / "before")
    f = cached(lambda x: [x])
    for _ in range(9):  # often enough for a quick call of its own
        f(1)
    sys.modules["function_from_outside"] = f
    try:
        run("""
import sys
f = sys.modules["function_from_outside"]
def test(memopickle_cache):
    assert not f.cache_contains(1)
    for _ in range(5):
        f(2)
    assert f.cache_info()[:2] == (4, 1)
""").assert_outcomes(passed=1)
    finally:
        del sys.modules["function_from_outside"]
    assert f.cache_info()[:2] == (8, 1)
    f(1)
    assert f.cache_info()[:2] == (9, 1)
    assert not f.cache_contains(2)


def test_what_the_code_configures_lasts_until_the_end_of_the_test(run, tmp_path):
    before = config.configure(tmp_path / "before")
    run(f"""
def test(memopickle_cache):
    memopickle.configure({str(tmp_path / "of the code")!r})
    square(1)

def test_after_it(memopickle_cache):
    assert not square.cache_contains(1)
""").assert_outcomes(passed=2)
    assert default_cache() is before


def test_no_place_or_secret_of_the_user_is_touched(run, monkeypatch, tmp_path):
    monkeypatch.setenv("MEMOPICKLE_SECRET_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("MEMOPICKLE_STORE", f"dir:{tmp_path / 'nothing'}")
    run("def test(memopickle_cache): square(1); assert square.cache_contains(1)").assert_outcomes(passed=1)
    assert not any(path.name in ("nothing", "none", "explicit") for path in tmp_path.iterdir())
    assert os.environ["MEMOPICKLE_SECRET_FILE"] == str(tmp_path / "none")


def test_a_process_that_the_test_starts_shares_the_cache(run):
    run("""
import subprocess, sys

def test(memopickle_cache):
    program = "from code_under_test import *; print(square(3), square.cache_info()[:2])"
    square(3)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[9] (1, 0)\\n", done.stdout
""").assert_outcomes(passed=1)


def test_a_test_with_the_fixture_caches_where_the_environment_disables_caching(run, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_DISABLE", "1")
    run("def test(memopickle_cache): square(1), square(1); assert calls == [1]").assert_outcomes(passed=1)


def test_no_statistics_are_left_for_later(run):
    before = list(stats._books)
    run("""
@pytest.mark.parametrize("x", range(5))
def test(memopickle_cache, x): square(x)
""").assert_outcomes(passed=5)
    assert [book for book in stats._books if book not in before and not book.done()] == []


# -- other caches ----------------------------------------------------------------------------------------------------


def test_an_explicit_cache_is_isolated_when_asked_for(run, tmp_path):
    run("""
def test(memopickle_isolate):
    assert memopickle_isolate(explicit) is explicit
    assert cube(2) == cube(2) == [8]
    assert calls == [2]
    assert len(list(explicit.entries())) == 1

def test_after_it():
    assert explicit.functions() == []
""").assert_outcomes(passed=2)


def test_a_cache_that_is_not_asked_for_is_left_alone(run, tmp_path):
    run("def test(memopickle_cache): cube(2)").assert_outcomes(passed=1)
    assert Cache(DirectoryStore(tmp_path / "explicit"), namespace="n").functions() == ["code_under_test:cube"]


@pytest.mark.parametrize("target", ["same", "Tool.apply", "Tool().apply", "memory"])
def test_the_cache_of_a_function_is_isolated_by_naming_the_function(run, target):
    run(f"""
def test(memopickle_isolate):
    same(1)
    assert memopickle_isolate({target}) is memory
    assert not same.cache_contains(1)
""").assert_outcomes(passed=1)


def test_a_function_of_the_default_cache_names_that(run):
    run("""
def test(memopickle_isolate, memopickle_cache):
    assert memopickle_isolate(square) is memopickle_cache
""").assert_outcomes(passed=1)


def test_the_ttl_and_the_kind_of_a_store_remain(run):
    run("""
def test(memopickle_isolate):
    before = explicit.store, memory.store
    for cache in (explicit, memory):
        memopickle_isolate(cache)
    assert explicit.store.ttl == before[0].ttl
    assert explicit.store.path != before[0].path
    assert memory.store is not before[1]
    assert (memory.store.maxsize, memory.store.copy) == (3, False)
    assert same(1) is same(1)
""").assert_outcomes(passed=1)


def test_isolating_twice_is_isolating_once(run):
    run("""
def test(memopickle_isolate):
    memopickle_isolate(memory)
    same(1)
    memopickle_isolate(same)
    assert same.cache_contains(1)
""").assert_outcomes(passed=1)


def test_what_is_no_cached_function_can_not_be_isolated(run):
    assert "is not a cached function" in failure(run("def test(memopickle_isolate): memopickle_isolate(print)"))


# -- the clock -------------------------------------------------------------------------------------------------------


def test_the_clock_stands_still_until_it_is_moved(run):
    run("""
from datetime import timedelta

def test(memopickle_clock):
    hourly(1)
    memopickle_clock.move("59m")
    hourly(1)
    memopickle_clock.move(timedelta(seconds=59.999999))
    hourly(1)
    assert calls == [1]
    memopickle_clock.move(0.000001)
    hourly(1)
    assert calls == [1, 1]
""").assert_outcomes(passed=1)


def test_the_clock_moves_to_a_date_and_back(run):
    run("""
from datetime import datetime, timezone

def test(memopickle_clock):
    memopickle_clock.move_to(datetime(2030, 1, 1, tzinfo=timezone.utc))
    hourly(1)
    assert square.cache_peek(1) is None
    assert hourly.cache_peek(1).created == 1893456000 == memopickle_clock()
    memopickle_clock.move_to(1893450000)
    assert not hourly.cache_contains(1)
""").assert_outcomes(passed=1)


def test_the_clock_is_that_of_isolated_caches_too_whatever_comes_first(run):
    run("""
def test(memopickle_isolate, request):
    memopickle_isolate(explicit)
    cube(1)
    clock = request.getfixturevalue("memopickle_clock")
    memopickle_isolate(memory)
    same(1)
    clock.move("1h")
    assert not cube.cache_contains(1)
    assert same.cache_peek(1).created == pytest.approx(clock.now - 3600)
""").assert_outcomes(passed=1)


def test_a_cache_of_the_test_takes_the_clock(run):
    run("""
def test(memopickle_clock):
    f = Cache(MemoryStore(), clock=memopickle_clock).cached(ttl=10)(lambda x: [x])
    f(1)
    memopickle_clock.move(10)
    assert not f.cache_contains(1)
""").assert_outcomes(passed=1)


def test_the_clock_of_the_rest_of_the_program_goes_on(run):
    run("""
import time

def test(memopickle_clock):
    memopickle_clock.move("7d")
    assert abs(time.time() - memopickle_clock.now) > 86400
""").assert_outcomes(passed=1)


def test_under_freezegun_the_caches_follow_freezegun(run):
    run("""
from freezegun import freeze_time

def test(memopickle_cache):
    with freeze_time("2026-01-01") as clock:
        for _ in range(5):
            hourly(1)
        clock.tick(3600)
        hourly(1)
    assert calls == [1, 1]
""").assert_outcomes(passed=1)


def test_a_stopped_clock_begins_at_freezegun_s_time_and_goes_before_it(run):
    with freeze_time("2026-01-01") as frozen:
        run("""
def test(memopickle_clock):
    assert memopickle_clock.now == 1767225600
    hourly(1)
    memopickle_clock.move(3600)
    assert not hourly.cache_contains(1)
""").assert_outcomes(passed=1)
        frozen.tick()


# -- the marker ------------------------------------------------------------------------------------------------------


def test_a_marked_test_computes_each_time(run):
    run("""
@pytest.mark.memopickle_disabled
def test():
    square(1), square(1), same(1), cube(1)
    assert calls == [1, 1, 1]
    assert same.cache_info().misses == 0

def test_after_it(memopickle_cache):
    calls.clear()
    square(1), square(1)
    assert calls == [1]
""").assert_outcomes(passed=2)
    assert switch.off == 0


@pytest.mark.parametrize("fixture", ["", "memopickle_cache"])
def test_the_marker_counts_for_fixtures_classes_and_processes_too(run, fixture):
    run(f"""
import subprocess, sys

@pytest.fixture
def filled({fixture}):
    square(1)

@pytest.mark.memopickle_disabled
class TestAll:
    def test(self, filled):
        square(1)
        assert calls == [1, 1]
        program = "from code_under_test import *; square(1), square(1); print(calls)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "[1, 1]\\n", done.stdout
""").assert_outcomes(passed=1)
    assert "MEMOPICKLE_DISABLE" not in os.environ


def test_the_marker_is_listed(run):
    run("", "--markers").stdout.fnmatch_lines(["@pytest.mark.memopickle_disabled: *"])


# -- hits and misses -------------------------------------------------------------------------------------------------


def test_what_was_expected_passes(run):
    run("""
def test(memopickle_calls):
    with memopickle_calls.expect(square, hits=0, misses=2):
        square(1), square(2)
    with memopickle_calls.expect(square, hits=9, misses=0):
        for _ in range(9):
            square(1)
    with memopickle_calls.expect(square, misses=1):
        square(1), square(3)
""").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("hits=1): square(1)", "code_under_test:square: expected 1 hit, got 0 hits and 1 miss (1x missed, absent)"),
        ("misses=0, hits=2): square(1), square(1)", "expected 2 hits and 0 misses, got 1 hit and 1 miss (1x missed, "),
        ("misses=1): pass", "code_under_test:square: expected 1 miss, got 0 hits and 0 misses"),
    ],
)
def test_what_was_not_expected_fails_and_says_what_happened_instead(run, block, message):
    said = failure(run(f"def test(memopickle_calls):\n    with memopickle_calls.expect(square, {block}"))
    assert said.startswith("E       AssertionError: ")
    assert message in said


def test_the_message_names_the_reasons_of_each_miss(run):
    said = failure(
        run("""
def test(memopickle_calls, memopickle_clock):
    with memopickle_calls.expect(hourly, misses=1):
        hourly(1), hourly(2), memopickle_clock.move("1h"), hourly(1)
""")
    )
    assert "got 0 hits and 3 misses (2x missed, absent; 1x missed, expired)" in said


def test_the_message_says_what_was_not_stored(run):
    said = failure(
        run("""
def test(memopickle_calls):
    f = memopickle.cached(lambda x: (i for i in x))
    with memopickle_calls.expect(f, hits=1):
        f("a"), f("a")
""")
    )
    assert "2x missed, absent; 1x not stored, " in said
    assert "generator" in said


def test_the_message_says_that_caching_is_disabled(run):
    said = failure(
        run("""
@pytest.mark.memopickle_disabled
def test(memopickle_calls):
    with memopickle_calls.expect(square, misses=1):
        square(1)
""")
    )
    assert said.endswith("got 0 hits and 0 misses (caching is disabled)")


def test_methods_are_counted_for_all_instances(run):
    run("""
def test(memopickle_calls, memopickle_isolate):
    memopickle_isolate(Tool.apply)
    with memopickle_calls.expect(Tool().apply, hits=1, misses=1), memopickle_calls.expect(Tool.apply, hits=1):
        Tool().apply(1), Tool().apply(1)
""").assert_outcomes(passed=1)


def test_an_exception_of_the_block_is_what_fails(run):
    said = failure(
        run("""
def test(memopickle_calls):
    with memopickle_calls.expect(square, hits=7):
        raise KeyError("mine")
""")
    )
    assert said.split() == ["E", "KeyError:", "'mine'"]


def test_hooks_of_the_cache_are_told_as_ever():
    events = []
    f = Cache(MemoryStore(), on_event=events.append).cached(lambda x: [x])
    with Calls().expect(f, misses=1):
        f(1)
    f(2)
    assert [type(event).__name__ for event in events] == ["Miss", "Stored"] * 2


def test_a_cache_that_is_exchanged_inside_the_block_is_told(run):
    said = failure(
        run("""
def test(memopickle_calls, tmp_path):
    with memopickle_calls.expect(square, misses=1):
        memopickle.configure(tmp_path)
        square(1)
""")
    )
    assert "its cache was exchanged inside the block" in said


def test_expecting_neither_hits_nor_misses_is_an_error(run):
    said = failure(run("def test(memopickle_calls): memopickle_calls.expect(square)"))
    assert "give one of them, or both" in said


# -- the page --------------------------------------------------------------------------------------------------------


def test_the_tests_of_the_page_pass(pytester):
    page = (ROOT / "docs" / "how-to" / "test-code-that-caches.md").read_text()
    code, first, second = re.findall(r"^```python[^\n]*\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    pytester.makepyfile(shop=code, test_shop=first, test_more=second)
    options = ("-p", "memopickle.pytest_plugin", "-p", "no:xdist", "-p", "no:cacheprovider", "--strict-markers")
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=5)


def test_the_message_of_the_page_is_the_message(run):
    page = (ROOT / "docs" / "how-to" / "test-code-that-caches.md").read_text()
    shown = re.search(r"^AssertionError: shop:price: (.*)$", page, re.MULTILINE)[1]
    said = failure(
        run("""
def test(memopickle_calls, memopickle_clock):
    hourly(1), memopickle_clock.move("1h")
    with memopickle_calls.expect(hourly, hits=1):
        hourly(1)
""")
    )
    assert said == f"E       AssertionError: code_under_test:hourly: {shown}"


# -- those who don't use it ------------------------------------------------------------------------------------------


def test_nothing_of_memopickle_is_imported_for_tests_that_do_not_use_it(tmp_path):
    (tmp_path / "test_plain.py").write_text("""
import sys

def test():
    assert "_memopickle_pytest" in sys.modules
    assert not [name for name in sys.modules if name.partition(".")[0] == "memopickle"]
""")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "_memopickle_pytest", "test_plain.py"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout


def test_it_works_in_the_workers_of_xdist(pytester, code):
    pytester.makepyfile("""
from code_under_test import *
import pytest

@pytest.mark.parametrize("x", range(8))
def test(memopickle_calls, memopickle_clock, x):
    with memopickle_calls.expect(square, hits=1, misses=1):
        square(0), square(0)
""")
    result = pytester.runpytest_subprocess("-p", "memopickle.pytest_plugin", "-n", "2", timeout=120)
    result.assert_outcomes(passed=8)
