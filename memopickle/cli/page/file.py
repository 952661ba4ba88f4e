"""The file that the page goes into: whole or not at all, and never over something that is not a page of ours."""

from __future__ import annotations

import os
import stat
from functools import partial

import click

from memopickle.cli.page.document import GENERATOR
from memopickle.cli.units import clean
from memopickle.files import READ_FLAGS, close
from memopickle.replacing import replace_file

__all__ = ["check_target", "write_page"]

#: Bytes of a page within which it says what made it.
_HEAD = 2000
#: What a file is made with; the umask takes away from it.
_MODE = 0o666


def check_target(path: str, force: bool) -> None:
    """Raise UsageError unless a page may be written to a path."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise click.UsageError(f"{clean(folder)} is not a directory; make it first")
    if not os.path.lexists(path):
        return
    # Renaming over a device, a pipe or a link would put a file in its place.
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise click.UsageError(f"{clean(path)} is not a regular file; give another FILE, or '-' and redirect")
    if not force and not _is_ours(path):
        raise click.UsageError(f"{clean(path)} is not a page that memopickle made; --force overwrites it")


def write_page(path: str, page: str) -> None:
    """Put a page in its place; it has the mode of the old one, else what the umask leaves. OSError."""
    replace_file(path, [page.encode()], mode=_MODE, prepare=partial(_keep_mode, path))


def _is_ours(path: str) -> bool:
    try:
        fd = os.open(path, READ_FLAGS)
    except OSError:
        return False
    try:
        return GENERATOR.encode() in os.read(fd, _HEAD)
    finally:
        close(fd)


def _keep_mode(path: str, fd: int) -> None:
    if hasattr(os, "fchmod") and os.path.lexists(path):
        os.fchmod(fd, stat.S_IMODE(os.lstat(path).st_mode) & 0o777)
