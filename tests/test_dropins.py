"""The pages for those who come from another cache: what they say of both is so."""

import asyncio
import functools
import gc
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time
from helpers.needed import need

from memopickle import Cache, DirectoryStore, MemoryStore, cached, disabled

cachetools = need("cachetools")
cachier = need("cachier")
diskcache = need("diskcache")
joblib = need("joblib")

PAGES = Path(__file__).parents[1] / "docs" / "how-to"
PEERS = ("functools", "joblib", "diskcache", "cachier", "cachetools")

# On Python 3.13 the connections that some peers leave open are warned about wherever they are collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True, scope="module")
def _collected_here():
    yield
    gc.collect()


def block(peer, opening):
    text = (PAGES / f"coming-from-{peer}.md").read_text()
    return re.search(rf"^```{re.escape(opening)}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("peer", PEERS)
def test_both_programs_of_a_page_print_what_it_says(peer, when, tmp_path):
    program = block(peer, f'python title="{when}.py"')
    environment = {**os.environ, "HOME": str(tmp_path), "MEMOPICKLE_SECRET": "d" * 32}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == (block(peer, "text"), "")


@pytest.mark.parametrize("peer", PEERS)
def test_what_a_page_names_on_our_side_exists(peer):
    text = (PAGES / f"coming-from-{peer}.md").read_text()
    ours = " ".join(row.split(" | ")[-1] for row in text.splitlines() if row.startswith("|"))
    assert "cache_invalidate" in ours
    for name in re.findall(r"`(?:f\.)?(cache_\w+)", ours):
        assert hasattr(cached(lambda: 0), name), name
    for name in re.findall(r"`(?:cache|memory)\.(\w+)", ours):
        assert hasattr(Cache(MemoryStore()), name), name


# -- the same function under both ------------------------------------------------------------------------------------


def decorators(tmp_path):
    return {
        "functools": functools.lru_cache,
        "joblib": joblib.Memory(tmp_path / "joblib", verbose=0).cache,
        "diskcache": diskcache.Cache(tmp_path / "diskcache").memoize(),
        "cachier": cachier.cachier(cache_dir=tmp_path / "cachier"),
        "cachier in memory": cachier.cachier(backend="memory"),
        "cachetools": cachetools.cached({}),
        "ours on disk": Cache(DirectoryStore(tmp_path / "ours")).cached,
        "ours in memory": Cache(MemoryStore()).cached,
        "ours, uncopied": Cache(MemoryStore(copy=False)).cached,
    }


ALL = (*PEERS, "cachier in memory", "ours on disk", "ours in memory", "ours, uncopied")


def outcomes(expected):
    """Parametrize by decorator and what is to be expected of it: of ours, given as one, and of each other."""
    ours = expected.pop("ours")
    whole = {**{name: ours for name in ALL if name.startswith("ours")}, **expected}
    return pytest.mark.parametrize(("name", "expected"), list(whole.items()))


@pytest.fixture
def under(tmp_path):
    """Has a function decorated by name; returns it and the list of the calls that it computed."""

    def under(name):
        calls = []

        @decorators(tmp_path)[name]
        def function(x, y=0):
            calls.append(x)
            if x == "raise":
                raise ValueError(x)
            return [x]

        return function, calls

    return under


def computations(under, name, *calls):
    function, done = under(name)
    try:
        for args, kwargs in calls:
            function(*args, **kwargs)
    except TypeError as error:
        return str(error).split(":")[0]
    return len(done)


@outcomes({"ours": 3, "functools": 2, "joblib": 3, "diskcache": 3, "cachier": 3, "cachetools": 1})
def test_types(under, name, expected):
    assert computations(under, name, ((1,), {}), ((1.0,), {}), ((True,), {})) == expected


@outcomes({"ours": 1, "functools": 3, "joblib": 1, "diskcache": 3, "cachier": 1, "cachetools": 3})
def test_forms_of_one_call(under, name, expected):
    assert computations(under, name, ((1,), {}), ((), {"x": 1}), ((1, 0), {})) == expected


UNHASHABLE = "unhashable type"


@outcomes({"ours": 1, "functools": UNHASHABLE, "joblib": 1, "diskcache": 2, "cachier": 2, "cachetools": UNHASHABLE})
def test_equal_dicts_in_another_order(under, name, expected):
    assert computations(under, name, (({"a": 1, "b": 2},), {}), (({"b": 2, "a": 1},), {})) == expected


@outcomes(
    {
        "ours": [1],
        "ours, uncopied": [1, "changed"],
        "functools": [1, "changed"],
        "joblib": [1],
        "diskcache": [1],
        "cachier": [1],
        "cachier in memory": [1, "changed"],
        "cachetools": [1, "changed"],
    }
)
def test_a_result_changed_by_its_caller(under, name, expected):
    function, _ = under(name)
    function(1).append("changed")
    assert function(1) == expected


@pytest.mark.parametrize("name", ALL)
def test_exceptions_are_stored_by_nobody(under, name):
    function, calls = under(name)
    for _ in range(2):
        with pytest.raises(ValueError, match="raise"):
            function("raise")
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("functools", "cannot reuse"),
        ("cachetools", "cannot reuse"),
        ("diskcache", "pickle"),
        ("joblib", None),
        ("cachier", None),
    ],
)
def test_coroutine_functions_of_peers(tmp_path, name, error):
    made = []

    async def function(x):
        return x

    def remembering(x):
        made.append(function(x))
        return made[-1]

    async def twice():
        f = decorators(tmp_path)[name](remembering if error else function)
        return await f(1), await f(1)

    if error is None:
        assert asyncio.run(twice()) == (1, 1)
        return
    with pytest.raises((TypeError, RuntimeError), match=error):
        asyncio.run(twice())
    made.pop().close()  # where it was never awaited


