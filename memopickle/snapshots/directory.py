"""A directory of snapshots: laid out as one of a cache, but nothing that a backup should leave out."""

from __future__ import annotations

import os
from contextlib import suppress

from memopickle.errors import StoreError
from memopickle.files import make_directories
from memopickle.folders import remove_own_file
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.layout import TEMPORARY, own_files

__all__ = ["SnapshotDirectory", "remove_halves"]


class SnapshotDirectory(DirectoryStore):
    """What a path given to Snapshots becomes: each snapshot is flushed to the disk before it becomes visible."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, durable=True)

    def __repr__(self) -> str:
        return f"SnapshotDirectory({self.path!r})"

    def open(self) -> None:
        if not os.path.lexists(self.path):
            self._make()
        super().open()

    def make_folder(self, path: str) -> None:
        if not os.path.isdir(self.path):
            self._make()
        super().make_folder(path)

    def _make(self) -> None:
        # Before a cache's own making, which adds a tag that keeps backups away.
        try:
            make_directories(self.path)
        except OSError as error:
            raise StoreError(
                f"cannot make the directory of the snapshots ({error.strerror}); choose another path, or make it "
                "writable",
                self.path,
            ) from error


def remove_halves(folder: str) -> None:
    """Remove what killed processes have written of snapshots of one name, whose lock must be held."""
    for shard, name in list(own_files(folder, TEMPORARY)):
        with suppress(OSError):
            remove_own_file(os.path.join(folder, shard, name))
