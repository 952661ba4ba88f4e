"""Which results are worth remembering: store_if, exceptions, versions that are migrated."""

from __future__ import annotations

import traceback

import pytest
from freezegun import freeze_time
from helpers.stores import LOCAL, local_store

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore
from memopickle.events import NotStored

START = "2026-01-01"


@pytest.fixture(params=LOCAL)
def cache(request, tmp_path):
    return Cache(local_store(request.param, tmp_path))


# -- store_if --------------------------------------------------------------------------------------------------------


def test_what_store_if_refuses_is_returned_and_not_stored(cache):
    calls = []

    @cache.cached(store_if=lambda result: result is not None)
    def f(x):
        calls.append(x)
        return x

    assert [f(None), f(None), f(1), f(1)] == [None, None, 1, 1]
    assert calls == [None, None, 1]


def test_a_store_if_that_raises_costs_nobody_the_result(cache, caplog):
    f = cache.cached(store_if=lambda result: 1 / 0)(lambda: 5)
    assert f() == 5
    assert not f.cache_contains()
    assert "ZeroDivisionError" in caplog.text


def test_what_is_not_stored_is_told_with_its_reason():
    events = []
    cache = Cache(MemoryStore(), on_event=events.append)
    cache.cached(store_if=lambda result: False)(lambda: 5)()
    assert [event.reason for event in events if isinstance(event, NotStored)] == ["store_if said no"]


# -- exceptions ------------------------------------------------------------------------------------------------------


class NotFoundError(Exception):
    def __init__(self, name, code=404):
        super().__init__(name, code)
        self.code = code


class StubbornError(Exception):
    def __init__(self, *, keyword):
        super().__init__(f"has {keyword}")


def raising(cache, make, **options):
    calls = []

    @cache.cached(track_code="off", **options)
    def f(x=0):
        calls.append(x)
        raise make()

    return f, calls


def caught(f):
    with pytest.raises(Exception) as info:
        f()
    return info.value


def test_a_remembered_exception_is_raised_again_without_running_the_function(cache):
    f, calls = raising(cache, lambda: NotFoundError("page", 410), exceptions=NotFoundError)
    first, second = caught(f), caught(f)
    assert len(calls) == 1
    assert type(second) is NotFoundError
    assert (second.args, second.code) == (first.args, first.code) == (("page", 410), 410)
    assert f.cache_info()[:2] == (1, 1)


def test_it_comes_with_its_notes_and_its_cause(cache):
    def make():
        error = NotFoundError("page")
        error.add_note("looked everywhere")
        error.__cause__ = KeyError("shelf")
        error.__cause__.add_note("third from the left")
        return error

    f, _ = raising(cache, make, exceptions=(NotFoundError,))
    caught(f)
    error = caught(f)
    assert error.__notes__ == ["looked everywhere"]
    assert repr(error.__cause__) == "KeyError('shelf')"
    assert error.__cause__.__notes__ == ["third from the left"]
    assert error.__suppress_context__


def test_each_caller_gets_an_exception_and_a_traceback_of_its_own(cache):
    f, _ = raising(cache, lambda: NotFoundError("page"), exceptions=[NotFoundError])
    caught(f)
    errors = [caught(f) for _ in range(3)]
    assert len({id(error) for error in errors}) == 3
    assert len({len(traceback.extract_tb(error.__traceback__)) for error in errors}) == 1


def test_a_subclass_is_remembered_and_another_exception_is_not(cache):
    f, calls = raising(cache, lambda: FileNotFoundError(2, "gone"), exceptions=OSError)
    g, others = raising(cache, lambda: ValueError("other"), exceptions=OSError)
    for function in (f, f, g, g):
        caught(function)
    assert (len(calls), len(others)) == (1, 2)


def test_exceptions_have_a_ttl_of_their_own(cache):
    f, calls = raising(cache, lambda: NotFoundError("page"), exceptions=NotFoundError, ttl="1h", exception_ttl=5)
    with freeze_time(START) as clock:
        caught(f)
        clock.tick(4.999999)
        caught(f)
        assert len(calls) == 1
        clock.tick(0.000001)
        caught(f)
        assert len(calls) == 2


def test_what_is_no_longer_among_the_exceptions_is_computed(tmp_path):
    f, calls = raising(Cache(DirectoryStore(tmp_path)), lambda: NotFoundError("page"), exceptions=NotFoundError)
    g, others = raising(Cache(DirectoryStore(tmp_path)), lambda: NotFoundError("page"))
    caught(f)
    caught(g)
    assert (len(calls), len(others)) == (1, 1)


def test_an_exception_that_would_not_come_back_as_it_was_is_raised_and_not_stored(cache, caplog):
    f, calls = raising(cache, lambda: StubbornError(keyword=1), exceptions=StubbornError)
    assert str(caught(f)) == str(caught(f)) == "has 1"
    assert len(calls) == 2
    assert "could not store" in caplog.text


def test_an_exception_as_a_value_is_returned(cache):
    f = cache.cached(exceptions=ValueError)(lambda: ValueError("a value"))
    assert [str(f()), str(f())] == ["a value", "a value"]
    assert f.cache_info().hits == 1