# -- editing the function --------------------------------------------------------------------------------------------

EDITED = """
import sys
from datetime import timedelta

name, folder = sys.argv[1:]
if name == "joblib":
    from joblib import Memory
    decorator = Memory(folder, verbose=0).cache
elif name == "diskcache":
    from diskcache import Cache
    decorator = Cache(folder).memoize()
elif name == "cachier":
    from cachier import cachier
    decorator = cachier(cache_dir=folder)
else:
    from memopickle import Cache, DirectoryStore
    decorator = Cache(DirectoryStore(folder), secret="e" * 32).cached

@decorator
def function(x):
    print("computes", end=" ")  # COMMENT
    return x + STEP

print(function(1))
"""


@pytest.mark.parametrize(
    ("name", "after_edit", "after_comment", "taken_back"),
    [
        ("ours", "computes 3", "2", "2"),
        ("joblib", "computes 3", "computes 2", "computes 2"),
        ("diskcache", "2", "2", "2"),
        ("cachier", "2", "2", "2"),
    ],
)
def test_edits(tmp_path, name, after_edit, after_comment, taken_back):
    def run(step, comment="as it was"):
        (tmp_path / "program.py").write_text(EDITED.replace("STEP", str(step)).replace("COMMENT", comment))
        command = [sys.executable, "-B", "-W", "ignore", "program.py", name, str(tmp_path / name)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True).stdout

    assert run(1) == "computes 2\n"
    assert run(1, "another") == f"{after_comment}\n"
    run(1)  # joblib keeps one version of the text only
    assert run(2) == f"{after_edit}\n"
    assert run(1) == f"{taken_back}\n"


# -- single rows of the tables ---------------------------------------------------------------------------------------


def test_functools_limits_count_the_same():
    def square(x):
        return x * x

    theirs, ours = functools.lru_cache(2)(square), cached(store=MemoryStore(maxsize=2))(square)
    for x in (1, 2, 1, 3, 1, 2, 2):
        assert theirs(x) == ours(x)
    assert tuple(theirs.cache_info()) == tuple(ours.cache_info()) == (3, 4, 2, 2)
    assert theirs.cache_info()._fields == ours.cache_info()._fields


def test_functools_keeps_instances_alive_and_we_do_not():
    import gc
    import weakref

    class Tool:
        @functools.lru_cache  # noqa: B019
        def theirs(self):
            return 1

        @cached(store=MemoryStore())
        def ours(self):
            return 1

    for method, alive in (("theirs", True), ("ours", False)):
        tool = Tool()
        getattr(tool, method)()
        ref = weakref.ref(tool)
        del tool
        gc.collect()
        assert (ref() is not None) is alive


