"""The stores that need no server, by what tests call them."""

from memopickle import DirectoryStore, MemoryStore, ShelveStore

#: Those that a test of a cache runs with; the last keeps the objects themselves.
LOCAL = ["directory", "shelve", "memory", "objects"]


def local_store(kind, folder):
    """Return a store of one kind, in or below a folder."""
    makers = {
        "directory": lambda: DirectoryStore(folder / "cache"),
        "shelve": lambda: ShelveStore(folder / "shelf"),
        "memory": MemoryStore,
        "objects": lambda: MemoryStore(copy=False),
    }
    return makers[kind]()
