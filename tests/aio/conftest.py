"""Caches in each of the stores that need no server."""

import pytest
from helpers.stores import LOCAL, local_store

from memopickle import Cache, DirectoryStore

SECRET = "a secret of more than 32 bytes, for the tests"


@pytest.fixture(params=LOCAL)
def cache(request, tmp_path, events):
    return Cache(local_store(request.param, tmp_path), secret=SECRET, on_event=events.append)


@pytest.fixture
def disk(tmp_path, events):
    return Cache(DirectoryStore(tmp_path / "cache"), secret=SECRET, on_event=events.append)
