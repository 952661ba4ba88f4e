"""Encoding in one call, or as the serializer does: the same stream, for every value and in whatever order they come."""

import datetime
import threading

import pytest
from helpers.needed import need
from hypothesis import given
from hypothesis import strategies as st

from memopickle import PickleSerializer
from memopickle.encoder import Encoder
from memopickle.pages import LARGE
from memopickle.serializers import PICKLE

np = need("numpy")

SMALL = {"number": 1, "city": "paris"}

values = st.sampled_from([
    None,
    SMALL,
    (1, [2.5, "x"], {"y": b"z"}),
    datetime.date(2026, 11, 21),
    "x" * LARGE,
    {"large": bytes(LARGE)},
    bytearray(LARGE),
    np.float64(1.5),
    np.arange(9),
    np.arange(LARGE),
    np.arange(LARGE)[::2],
    {"since": np.array(["2026-11-21"] * LARGE, "M8[D]")},
])  # fmt: skip


@pytest.fixture
def calls(monkeypatch):
    """The values that were pickled in one call."""
    seen = []
    at_once = PickleSerializer.encode_at_once
    monkeypatch.setattr(
        PickleSerializer, "encode_at_once", lambda self, value: (seen.append(value), at_once(self, value))[1]
    )
    return seen


@given(st.lists(values, max_size=8))
def test_every_result_is_encoded_as_the_serializer_does_it(results):
    encoder = Encoder(PICKLE)
    for value in results:
        stream, buffers, size = encoder.encode(value)
        expected, beside = PICKLE.encode(value)
        assert b"".join(stream) == b"".join(expected)
        assert [bytes(buffer) for buffer in buffers] == [bytes(buffer) for buffer in beside]
        assert size == len(b"".join(expected))


def test_results_after_a_small_first_one_are_pickled_in_one_call(calls):
    encoder = Encoder(PICKLE)
    for _ in range(3):
        encoder.encode(SMALL)
    assert calls == [SMALL, SMALL]


@pytest.mark.parametrize("first", ["x" * LARGE, np.arange(LARGE)], ids=["text", "array"])
def test_where_the_first_result_is_large_none_is_pickled_in_one_call(calls, first):
    encoder = Encoder(PICKLE)
    encoder.encode(first)
    encoder.encode(SMALL)
    assert calls == []


@pytest.mark.parametrize("later", ["x" * LARGE, np.arange(LARGE), np.float64(1)], ids=["text", "array", "small array"])
def test_after_a_result_that_is_large_or_an_array_none_is_pickled_in_one_call(calls, later):
    encoder = Encoder(PICKLE)
    for value in (SMALL, later, SMALL, later):
        encoder.encode(value)
    assert len(calls) == 1


class Refused(Encoder):
    """Another thread decides against pickling in one call as soon as this one has seen that it may."""

    @property
    def _at_once(self):
        seen, self.__dict__["seen"] = self.__dict__.get("seen"), None
        return seen

    @_at_once.setter
    def _at_once(self, value):
        self.__dict__["seen"] = value


def test_a_decision_of_another_thread_in_between_costs_no_result(calls):
    encoder = Refused(PICKLE)
    for _ in range(2):
        assert encoder.encode(SMALL)[0] == PICKLE.encode(SMALL)[0]
    assert calls == [SMALL]


def test_with_a_list_of_what_is_allowed_it_is_asked_each_time():
    encoder = Encoder(PickleSerializer(allowed=[]))
    encoder.encode(SMALL)
    with pytest.raises(Exception, match=r"datetime"):
        encoder.encode(datetime.date(2026, 11, 21))


class Drained:
    """Pickling uses it up."""

    def __init__(self, count):
        self.items = iter(range(count))

    def __reduce__(self):
        return list, (), None, self.items


@pytest.mark.parametrize("count", [3, 5000, LARGE])
def test_a_value_is_pickled_once_whatever_its_size(count):
    encoder = Encoder(PICKLE)
    encoder.encode(SMALL)
    stream, buffers, _ = encoder.encode(Drained(count))
    assert PICKLE.decode(b"".join(stream), buffers) == list(range(count))


def test_what_cannot_be_pickled_changes_nothing_for_the_next(calls):
    encoder = Encoder(PICKLE)
    encoder.encode(SMALL)
    with pytest.raises(TypeError):
        encoder.encode(threading.Lock())
    encoder.encode(SMALL)
    assert calls[-1] == SMALL
