"""cache_explain and explain_misses: the reason of a miss, in words that name the cure."""

import fractions
import subprocess
import sys

import pytest
from freezegun import freeze_time

from memopickle import Cache, DirectoryStore, MemoryStore, PickleSerializer, ShelveStore

SECRET = "x" * 32


def function(body="x", name="work", parameters="x, timestamp=0"):
    """Make a function of module ``mod``, whose body can be edited."""
    namespace = {"__name__": "mod"}
    exec(f"def {name}({parameters}): return {body}", namespace)
    return namespace[name]


@pytest.fixture
def cache(tmp_path):
    return Cache(DirectoryStore(tmp_path), secret=SECRET)


@pytest.fixture
def work(cache):
    return cache.cached(function())


def test_a_hit_tells_age_and_cost(work):
    work(1)
    explanation = work.cache_explain(1)
    assert (explanation.hit, explanation.reason, explanation.key) == (True, "hit", work.cache_key(1))
    assert str(explanation).startswith("mod:work: hit\n  stored 0 s ago; computing it took ")


def test_explaining_neither_runs_the_function_nor_counts(cache):
    work = cache.cached(function("1 / 0"))
    work.cache_explain(1)
    assert work.cache_info()[:2] == (0, 0)


def test_what_was_never_computed_is_told_with_the_nearest_stored_call(work):
    work(1, 5), work(2, 6)
    explanation = work.cache_explain(2, 7)
    assert explanation.reason == "never computed"
    assert (explanation.nearest.equal, explanation.nearest.differ) == (("x",), ("timestamp",))
    assert str(explanation).splitlines()[-2:] == ["    equal: x", "    differ: timestamp"]


def test_with_nothing_stored_there_is_no_nearest_call(work):
    assert work.cache_explain(1).nearest is None


def test_an_expired_entry_is_told_with_ttl_and_time(cache):
    work = cache.cached(function(), ttl="10s")
    with freeze_time("2026-01-01") as frozen:
        work(1)
        frozen.tick(30)
        explanation = work.cache_explain(1)
    assert explanation.reason == "expired"
    assert explanation.detail == "stored 30 s ago, under the ttl of 10 s it expired at 2026-01-01 00:00:10 UTC"


def test_an_entry_from_the_future_is_told(work):
    with freeze_time("2026-01-01 12:00:00"):
        work(1)
    with freeze_time("2026-01-01"):
        assert work.cache_explain(1).reason == "from the future"


def test_edited_code_is_told(cache, work):
    work(1)
    explanation = cache.cached(function("x + 1")).cache_explain(1)
    assert (explanation.reason, "mod:work was edited" in explanation.detail) == ("code changed", True)


def test_edited_code_is_told_under_a_version_too(cache):
    cache.cached(function(), version=1)(1)
    assert cache.cached(function("x + 1"), version=1).cache_explain(1).reason == "code changed"


def test_a_dependency_that_was_edited_is_told(cache):
    helper, edited = function("x", "helper"), function("x * 2", "helper")
    cache.cached(function(), depends_on=(helper,))(1)
    explanation = cache.cached(function(), depends_on=(edited,)).cache_explain(1)
    assert explanation.reason == "code changed"
    assert explanation.detail.startswith("depends_on[0] was edited")


def test_another_version_is_told(cache):
    cache.cached(function(), version=1)(1)
    explanation = cache.cached(function(), version=2).cache_explain(1)
    assert explanation.reason == "version changed"
    assert explanation.detail == "it is stored under version 1, now 2"


def test_captured_variables_that_differ_are_told(cache):
    def times(factor):
        @cache.cached
        def work(x):
            return factor * x

        return work

    times(2)(1)
    assert times(3).cache_explain(1).nearest.differ == ("(captured variables)",)


def test_a_refused_signature_is_told(cache, work, tmp_path):
    work(1)
    stranger = Cache(DirectoryStore(tmp_path), secret="y" * 32).cached(function())
    assert stranger.cache_explain(1).reason == "signature refused"


