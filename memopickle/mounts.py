"""What kind of file system a path is on."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

__all__ = ["FileSystem", "file_system"]

_TABLE = "/proc/self/mountinfo"
_SHARED = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "ceph",
    "glusterfs",
    "lustre",
    "gpfs",
    "beegfs",
    "afs",
    "fuse.sshfs",
    "fuse.s3fs",
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


class FileSystem(NamedTuple):
    """A mounted file system; ``name`` is ``unknown`` where the system does not tell."""

    name: str
    mount: str
    #: Whether several machines may see it.
    shared: bool


def file_system(path: str) -> FileSystem:
    """Return the file system that a path is on."""
    real = os.path.realpath(path)
    best = FileSystem("unknown", "/", shared=False)
    for mount, name in _mounts():
        # Later lines are mounted over earlier ones.
        if _is_below(real, mount) and len(mount) >= len(best.mount):
            best = FileSystem(name, mount, name.startswith(_SHARED))
    return best


def _is_below(path: str, mount: str) -> bool:
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def _mounts() -> list[tuple[str, str]]:
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as table:
            return [_parsed(line) for line in table]
    except OSError:
        return []  # not Linux


def _parsed(line: str) -> tuple[str, str]:
    """Return mount point and kind; the kind comes after a lone dash, behind a varying number of fields."""
    before, _, after = line.partition(" - ")
    mount = _ESCAPE.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
    return mount, after.split(" ")[0]
