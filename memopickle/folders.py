"""Looking into directories, and removing what is in them."""

from __future__ import annotations

import os

from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["open_directory", "remove_directory", "remove_file", "remove_own_file", "scan"]

_NEEDED = {os.open, os.mkdir, os.rename, os.unlink, os.access, os.stat}
#: Whether names can be relative to an open directory. On Windows a path must do: a folder that is cleared, and made
#: again, while a value is being computed may receive that value there.
_HAS_DIR_FD = hasattr(os, "O_DIRECTORY") and os.supports_dir_fd >= _NEEDED
# O_PATH, where there is such: enough for names relative to it, and quicker.
_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC if _HAS_DIR_FD else 0


def open_directory(path: str) -> tuple[int | None, str]:
    """Open a directory, which must not be a symlink; return its descriptor and what names below it begin with.

    The descriptor is for such names only, not for listing what is there.

    Without descriptors of directories they are None and the path.
    """
    if _HAS_DIR_FD:
        return os.open(path, _FLAGS), ""
    os.scandir(path).close()  # raises what opening would
    return None, f"{path}/"


def scan(path: str) -> Iterator[os.DirEntry[str]]:
    """Iterate over a directory; over nothing if it is gone."""
    try:
        with os.scandir(path) as found:
            yield from found
    except (FileNotFoundError, NotADirectoryError):
        return


def remove_file(path: str, dir_fd: int | None = None) -> bool:
    """Remove a file; return whether it was there."""
    try:
        os.unlink(path, dir_fd=dir_fd)
    except FileNotFoundError:
        return False
    return True


def remove_own_file(path: str) -> bool:
    """Remove a file of ours; a directory under one of our names stays."""
    try:
        return remove_file(path)
    except (IsADirectoryError, PermissionError):
        return False  # a directory under one of our names is somebody else's


def remove_directory(path: str, dir_fd: int | None = None) -> bool:
    """Remove a directory if it is empty; return whether it is gone."""
    try:
        os.rmdir(path, dir_fd=dir_fd)
    except OSError:
        return False
    return True
