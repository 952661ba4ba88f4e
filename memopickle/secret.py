"""The signing secrets: where they come from, and the checks they must pass.

Looked for in this order: the ``secret=`` argument, ``MEMOPICKLE_SECRET`` (several by comma: the first signs, all
verify), the file named by ``MEMOPICKLE_SECRET_FILE`` (one a line), and a file of this user that is made on first
use with 32 random bytes, readable by this user only, never beside the entries.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress

from memopickle.errors import SecretError, UnavailableError
from memopickle.files import POSIX, READ_FLAGS, WRITE_FLAGS, keep_private, make_directories, write_all
from memopickle.signing import Signer, make_signer
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MIN_SECRET_SIZE", "Secret", "find_secrets", "new_secret", "own_secrets", "user_secret_path"]

MIN_SECRET_SIZE = 32
_MAX_FILE_SIZE = 65536
#: Seconds after which a temporary file is that of a process that was killed.
_ORPHAN_AGE = 3600
_MAKE = "python -c 'import secrets; print(secrets.token_hex(32))'"


class Secret:
    """A secret together with the algorithm that signs with it; what it holds is never shown.

    Args:
        value: at least 32 bytes, or text that has as many when encoded as UTF-8.
        algorithm: ``"blake3"`` (default) or ``"hmac-sha256"``.

    Raises SecretError if it is too short, ConfigurationError for an unknown algorithm.

    """

    __slots__ = ("signer",)
    signer: Signer

    def __init__(self, value: str | bytes, algorithm: str = "blake3") -> None:
        self.signer = make_signer(_checked(value, "secret="), algorithm)

    def __repr__(self) -> str:
        return f"Secret(<hidden>, algorithm={self.signer.algorithm!r})"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled: give it to the other process through the environment")


def find_secrets(given: object = None) -> list[Signer]:
    """Return the signers for the configured secrets, the signing one first.

    Raises SecretError for a secret that is unusable, UnavailableError if the user's own file can't be had.
    """
    if given is not None:
        return _from_argument(given)
    if "MEMOPICKLE_SECRET" in os.environ:
        parts = os.environ["MEMOPICKLE_SECRET"].split(",")
        return _signers((part.strip() for part in parts), "the environment variable MEMOPICKLE_SECRET")
    if "MEMOPICKLE_SECRET_FILE" in os.environ:
        path = os.environ["MEMOPICKLE_SECRET_FILE"]
        return _from_file(path, _check_named_file, "the file named by MEMOPICKLE_SECRET_FILE")
    return _from_file(_ensure_user_file(), _check_own_file, "the secret file")


def own_secrets(path: str) -> list[bytes]:
    """Return the secrets listed in this user's own file, which must be as a file of ours is; SecretError."""
    return _listed(path, _check_own_file, "the secret file")


def new_secret() -> bytes:
    """Return a new secret: 32 random bytes as hex digits."""
    return os.urandom(32).hex().encode()


def user_secret_path() -> str:
    """Return the path of this user's own secret file; it need not exist."""
    import platformdirs  # 16 ms, only where no secret is configured

    folder = platformdirs.user_config_dir("memopickle", appauthor=False)
    if not os.path.isabs(folder):
        raise RuntimeError("this user has no home directory")
    return os.path.join(folder, "secret")


def _checked(value: object, source: str) -> bytes:
    raw = _encoded(value, source) if isinstance(value, str) else value
    if not isinstance(raw, bytes):
        raise SecretError(f"{source} must be text or bytes, not {type(value).__name__}")
    if len(raw) < MIN_SECRET_SIZE or not raw.strip():
        raise SecretError(
            f"{source} holds a secret of {len(raw.strip())} bytes; at least {MIN_SECRET_SIZE} are needed: "
            f"make one with {_MAKE}"
        )
    return raw


