"""Stores by URL."""

import pytest

from memopickle import (
    ConfigurationError,
    DirectoryStore,
    MemoryStore,
    ObjectStore,
    ReadOnlyStore,
    ShelveStore,
    default_cache,
    open_store,
)
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
        ("dir:/a+b", DirectoryStore, {"path": "/a+b"}),
        ("dir:/a+b/memory+c", DirectoryStore, {"path": "/a+b/memory+c"}),
        ("s3://bucket/a/prefix?ttl=1h&region=eu-west-1", ObjectStore, {"ttl": 3600 * SECOND}),
        ("gs://bucket", ObjectStore, {"ttl": None}),
        ("az://container/prefix?timeout=1.5", ObjectStore, {"ttl": None}),
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
        ("drl:/a", "did you mean dir:"),
        ("S3://bucket", "did you mean s3:"),
        ("file:///var/cache", "dir:/path"),
        ("s3://", "name a bucket"),
        ("s3:bucket", "begin it with"),
        ("s3://bucket?timeout=soon", "soon"),
        ("s3://bucket?timeout=0", "timeout"),
        ("s3://bucket?secret_access_key=x", "secret_access_key does not belong"),
        ("readonly:", "begin it with"),
        ("readonly:memory:", "begins empty"),
        ("readonly:shelve:/a", "lock file"),
        ("dir:/a+memory:", "make it the first"),
        ("memory:+dir:/a?size=3", "size"),
        (3, "store URL 3"),
    ],
)
def test_a_wrong_url_is_an_error_that_says_what_is_wrong(url, told):
    with pytest.raises(ConfigurationError, match=told):
        open_store(url)


def test_a_malformed_query_is_a_configuration_error():
    with pytest.raises(ConfigurationError):
        open_store("dir:/a?ttl")


def test_joined_urls_are_the_tiers_of_one_store():
    store = open_store("memory:?maxsize=10&ttl=30s+dir:/a+b?durable=1+s3://bucket/prefix")
    memory, directory, objects = store.tiers
    assert (memory.maxsize, memory.ttl) == (10, 30 * SECOND)
    assert (directory.path, directory.durable) == ("/a+b", True)
    assert repr(objects) == "ObjectStore('s3://bucket/prefix')"


def test_readonly_is_around_what_follows_it():
    store = open_store("readonly:dir:/a?ttl=1h")
    assert type(store) is ReadOnlyStore
    assert (store.store.path, store.ttl) == ("/a", 3600 * SECOND)
    memory, below = open_store("memory:+readonly:dir:/a").tiers
    assert (type(memory), type(below)) == (MemoryStore, ReadOnlyStore)


@pytest.mark.parametrize(
    "url",
    [
        "s3://user:hunter2@bucket/prefix",
        "s3://bucket?secret_access_key=hunter2",
        "s3://bucket?token=hunter2",
        "s4://user:hunter2@bucket",
        "gs://bucket?ttl=hunter2x&password=hunter2",
        "dir:/a?password=hunter2",
        "nothing?password=hunter2",
    ],
)
def test_an_error_never_shows_a_password(url):
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    assert "password=hunter2" not in str(caught.value)
    assert ":hunter2" not in str(caught.value)
    assert "token=hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["memory:?ttl=30s+dir:{}", "readonly:dir:{}"])
def test_the_environment_takes_them(monkeypatch, tmp_path, url, secret):
    monkeypatch.setenv("MEMOPICKLE_STORE", url.format(tmp_path))
    assert repr(default_cache().store) == repr(open_store(url.format(tmp_path)))


def test_opening_touches_nothing(tmp_path):
    open_store(f"dir:{tmp_path}/cache"), open_store(f"shelve:{tmp_path}/shelf")
    assert list(tmp_path.iterdir()) == []
