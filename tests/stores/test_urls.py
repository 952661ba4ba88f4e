"""Stores by URL."""

import pytest

from memopickle import ConfigurationError, DirectoryStore, MemoryStore, ShelveStore, open_store
from memopickle.expiry import SECOND


@pytest.mark.parametrize(
    ("url", "kind", "attributes"),
    [
        ("dir:/a/b", DirectoryStore, {"path": "/a/b", "ttl": None, "durable": False}),
        ("dir:/a b%20c%3Fd", DirectoryStore, {"path": "/a b c?d"}),
        ("dir:/a?ttl=1h&durable=1", DirectoryStore, {"path": "/a", "ttl": 3600 * SECOND, "durable": True}),
        ("dir:/a?durable=no", DirectoryStore, {"durable": False}),
        ("shelve:/a/b?ttl=1.5", ShelveStore, {"path": "/a/b", "ttl": 1_500_000}),
        ("memory:", MemoryStore, {"maxsize": None, "max_bytes": None}),
        ("memory:?maxsize=10&max_bytes=20&ttl=5", MemoryStore, {"maxsize": 10, "max_bytes": 20, "ttl": 5 * SECOND}),
    ],
)
def test_a_url_names_a_store_with_its_options(url, kind, attributes):
    store = open_store(url)
    assert type(store) is kind
    assert {name: getattr(store, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nothing", "dir:"),
        ("ftp://host", "shelve:"),
        ("", "memory:"),
        ("dir:", "path="),
        ("dir:/a?size=3", "size"),
        ("dir:/a?ttl=soon", "soon"),
        ("dir:/a?ttl=-1", "ttl"),
        ("shelve:/a?durable=1", "durable"),
        ("memory:/a", "no path"),
        ("memory:?maxsize=-1", "maxsize"),
        ("memory:?maxsize=ten", "ten"),
    ],
)
def test_a_wrong_url_is_an_error_that_says_what_is_wrong(url, told):
    with pytest.raises(ConfigurationError, match=told):
        open_store(url)


def test_a_malformed_query_is_a_configuration_error():
    with pytest.raises(ConfigurationError):
        open_store("dir:/a?ttl")


def test_opening_touches_nothing(tmp_path):
    open_store(f"dir:{tmp_path}/cache"), open_store(f"shelve:{tmp_path}/shelf")
    assert list(tmp_path.iterdir()) == []
