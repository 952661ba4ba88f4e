"""Putting a file in the place of another: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import os
from contextlib import suppress

from memopickle.files import WRITE_FLAGS, close, keep_private, replace, write_all
from memopickle.folders import remove_file
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memopickle.typed import Blob

__all__ = ["replace_file"]


def replace_file(
    path: str, pieces: Iterable[Blob], *, durable: bool = False, mode: int = 0o600,
    prepare: Callable[[int], object] = keep_private, prefix: str = ".mpk",
) -> None:  # fmt: skip
    """Write a file beside ``path`` and rename it there, in place of what is there. Raises OSError.

    ``mode`` is what it is made with, and ``prepare`` is called with its descriptor before it is filled. ``durable``:
    flush it to the disk before it is seen, and then its name. ``prefix``: of the name that it has until then, by which
    what a killed process left is recognised.
    """
    folder = os.path.dirname(path) or os.curdir
    temporary = os.path.join(folder, f"{prefix}-{os.urandom(8).hex()}.tmp")
    try:
        fd = os.open(temporary, WRITE_FLAGS, mode)
    except OSError as error:
        error.filename = path  # the one that the caller knows
        raise
    try:
        _fill(fd, pieces, durable, prepare)
        replace(temporary, path, None)
    except BaseException:
        with suppress(OSError):
            remove_file(temporary)
        raise
    if durable:
        _flush_directory(folder)


def _fill(fd: int, pieces: Iterable[Blob], durable: bool, prepare: Callable[[int], object]) -> None:
    try:
        prepare(fd)
        write_all(fd, pieces)
        if durable:
            os.fsync(fd)
    finally:
        close(fd)


def _flush_directory(path: str) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # Windows can't
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        close(fd)
