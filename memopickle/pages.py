"""Memory for large values."""

from __future__ import annotations

import mmap
from contextlib import suppress

__all__ = ["LARGE", "fresh_memory"]

#: Bytes from which on a value gets pages of its own, and from which on large ones: as few faults as for NumPy's own.
LARGE = 65536
_HUGE = 1 << 22


def fresh_memory(size: int) -> memoryview:
    """Return zeroed memory of this process; OSError or MemoryError if there is not as much."""
    # Anonymous pages come zeroed as they are touched, where bytearray(size) would write all of them first. Private:
    # by default such a mapping is shared with forked children, and with it the arrays that lie in it.
    if size >= LARGE and hasattr(mmap, "MAP_PRIVATE"):
        pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a kernel that was built without them
                pages.madvise(mmap.MADV_HUGEPAGE)
        return memoryview(pages)
    return memoryview(bytearray(size))
