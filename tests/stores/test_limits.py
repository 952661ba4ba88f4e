"""Limits as users write them."""

import pytest

from memopickle import ConfigurationError, DirectoryStore, open_store


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500", 500),
        ("500B", 500),
        ("10 kB", 10_000),
        ("500MB", 500_000_000),
        ("1GiB", 1 << 30),
        ("1.5 GiB", 3 << 29),
        (" 2tib ", 2 << 40),
        ("0", 0),
        (".5KiB", 512),
        (7, 7),
        (None, None),
    ],
)
def test_a_size_may_be_text(tmp_path, text, size):
    assert DirectoryStore(tmp_path, max_bytes=text).max_bytes == size


@pytest.mark.parametrize(
    "wrong",
    ["", "GB", "-1", "1e5", "1,5GB", "1.2.3MB", "5 apples", "٣MB", "inf", "nan", ".", -1, True, 1.5, b"1"],
    ids=repr,
)
def test_what_is_no_size_is_an_error_when_made(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match="max_bytes="):
        DirectoryStore(tmp_path, max_bytes=wrong)


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "10"], ids=repr)
def test_what_is_no_number_of_entries_is_an_error_when_made(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match="max_entries="):
        DirectoryStore(tmp_path, max_entries=wrong)


def test_limits_and_mapping_can_be_given_in_a_url():
    store = open_store("dir:/x?max_bytes=1.5GiB&max_entries=10&mmap=1")
    assert (store.max_bytes, store.max_entries, store.mmap) == (3 << 29, 10, True)


@pytest.mark.parametrize("query", ["max_bytes=lots", "max_bytes=", "max_entries=-1", "max_entries=1GiB"])
def test_a_wrong_limit_in_a_url_is_an_error(query):
    with pytest.raises(ConfigurationError, match=query.partition("=")[0]):
        open_store(f"dir:/x?{query}")


def test_a_store_has_no_limits_unless_told(tmp_path):
    store = DirectoryStore(tmp_path)
    assert (store.max_bytes, store.max_entries, store.mmap) == (None, None, False)
