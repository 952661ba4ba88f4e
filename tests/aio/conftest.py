"""Caches in each of the stores that need no server."""

import pytest

from memopickle import Cache, DirectoryStore, MemoryStore, ShelveStore

SECRET = "a secret of more than 32 bytes, for the tests"


@pytest.fixture(params=["directory", "shelve", "memory", "objects"])
def cache(request, tmp_path, events):
    stores = {
        "directory": lambda: DirectoryStore(tmp_path / "cache"),
        "shelve": lambda: ShelveStore(tmp_path / "shelf"),
        "memory": MemoryStore,
        "objects": lambda: MemoryStore(copy=False),
    }
    return Cache(stores[request.param](), secret=SECRET, on_event=events.append)


@pytest.fixture
def disk(tmp_path, events):
    return Cache(DirectoryStore(tmp_path / "cache"), secret=SECRET, on_event=events.append)