def test_peek_says_that_an_exception_is_stored(cache):
    f, _ = raising(cache, lambda: NotFoundError("page"), exceptions=NotFoundError)
    caught(f)
    stored = f.cache_peek()
    assert stored.raises
    assert isinstance(stored.value, NotFoundError)


def test_a_stored_exception_is_never_served_for_a_value_by_the_quick_way():
    cache = Cache(MemoryStore())
    outcome = [1]

    @cache.cached(track_code="off", exceptions=ValueError)
    def f(x):
        if outcome[0] is None:
            raise ValueError("now it fails")
        return outcome[0]

    for _ in range(10):
        f(1)
    outcome[0] = None
    with pytest.raises(ValueError, match="now it fails"):
        f.cache_refresh(1)
    for _ in range(5):
        with pytest.raises(ValueError, match="now it fails"):
            f(1)


def test_a_stored_exception_is_never_learned_by_the_quick_way():
    cache = Cache(MemoryStore())
    f, _calls = raising(cache, lambda: ValueError("no"), exceptions=ValueError)
    caught(f)
    (record,) = cache.store.entries.values()
    assert record.raises
    assert record.shortcut is None


@pytest.mark.parametrize("given", [KeyboardInterrupt, BaseException, (ValueError, SystemExit), "ValueError", [1]])
def test_only_exceptions_can_be_remembered(cache, given):
    with pytest.raises(ConfigurationError, match="exceptions="):
        cache.cached(exceptions=given)(lambda: 0)


# -- migration -------------------------------------------------------------------------------------------------------


ANSWERS = {}  # not captured: captured values are part of the key


def versioned(cache, value, **options):
    calls = ANSWERS["calls"] = []
    ANSWERS["value"] = value

    @cache.cached(**options)
    def f(x=0):
        ANSWERS["calls"].append(x)
        return ANSWERS["value"]

    return f, calls


def upgrade_to_2(value):
    return {**value, "two": True}


def upgrade_to_3(value):
    return {**value, "three": True}


def test_an_older_value_is_upgraded_step_by_step_once_and_stored(cache):
    versioned(cache, {"one": True}, version=1)[0]()
    steps = []

    def to_3(value):
        steps.append(value)
        return upgrade_to_3(value)

    f, calls = versioned(cache, None, version=3, migrate={1: upgrade_to_2, 2: to_3})
    wanted = {"one": True, "two": True, "three": True}
    assert [f(), f()] == [wanted, wanted]
    assert calls == []
    assert steps == [{"one": True, "two": True}]
    assert f.cache_info()[:2] == (2, 0)


def test_the_newest_older_version_is_taken(cache):
    versioned(cache, {"one": True}, version=1)[0]()
    versioned(cache, {"newer": True}, version=2)[0]()
    f, _ = versioned(cache, None, version=3, migrate={1: upgrade_to_2, 2: upgrade_to_3})
    assert f() == {"newer": True, "three": True}


def test_a_failing_migration_is_a_miss_with_a_warning(cache, caplog):
    versioned(cache, {"one": True}, version=1)[0]()
    f, calls = versioned(cache, "computed", version=2, migrate={1: lambda value: value["missing"]})
    assert [f(), f()] == ["computed", "computed"]
    assert len(calls) == 1
    assert "from version 1" in caplog.text
    assert "KeyError" in caplog.text


def test_an_upgraded_value_keeps_its_age(cache):
    with freeze_time(START) as clock:
        versioned(cache, {}, version=1, ttl=10)[0]()
        clock.tick(6)
        f, _calls = versioned(cache, "computed", version=2, ttl=10, migrate={1: upgrade_to_2})
        assert f() == {"two": True}
        clock.tick(4)
        assert f() == "computed"


def test_an_expired_older_value_is_not_migrated(cache):
    with freeze_time(START) as clock:
        versioned(cache, {}, version=1, ttl=10)[0]()
        clock.tick(10)
        f, _calls = versioned(cache, "computed", version=2, ttl=10, migrate={1: upgrade_to_2})
        assert f() == "computed"


def test_an_old_program_does_not_see_a_newer_entry(cache):
    versioned(cache, "new", version=2, migrate={1: upgrade_to_2})[0]()
    f, calls = versioned(cache, "old", version=1)
    assert f() == "old"
    assert len(calls) == 1


def test_a_refresh_computes_instead_of_migrating(cache):
    versioned(cache, {}, version=1)[0]()
    f, _calls = versioned(cache, "computed", version=2, migrate={1: upgrade_to_2})
    assert f.cache_refresh() == "computed"


@pytest.mark.parametrize(
    "options",
    [
        {"version": 3, "migrate": {1: upgrade_to_2}},
        {"version": 2, "migrate": {1: upgrade_to_2, 2: upgrade_to_3}},
        {"version": "2", "migrate": {1: upgrade_to_2}},
        {"version": 2, "migrate": {"1": upgrade_to_2}},
        {"version": 2, "migrate": {1: "upgrade"}},
        {"version": 2, "migrate": {True: upgrade_to_2}},
    ],
)
def test_steps_that_do_not_lead_to_the_version_are_an_error_when_decorating(cache, options):
    with pytest.raises(ConfigurationError, match="migrate="):
        cache.cached(**options)(lambda: 0)
