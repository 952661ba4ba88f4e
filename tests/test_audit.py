"""What an auditor finds: each state, and that it unpickles nothing."""

import os

import pytest
from faults.tools import Marking

from memopickle import Cache, Secret
from memopickle.audit import Auditor, State

SECRET = "a secret of more than 32 bytes, for the tests"


@pytest.fixture
def key(cache, store):
    @cache.cached
    def double(number):
        return [number] * 2

    double(1)
    return double.cache_key(1)


@pytest.fixture
def state(store, key):
    return lambda secret=SECRET: Auditor(store, [Secret(secret).signer]).check(key).state


def test_good(state):
    assert state() == State.GOOD


def test_gone(state, store, key):
    store.delete(key)
    assert state() == State.GONE


def test_signed_by_another(state):
    assert state("x" * 32) == State.UNKNOWN_SECRET


def test_without_any_secret_nothing_is_known(store, key):
    assert Auditor(store, []).check(key).state == State.UNKNOWN_SECRET


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"", lambda data: b"x" * 99]
)
def test_damaged(state, store, key, spoil):
    store.set(key, [spoil(bytes(store.get(key)))], None)
    assert state() == State.DAMAGED


def test_another_format(state, store, key):
    data = bytearray(store.get(key))
    data[4:6] = (999).to_bytes(2, "little")
    store.set(key, [data], None)
    assert state() == State.UNKNOWN_FORMAT


def test_a_directory_in_its_place(state, store, key):
    os.unlink(store.place(key))
    os.mkdir(store.place(key))
    assert state() == State.DAMAGED


def test_of_whatever_compression(cache, store):
    packed = cache.cached(lambda number: "x" * 100_000, compress="zlib")
    packed(1)
    assert Auditor(store, [Secret(SECRET).signer]).check(packed.cache_key(1)).state == State.GOOD


def test_of_whatever_namespace(store):
    other = Cache(store, namespace="other", secret=SECRET).cached(lambda number: number)
    other(1)
    assert Auditor(store, [Secret(SECRET).signer]).check(other.cache_key(1)).state == State.GOOD


def test_a_good_entry_is_not_unpickled(cache, store, tmp_path):
    marking = cache.cached(lambda number: Marking(tmp_path / "unpickled"))
    marking(1)
    assert Auditor(store, [Secret(SECRET).signer]).check(marking.cache_key(1)).state == State.GOOD
    assert not (tmp_path / "unpickled").exists()
