"""Entries with fixed contents."""

import pytest
from helpers.functions import Counted
from helpers.needed import need

from memopickle import Secret
from memopickle.codec import Codec
from memopickle.header import Facts
from memopickle.serializers import PICKLE
from memopickle.testing import store_key

CREATED = 1_700_000_000_000_000


@pytest.fixture
def codec(secret):
    return Codec([Secret(secret).signer], "a namespace", PICKLE)


@pytest.fixture
def key():
    return store_key("an argument")


@pytest.fixture
def facts():
    return Facts(CREATED, CREATED + 60_000_000, 5, b"c" * 16, b'{"function":"module:function"}')


@pytest.fixture
def entry(codec, key, facts):
    """A small entry without buffers."""
    return b"".join(codec.encode(key, ["a", "value"], facts))


@pytest.fixture
def large_entry(codec, key, facts):
    """An entry with two buffers, each after some padding."""
    numpy = need("numpy")
    value = [numpy.arange(4100, dtype="u1"), numpy.arange(600, dtype="f8")]
    return b"".join(codec.encode(key, value, facts))


@pytest.fixture
def double(cache):
    return Counted(cache)
