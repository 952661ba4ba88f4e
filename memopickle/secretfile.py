"""Where the signing secrets come from, and changing the list of them in this user's own file."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from memopickle.errors import SecretError, UnavailableError
from memopickle.files import WRITE_FLAGS, keep_private, make_directories, replace, write_all
from memopickle.folders import remove_file
from memopickle.locks import locked_file
from memopickle.secret import find_secrets, new_secret, own_secrets, user_secret_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.signing import Signer

__all__ = ["SecretSource", "begin_rotation", "end_rotation", "make_secret", "secret_source"]

_PATIENCE = 30.0


class SecretSource(NamedTuple):
    """Where the secrets of this user's programs come from; says nothing about what they are."""

    #: ``"MEMOPICKLE_SECRET"``, ``"MEMOPICKLE_SECRET_FILE"`` or ``"own file"``.
    kind: str
    #: The path of the file, ``""`` for the environment variable itself.
    path: str
    #: Whether there is a secret yet: one of our own is made when the first result is stored.
    exists: bool

    def signers(self) -> list[Signer]:
        """Return the signers, the signing one first; [] where there is none yet. Raises SecretError."""
        return find_secrets() if self.exists else []


def secret_source() -> SecretSource:
    """Say where secrets are looked for; makes and reads none. UnavailableError where there is no place for one."""
    if "MEMOPICKLE_SECRET" in os.environ:
        return SecretSource("MEMOPICKLE_SECRET", "", True)
    if "MEMOPICKLE_SECRET_FILE" in os.environ:
        return SecretSource("MEMOPICKLE_SECRET_FILE", os.environ["MEMOPICKLE_SECRET_FILE"], True)
    path = _own_path()
    return SecretSource("own file", path, os.path.lexists(path))


def make_secret(path: str | None = None) -> str:
    """Make a file with a new secret, by default this user's own, and return its path.

    Raises SecretError if the file is there: entries signed with what it holds would be lost.
    """
    target = _own_path() if path is None else os.path.abspath(path)
    try:
        make_directories(os.path.dirname(target))
        with _beside(target, [new_secret()]) as temporary:
            os.link(temporary, target)
    except FileExistsError:
        raise SecretError(
            f"{target} is there already and stays as it is; 'memopickle secret rotate' changes a secret"
        ) from None
    return target


def begin_rotation() -> bool:
    """Put a new secret first in this user's own file, unless several are listed already; return whether it was.

    Several: a rotation is under way, which a second one shall not disturb.
    """
    with _own_list() as secrets:
        if len(secrets) > 1:
            return False
        _replace(_own_path(), [new_secret(), *secrets])
        return True


def end_rotation() -> int:
    """Take all but the first secret off the list in this user's own file; return how many were taken off."""
    with _own_list() as secrets:
        if len(secrets) > 1:
            _replace(_own_path(), secrets[:1])
        return len(secrets) - 1


@contextmanager
def _own_list() -> Iterator[list[bytes]]:
    """Read the file under a lock: two rotations at once must not each put a secret of their own first."""
    path = _own_path()
    if not os.path.lexists(path):
        raise SecretError(
            f"there is no secret yet at {path}, so nothing was signed with one; 'memopickle secret make' makes it"
        )
    with locked_file(f"{path}.lock", _PATIENCE):
        yield own_secrets(path)


def _own_path() -> str:
    try:
        return user_secret_path()
    except RuntimeError as error:
        raise UnavailableError(
            f"no place for a signing secret ({error}); set MEMOPICKLE_SECRET or MEMOPICKLE_SECRET_FILE"
        ) from error


def _replace(path: str, secrets: list[bytes]) -> None:
    with _beside(path, secrets) as temporary:
        replace(temporary, path, None)


@contextmanager
def _beside(path: str, secrets: list[bytes]) -> Iterator[str]:
    """Write secrets to a temporary file beside the target, which has all of them or is not seen."""
    temporary = f"{path}.{os.getpid()}.{os.urandom(8).hex()}.tmp"
    try:
        _write(temporary, secrets)
        yield temporary
    finally:
        remove_file(temporary)


def _write(path: str, secrets: list[bytes]) -> None:
    fd = os.open(path, WRITE_FLAGS, 0o600)
    try:
        keep_private(fd)
        write_all(fd, [secret + b"\n" for secret in secrets])
        os.fsync(fd)
    finally:
        os.close(fd)
