"""Memory for large values."""

from __future__ import annotations

from contextlib import suppress

__all__ = ["LARGE", "copied", "fresh_memory"]

#: Bytes from which on a value gets pages of its own, and from which on large ones: as few faults as for NumPy's own.
LARGE = 65536
_HUGE = 1 << 22
#: Bytes up to which malloc hands out again what was freed (glibc's limit), whose pages are there: faster than new ones.
_REUSED = 1 << 25


def fresh_memory(size: int) -> memoryview:
    """Return zeroed memory of this process; OSError or MemoryError if there is not as much."""
    # Anonymous pages come zeroed as they are touched, where bytearray(size) would write all of them first. Private:
    # by default such a mapping is shared with forked children, and with it the arrays that lie in it.
    if size < LARGE:
        return memoryview(bytearray(size))
    import mmap  # its own file, for large results only

    if hasattr(mmap, "MAP_PRIVATE"):
        pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a kernel that was built without them
                pages.madvise(mmap.MADV_HUGEPAGE)
        return memoryview(pages)
    return memoryview(bytearray(size))


def copied(data: bytes | bytearray | memoryview) -> memoryview:
    """Return a copy that may be changed."""
    view = memoryview(data)
    if view.nbytes <= _REUSED:
        return memoryview(bytearray(view))
    own = fresh_memory(view.nbytes)
    own[:] = view
    return own