def test_joblib_forgets_one_call_through_its_reference(under):
    function, _ = under("joblib")
    function(1), function(2)
    function.call_and_shelve(1).clear()
    assert (function.check_call_in_cache(1), function.check_call_in_cache(2)) == (False, True)
    function, _ = under("ours on disk")
    function(1), function(2)
    function.cache_invalidate(1)
    assert (function.cache_contains(1), function.cache_contains(2)) == (False, True)


def test_joblib_call_computes_and_stores_as_refresh_does(under):
    for name, member in (("joblib", "call"), ("ours on disk", "cache_refresh")):
        function, calls = under(name)
        function(1)
        getattr(function, member)(1)
        function(1)
        assert calls == [1, 1], name


def test_joblib_expires_after_is_a_ttl(tmp_path):
    from joblib import expires_after

    calls = []

    def function(x):
        calls.append(x)
        return x

    theirs = joblib.Memory(tmp_path / "t", verbose=0).cache(cache_validation_callback=expires_after(days=1))
    for decorator in (theirs, Cache(DirectoryStore(tmp_path / "o")).cached(ttl="1d")):
        calls.clear()
        decorated = decorator(function)
        with freeze_time("2026-01-01") as clock:
            decorated(1)
            clock.tick(timedelta(hours=23))
            decorated(1)
            assert calls == [1]
            clock.tick(timedelta(hours=2))
            decorated(1)
        assert calls == [1, 1]


def test_joblib_without_a_place_is_disabled(under):
    calls = []
    theirs = joblib.Memory(None, verbose=0).cache(calls.append)
    theirs(1), theirs(1)
    assert calls == [1, 1]
    ours, calls = under("ours on disk")
    with disabled():
        ours(1), ours(1)
    assert calls == [1, 1]


@pytest.mark.parametrize("how", ["tag", "name"])
def test_diskcache_evicts_a_tag_where_we_clear_a_name(tmp_path, how):
    def rate(x):
        return x

    def other(x):
        return x

    if how == "tag":
        theirs = diskcache.Cache(tmp_path)
        theirs.memoize(tag="rates")(rate)(1)
        theirs.memoize()(other)(1)
        assert (theirs.evict("rates"), len(theirs)) == (1, 1)
    else:
        ours = Cache(DirectoryStore(tmp_path))
        ours.cached(rate)(1), ours.cached(other)(1)
        assert (ours.clear("*.rate"), len(ours.functions())) == (1, 1)


def test_cachier_does_not_store_none_and_we_do_unless_told(tmp_path):
    calls = []
    theirs = cachier.cachier(cache_dir=tmp_path)(calls.append)
    with_none = cached(store=MemoryStore())(calls.append)
    without = cached(store=MemoryStore(), store_if=lambda result: result is not None)(calls.append)
    for function, times in ((theirs, 2), (with_none, 1), (without, 2)):
        calls.clear()
        function(1), function(1)
        assert len(calls) == times


def test_cachier_skips_the_cache_by_keyword_where_we_call_the_function_itself(under):
    function, calls = under("cachier")
    function(1), function(1, cachier__skip_cache=True), function(1)
    assert calls == [1, 1]
    function, calls = under("ours on disk")
    function(1), function.__wrapped__(1), function(1)
    assert calls == [1, 1]


def test_cachetools_conditions_on_the_key_are_ours_on_values():
    def by_length(text):
        return len(text)

    for decorator in (
        cachetools.cached({}, key=by_length),
        cached(store=MemoryStore(), key=by_length),
    ):
        calls = []
        function = decorator(lambda text, calls=calls: calls.append(text) or text)
        assert (function("ab"), function("cd")) == ("ab", "ab")


def test_cachetools_ttl_ends_at_the_same_time():
    now = [0.0]
    calls = []

    def function(x):
        calls.append(x)
        return x

    theirs = cachetools.cached(cachetools.TTLCache(10, 60, timer=lambda: now[0]))(function)
    ours = Cache(MemoryStore(maxsize=10), clock=lambda: now[0]).cached(ttl=60)(function)
    for decorated in (theirs, ours):
        calls.clear()
        for now[0] in (0.0, 59.999, 60.0):
            decorated(1)
        assert len(calls) == 2
