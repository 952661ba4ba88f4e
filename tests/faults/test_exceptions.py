"""FAULTS 88: a stored exception is raised only if it was signed, for this call, as an exception."""

import os
import pickle
import time

import pytest

from memopickle import Cache, DirectoryStore
from memopickle.codec import Codec
from memopickle.expiry import SECOND
from memopickle.failures import freeze
from memopickle.header import EXCEPTION, VALUE, Facts
from memopickle.secret import find_secrets
from memopickle.serializers import PICKLE
from tests.faults.tools import SECRET, Marking


class QuotaError(Exception):
    pass


@pytest.fixture
def failing(tmp_path):
    """A function that fails and whose failure is stored, and how often it ran."""
    runs = []
    cache = Cache(DirectoryStore(tmp_path / "cache"), secret=SECRET)

    @cache.cached(track_code="off", exceptions=QuotaError)
    def fetch(page):
        runs.append(page)
        raise QuotaError(f"no quota for {page}")

    fetch.runs = runs
    fetch.store = cache.store
    return fetch


def outcome(fetch, page):
    with pytest.raises(QuotaError) as caught:
        fetch(page)
    return str(caught.value)


def plant(fetch, page, data):
    path = fetch.store.place(fetch.cache_key(page))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def signed(fetch, page, value):
    codec = Codec(find_secrets(SECRET), "", PICKLE, kinds=(VALUE, EXCEPTION))
    created = round(time.time() * SECOND)
    return b"".join(codec.encode(fetch.cache_key(page), value, Facts(created, kind=EXCEPTION), EXCEPTION))


def test_88_what_is_signed_like_that_is_raised(failing):
    plant(failing, 1, signed(failing, 1, freeze(QuotaError("from the store"))))
    assert outcome(failing, 1) == "from the store"
    assert failing.runs == []


def test_88_every_changed_byte_of_a_stored_exception_is_refused(failing):
    outcome(failing, 1)
    good = bytes(failing.store.get(failing.cache_key(1)))
    for position in range(len(good)):
        plant(failing, 1, good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        assert outcome(failing, 1) == "no quota for 1"
    assert len(failing.runs) == 1 + len(good)


def test_88_an_exception_of_another_call_is_refused(failing):
    outcome(failing, 1)
    plant(failing, 2, bytes(failing.store.get(failing.cache_key(1))))
    assert outcome(failing, 2) == "no quota for 2"
    assert failing.runs == [1, 2]


def test_88_an_unsigned_exception_is_never_unpickled(failing, tmp_path):
    marker = tmp_path / "marker"
    plant(failing, 1, pickle.dumps({"error": Marking(marker), "cause": None, "quiet": False}))
    assert outcome(failing, 1) == "no quota for 1"
    assert not marker.exists()


def test_88_a_value_signed_as_an_exception_is_refused_and_not_raised(failing):
    plant(failing, 1, signed(failing, 1, "no exception"))
    assert outcome(failing, 1) == "no quota for 1"


def test_88_a_signed_exception_of_another_class_runs_the_function(failing):
    plant(failing, 1, signed(failing, 1, freeze(KeyError("not among those remembered"))))
    assert outcome(failing, 1) == "no quota for 1"
