"""Which entries are read within the event loop: those that take no longer than a change of threads would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.stores.base import Wrapper
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.stores.base import Store

__all__ = ["SMALLEST", "small_reads"]

#: Bytes of an entry that is read, verified and loaded at once: well below a millisecond.
SMALL = 1 << 16
#: The same where it is compressed, and has more in it.
SMALL_COMPRESSED = 1 << 12
#: The same of a record that is loaded some times over before others are asked whether it is their turn.
SMALLEST = 1 << 12


def small_reads(store: Store, compressed: bool) -> Callable[[str], bool]:
    """Return a function that tells, of a key, whether looking it up takes next to no time.

    Never for stores on a server, for those that lock to read, and for those of third parties.
    """
    limit = SMALL_COMPRESSED if compressed else SMALL
    if isinstance(store, DirectoryStore | MemoryStore):
        return lambda key: store.size(key) <= limit
    if isinstance(store, Wrapper) and store.memory is not None:
        memory = store.memory
        return lambda key: 0 < memory.size(key) <= limit
    inner = getattr(store, "store", None) if isinstance(store, Wrapper) else None
    return small_reads(inner, compressed) if inner is not None else lambda key: False
