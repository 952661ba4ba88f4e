"""The settings file of a project: which one it is, and whether it may be believed."""

from __future__ import annotations

import os
import stat

from memopickle.errors import ConfigurationError
from memopickle.files import POSIX, READ_FLAGS, close, read_rest
from memopickle.notices import warn_once
from memopickle.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PYPROJECT", "ProjectFile", "find_file"]

PYPROJECT = "pyproject.toml"
#: Looked for in this order in each directory.
_NAMES = ("memopickle.toml", PYPROJECT)
_FLAGS = READ_FLAGS & ~getattr(os, "O_NOFOLLOW", 0)
_MAX_SIZE = 1 << 20


class ProjectFile(NamedTuple):
    """A settings file that may be believed."""

    path: str
    text: str
    #: Whether MEMOPICKLE_CONFIG names it; else it was found.
    named: bool


def find_file() -> ProjectFile | None:
    """Return the settings file: the one that ``MEMOPICKLE_CONFIG`` names, else the nearest above the working directory.

    ``MEMOPICKLE_CONFIG=/dev/null`` means none. A found file that another user owns or could write is ignored, with
    one warning if it holds settings. ConfigurationError if the named one is like that, or can't be read.
    """
    named = os.environ.get("MEMOPICKLE_CONFIG")
    if named:
        return None if named == os.devnull else _named_file(os.path.abspath(os.path.expanduser(named)))
    for path in _candidates():
        try:
            return _found_file(path)
        except OSError:
            continue  # not there, in almost all cases
    return None


def _candidates() -> Iterator[str]:
    try:
        folder = os.getcwd()
    except OSError:
        return  # the working directory was deleted
    while True:
        for name in _NAMES:
            yield os.path.join(folder, name)
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return


def _named_file(path: str) -> ProjectFile:
    try:
        data, doubt = _read(path, named=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the settings file {path}, which MEMOPICKLE_CONFIG names ({error.strerror}); "
            "name one that you can read"
        ) from error
    if doubt:
        raise ConfigurationError(f"the settings file {path}, which MEMOPICKLE_CONFIG names, is not used: {doubt}")
    return ProjectFile(path, _decode(path, data), named=True)


def _found_file(path: str) -> ProjectFile | None:
    data, doubt = _read(path, named=False)
    if os.path.basename(path) == PYPROJECT and not _speaks_of_us(data):
        return None
    if doubt:
        warn_once(("settings", path), f"the settings file {path} is not used: {doubt}")
        return None
    return ProjectFile(path, _decode(path, data), named=False)


def _read(path: str, named: bool) -> tuple[bytes, str]:
    """Return what is in a file, and why it is not to be believed, ``""`` if it is."""
    # Open first, then look at what was opened: a check by path could be about another file than the one read.
    fd = os.open(path, _FLAGS)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return b"", "it is not a regular file; name one with MEMOPICKLE_CONFIG"
        if found.st_size > _MAX_SIZE:
            return b"", f"it is larger than {_MAX_SIZE} bytes; keep the settings in one of their own, memopickle.toml"
        return bytes(read_rest(fd, found.st_size)), _doubt(path, found, named)
    finally:
        close(fd)


def _doubt(path: str, found: os.stat_result, named: bool) -> str:
    if not POSIX:
        return ""
    # Who can plant a link where we look for a file could choose another file of ours.
    for uid in (found.st_uid, found.st_uid if named else os.lstat(path).st_uid):
        if uid != os.geteuid() and not (named and uid == 0):
            return f"it belongs to user {uid}, not to you; make it yours, or name one with MEMOPICKLE_CONFIG"
    if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _is_private(found.st_gid)):
        return f"others can write it; mend it with chmod go-w {path}"
    return ""


def _is_private(gid: int) -> bool:
    """Tell whether a group is this user's own, as distributions make one for each user: then it is nobody else."""
    import grp  # for files that a group can write only
    import pwd

    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _speaks_of_us(data: bytes) -> bool:
    """Tell whether there may be a ``[tool.memopickle]``: to import tomllib for nothing would cost every program."""
    import re

    return re.search(rb"""memopickle["']?\s*[.=]|\.\s*["']?memopickle["']?\s*\]""", data) is not None


def _decode(path: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}, line {line}: not UTF-8, as a TOML file must be; save it so") from None
