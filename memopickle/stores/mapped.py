"""An entry's file of which parts are read, and the large arrays mapped."""

from __future__ import annotations

import mmap
import os
import sys

from memopickle.buffers import Source
from memopickle.files import read_rest

__all__ = ["MappedFile"]


class MappedFile(Source):
    """The source of an entry in an open file, which may be closed when the entry has been decoded.

    Entries are replaced and never written over, so what is mapped stays what it was, also when the entry is deleted.
    Before Python 3.13 each mapping keeps a file descriptor of its own.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._mapping: memoryview | None = None
        self.size: int = os.fstat(fd).st_size

    def read(self, start: int, stop: int) -> memoryview:
        os.lseek(self._fd, start, os.SEEK_SET)
        return memoryview(read_rest(self._fd, stop - start))

    def mapped(self, start: int, stop: int) -> memoryview | None:
        if self._mapping is None:
            try:
                self._mapping = memoryview(_map(self._fd, self.size))
            except (OSError, ValueError):  # a file system that maps nothing, or a file that is shorter by now
                return None
        return self._mapping[start:stop]


def _map(fd: int, size: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):
        return mmap.mmap(fd, size, access=mmap.ACCESS_READ, trackfd=False)
    return mmap.mmap(fd, size, access=mmap.ACCESS_READ)
