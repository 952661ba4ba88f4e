"""Signing anew: what is cleared, invalidated or computed meanwhile is not brought back."""

import pytest

from memopickle import Cache, DirectoryStore, Secret, ShelveStore
from memopickle.audit import State
from memopickle.rotation import BUSY, CURRENT, RESIGNED, Resigner

OLD = "o" * 40
NEW = "n" * 40


def double(number):
    return [number] * 2


@pytest.fixture(params=["directory", "shelf"])
def store(request, tmp_path):
    return DirectoryStore(tmp_path / "cache") if request.param == "directory" else ShelveStore(tmp_path / "shelf")


@pytest.fixture
def cached(store):
    found = Cache(store, secret=OLD).cached(double, ttl="1d")
    found(1)
    return found


@pytest.fixture
def resign(store, cached):
    resigner = Resigner(store, [Secret(NEW).signer, Secret(OLD).signer])
    return lambda: resigner.resign(cached.cache_key(1)).state


def test_it_is_a_hit_for_who_knows_the_new_secret_only(resign, store):
    assert resign() == RESIGNED
    found = Cache(store, secret=NEW).cached(double, ttl="1d").cache_peek(1)
    assert found.value == [1, 1]


def test_its_times_stay(resign, store, cached):
    before = cached.cache_peek(1)
    resign()
    assert Cache(store, secret=NEW).cached(double, ttl="1d").cache_peek(1) == before


def test_a_second_time_there_is_nothing_to_do(resign):
    assert [resign(), resign()] == [RESIGNED, CURRENT]


def test_an_unknown_secret_stays(store, cached):
    resigner = Resigner(store, [Secret(NEW).signer, Secret("x" * 40).signer])
    assert resigner.resign(cached.cache_key(1)).state == State.UNKNOWN_SECRET
    assert cached.cache_contains(1)


def test_while_it_is_computed_it_is_left_alone(resign, store, cached):
    lock = store.lock(cached.cache_key(1))
    lock.acquire(0)
    try:
        assert resign() == BUSY
    finally:
        lock.release()


@pytest.mark.parametrize("forget", ["invalidate", "clear"])
def test_what_is_forgotten_meanwhile_is_not_brought_back(resign, store, cached, monkeypatch, forget):
    def forgetting(key):
        data = get(key)
        cached.cache_invalidate(1) if forget == "invalidate" else cached.cache_clear()
        return data

    get = store.get
    monkeypatch.setattr(store, "get", forgetting)
    assert resign() == State.GONE
    monkeypatch.undo()
    assert list(store.keys()) == []