def _encoded(text: str, source: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # which holds the text, and must not be seen as cause or context
        error = SecretError(f"{source} holds characters that have no UTF-8; make one with {_MAKE}")
    raise error


def _signers(values: Iterable[str | bytes], source: str) -> list[Signer]:
    return [make_signer(_checked(value, source), "blake3") for value in values]


def _from_argument(given: object) -> list[Signer]:
    several: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise SecretError(f"secret= is an empty list; give at least one secret, made with {_MAKE}")
    return [one.signer if isinstance(one, Secret) else Secret(one).signer for one in several]


def _from_file(path: str, check: Check, source: str) -> list[Signer]:
    return _signers(_listed(path, check, source), f"{source} {path}")


def _listed(path: str, check: Check, source: str) -> list[bytes]:
    lines = _read_checked(path, check).splitlines()
    secrets = [line.strip() for line in lines if line.strip()]
    if not secrets:
        raise SecretError(f"{source} {path} is empty; write a secret into it, made with {_MAKE}, and chmod 600 {path}")
    return secrets


def _read_checked(path: str, check: Check) -> bytes:
    # Open first, then look at what was opened: a check by path could be about another file than the one read.
    try:
        fd = os.open(path, check.flags)
    except OSError as error:
        raise SecretError(f"cannot open the secret file {path}: {error.strerror}; {check.cure(path)}") from error
    try:
        check(path, os.fstat(fd))
        return os.read(fd, _MAX_FILE_SIZE)
    finally:
        os.close(fd)


class Check:
    """What a secret file must be like before a byte of it is believed."""

    flags: int = READ_FLAGS & ~getattr(os, "O_NOFOLLOW", 0)

    def cure(self, path: str) -> str:
        """Say how to mend it."""
        return f"make it a file that only you can read: chmod 600 {path}"

    def __call__(self, path: str, found: os.stat_result) -> None:
        """Raise SecretError if the opened file is not one we may use."""
        if not stat.S_ISREG(found.st_mode):
            raise SecretError(f"the secret file {path} is not a regular file; {self.cure(path)}")
        if POSIX and found.st_mode & self.forbidden:
            mode = stat.S_IMODE(found.st_mode)
            raise SecretError(
                f"the secret file {path} has mode {mode:04o}, others could {self.could}; {self.cure(path)}"
            )

    forbidden = stat.S_IWGRP | stat.S_IWOTH
    could = "write it"


class _NamedFile(Check):
    """The administrator's choice: may be a symlink and root's (container secrets), not writable by others."""


class _OwnFile(Check):
    """Ours: of this user, readable by nobody else, no link to somewhere else."""

    flags = READ_FLAGS
    forbidden = stat.S_IRWXG | stat.S_IRWXO
    could = "read or write it"

    def cure(self, path: str) -> str:
        return (
            f"mend it with: chmod 600 {path} (or remove it: a new secret is made, and old entries are computed again)"
        )

    def __call__(self, path: str, found: os.stat_result) -> None:
        super().__call__(path, found)
        if POSIX and found.st_uid != os.geteuid():
            raise SecretError(
                f"the secret file {path} belongs to user {found.st_uid}, not to you; remove it or set MEMOPICKLE_SECRET"
            )


_check_named_file = _NamedFile()
_check_own_file = _OwnFile()


def _ensure_user_file() -> str:
    try:
        path = user_secret_path()
        _remove_orphans(path)
        if not os.path.lexists(path):
            _make_user_file(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: no home directory can be found
        raise UnavailableError(
            f"no place for a signing secret ({error}); set MEMOPICKLE_SECRET or MEMOPICKLE_SECRET_FILE. "
            "Until then nothing is cached"
        ) from error
    return path


def _remove_orphans(path: str) -> None:
    """Remove what processes that were killed while writing a secret have left beside it."""
    folder, name = os.path.split(path)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(f"{name}.") and entry.name.endswith(".tmp") and _is_orphan(entry, name):
                os.unlink(entry.path)


def _is_orphan(entry: os.DirEntry[str], name: str) -> bool:
    import re  # where a process was killed

    if not re.fullmatch(r"\d+\.[0-9a-f]{16}\.tmp", entry.name[len(name) + 1 :]):
        return False
    found = entry.stat(follow_symlinks=False)
    is_mine = not POSIX or found.st_uid == os.geteuid()
    return stat.S_ISREG(found.st_mode) and is_mine and time.time() - found.st_mtime > _ORPHAN_AGE


def _make_user_file(path: str) -> None:
    """Write a new secret to one side and link it into place: of several processes exactly one succeeds."""
    make_directories(os.path.dirname(path))
    temporary = f"{path}.{os.getpid()}.{os.urandom(8).hex()}.tmp"
    fd = os.open(temporary, WRITE_FLAGS, 0o600)
    try:
        _write_secret(fd)
        _link(temporary, path)
    finally:
        os.unlink(temporary)


def _write_secret(fd: int) -> None:
    try:
        keep_private(fd)
        write_all(fd, [new_secret() + b"\n"])
        os.fsync(fd)
    finally:
        os.close(fd)


def _link(temporary: str, path: str) -> None:
    with suppress(FileExistsError):  # another process was first, and its secret is the one
        os.link(temporary, path)