def test_bytes_that_are_no_entry_are_told(cache, work):
    work(1)
    with open(cache.store.place(work.cache_key(1)), "wb") as file:
        file.write(b"nothing of ours")
    explanation = work.cache_explain(1)
    assert (explanation.reason, explanation.detail) == ("unreadable", "only 15 bytes, which is no entry")


def test_an_entry_that_may_not_be_loaded_is_told(cache):
    cache.cached(function()).cache_set(fractions.Fraction(1, 3), 1)
    strict = cache.cached(function(), serializer=PickleSerializer(allowed=[]))
    explanation = strict.cache_explain(1)
    assert explanation.reason == "cannot be loaded"
    assert "fractions" in explanation.detail


def test_a_store_that_can_not_be_read_is_told(tmp_path):
    work = Cache(ShelveStore(tmp_path / "shelf"), secret=SECRET).cached(function())
    work(1)
    for path in tmp_path.iterdir():
        if path.suffix != ".lock":
            path.write_bytes(b"no shelf")
    explanation = work.cache_explain(1)
    assert (explanation.reason, "cannot open the shelf" in explanation.detail) == ("store error", True)


def test_a_ttl_of_0_is_told(cache):
    assert cache.cached(function(), ttl=0).cache_explain(1).reason == "ttl is 0"


def test_it_works_in_memory():
    work = Cache(MemoryStore()).cached(function())
    work(1)
    assert (work.cache_explain(1).reason, work.cache_explain(1, 2).reason) == ("hit", "never computed")


def test_a_method_is_explained_through_its_instance(cache):
    class Tool:
        @cache.cached
        def apply(self, x):
            return x

    tool = Tool()
    tool.apply(1)
    assert tool.apply.cache_explain(1).hit
    assert tool.apply.cache_explain(2).nearest.differ == ("x",)


def test_the_argument_that_makes_a_cache_useless_is_found(cache, work):
    for timestamp in range(9):
        work(1, timestamp)
    work(2, 100)
    (report,) = cache.explain_misses(work)
    assert (report.parameter, report.entries, report.total) == ("timestamp", 9, 10)
    assert str(report) == (
        "mod:work: 90% of 10 entries differ from another only in timestamp: consider ignore=('timestamp',)"
    )


def test_a_useful_cache_has_nothing_to_report(cache, work):
    for x in range(9):
        work(x, x)
    assert cache.explain_misses() == []


def test_reports_can_be_asked_for_by_name_and_share(cache, work):
    for timestamp in range(3):
        work(1, timestamp)
    for x in range(7):
        work(x + 10, x + 10)
    assert cache.explain_misses("mod.*") == []
    assert [report.parameter for report in cache.explain_misses("mod.*", least=0.2)] == ["timestamp"]
    assert cache.explain_misses("other.*", least=0.2) == []


def test_deep_tracking_tells_which_function_was_edited(tmp_path):
    runs = [explained_after_edit(tmp_path, body) for body in ("x + 1", "x + 2")]
    assert runs == ["never computed: nothing is stored for these arguments", "code changed: tools:helper was edited"]


def explained_after_edit(folder, body):
    (folder / "tools.py").write_text(f"def helper(x):\n    return {body}\n\ndef other(x):\n    return x\n")
    (folder / "job.py").write_text(
        "import tools\n"
        "from memopickle import Cache, DirectoryStore\n"
        f"cache = Cache(DirectoryStore('cache'), secret={SECRET!r})\n"
        "@cache.cached(track_code='deep')\n"
        "def job(x):\n"
        "    return tools.helper(x) + tools.other(x)\n"
        "told = job.cache_explain(1)\n"
        "job(1)\n"
        "print(f'{told.reason}: {told.detail}'.partition(' since')[0])\n"
    )
    run = subprocess.run([sys.executable, "job.py"], capture_output=True, text=True, cwd=folder, check=True)
    return run.stdout.strip()
