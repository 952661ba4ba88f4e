"""What could be wrong around a cache: looked at one by one, each finding with its cure."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from memopickle.catalog import describe
from memopickle.errors import MemopickleError, StoreError
from memopickle.expiry import SECOND, SKEW, wall_clock
from memopickle.files import POSIX, WRITE_FLAGS
from memopickle.folders import remove_file
from memopickle.header import FORMAT, format_of
from memopickle.mounts import file_system
from memopickle.rotation import head_of, key_id
from memopickle.secretfile import secret_source
from memopickle.stores.directory import DirectoryStore
from memopickle.stores.userfiles import lock_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memopickle.stores.base import Store
    from memopickle.typed import Blob

__all__ = ["NOTE", "OK", "WRONG", "Finding", "examine"]

OK, NOTE, WRONG = "ok", "note", "wrong"

#: How many entries are looked at; enough to see that something is wrong in general.
_SAMPLE = 200
#: Bytes free below which results are likely not to be stored, and below which one should know.
_TOO_LITTLE, _LITTLE = 50 * 10**6, 10**9
_FEW_INODES = 1000
_NEEDED = {"blake3": (1, 0), "filelock": (3, 30), "platformdirs": (4, 0)}
_OTHERS = ("click", "rich", "numpy", "redis", "obstore")


class Finding(NamedTuple):
    """One thing that was looked at."""

    subject: str
    #: OK, NOTE (works, but one should know) or WRONG.
    state: str
    text: str
    #: What to do about it, ``""`` where there is nothing to do.
    cure: str = ""


def examine(store: Store, exists: bool) -> Iterator[Finding]:
    """Look at everything around a store; a file is written beside the entries for a moment, and nothing kept.

    Args:
        store: what programs use.
        exists: whether it is there yet.

    """
    yield from _versions()
    yield from _guarded("secret", _secret)
    yield from _guarded("locks", _locks)
    if not exists:
        yield Finding("store", NOTE, "not there yet: the first stored result makes it")
        return
    if isinstance(store, DirectoryStore):
        for subject, look in _DIRECTORY.items():
            yield from _guarded(subject, look, store.path)
    yield from _guarded("entries", _entries, store)


def _guarded(subject: str, look: Callable[..., Iterator[Finding]], *arguments: object) -> Iterator[Finding]:
    """Turn what a look raises into a finding."""
    try:
        yield from look(*arguments)
    except (MemopickleError, OSError) as error:
        yield Finding(subject, WRONG, str(error))


# -- around any store -------------------------------------------------------------------------------------------------


def _versions() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    yield Finding("python", OK, f"{sys.version.split()[0]} at {sys.executable}")
    for name in ("memopickle", *_NEEDED, *_OTHERS):
        try:
            found = version(name)
        except PackageNotFoundError:
            continue  # what is needed was imported, from wherever; the others are extras
        least = _NEEDED.get(name, ())
        if _numbers(found) >= least:
            yield Finding(name, OK, found)
        else:
            wanted = ".".join(map(str, least))
            yield Finding(name, WRONG, f"{found}, but {wanted} is needed", f"pip install -U '{name}>={wanted}'")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _secret() -> Iterator[Finding]:
    source = secret_source()
    where = source.path or source.kind
    if not source.exists:
        yield Finding("secret", OK, f"none yet; the first stored result makes {where}")
        return
    signers = source.signers()  # SecretError says how to mend it
    yield Finding("secret", OK, f"{where}: {signers[0].key_id.hex()} signs, {len(signers)} listed")
    if len(signers) > 1:
        yield Finding(
            "secret", NOTE, "several secrets are listed: a rotation is under way",
            "memopickle secret rotate --drop-old ends it",
        )  # fmt: skip


def _locks() -> Iterator[Finding]:
    yield Finding("locks", OK, f"{lock_directory()}, for stores that bring no lock of their own")


def _entries(store: Store) -> Iterator[Finding]:
    keys = list(islice(store.keys(), _SAMPLE))
    if not keys:
        yield Finding("entries", OK, "none")
        return
    yield Finding("entries", OK, f"{len(keys)} looked at" if len(keys) == _SAMPLE else f"{len(keys)}")
    heads = [head_of(store, key) for key in keys]
    ours = [head for head in heads if format_of(head) in (None, FORMAT)]
    yield from _other_formats(len(heads) - len(ours), len(heads))
    yield from _unknown(ours, len(heads))
    yield from _future(store, keys)


def _other_formats(count: int, total: int) -> Iterator[Finding]:
    if count:
        yield Finding(
            "entries", NOTE, f"{count} of {total} have the entry format of another version, and are not used here",
            "clear them once no program of that version uses them; until then they harm nothing",
        )  # fmt: skip


def _unknown(heads: list[Blob], total: int) -> Iterator[Finding]:
    source = secret_source()
    try:
        known = {signer.key_id for signer in source.signers()}
    except MemopickleError:
        return  # told under "secret"
    count = sum(key_id(head) not in known for head in heads)
    if count:
        yield Finding(
            "entries", WRONG, f"{count} of {total} are damaged, or signed with a secret not configured here",
            "memopickle verify tells which; set MEMOPICKLE_SECRET to the one that signed them, or clear them",
        )  # fmt: skip


def _future(store: Store, keys: list[str]) -> Iterator[Finding]:
    latest = wall_clock() + SKEW / SECOND
    count = sum(info is not None and info.created > latest for info in (describe(store, key) for key in keys))
    if count:
        yield Finding(
            "clock", WRONG, f"{count} of {len(keys)} entries are from the future, and so not used",
            "set this machine's clock, and that of the machine that stored them (timedatectl shows it)",
        )  # fmt: skip


# -- around a directory -----------------------------------------------------------------------------------------------


def _permissions(path: str) -> Iterator[Finding]:
    if not POSIX:
        return
    found = os.stat(path)
    mode = stat.S_IMODE(found.st_mode)
    text = f"{path}, mode {mode:04o}, of user {found.st_uid}"
    if found.st_uid != os.geteuid():
        yield Finding(
            "permissions", NOTE, f"{text}, and you are user {os.geteuid()}",
            "run as the user whose programs fill it; entries signed with another user's secret are not used",
        )  # fmt: skip
    elif mode & 0o022 and not mode & stat.S_ISVTX:
        yield Finding("permissions", WRONG, f"{text}: others can delete entries or bring back old ones",
                      f"chmod go-w {path}")  # fmt: skip
    else:
        yield Finding("permissions", OK, text)


def _kind(path: str) -> Iterator[Finding]:
    kind = file_system(path)
    if kind.shared:
        yield Finding(
            "file system", NOTE, f"{kind.name} at {kind.mount}, over the network: entries are safe, but machines may "
            "compute the same call twice where flock does not reach across",
            "keep it on a local disk, or use a server store (redis:, s3:) for several machines",
        )  # fmt: skip
    else:
        yield Finding("file system", OK, f"{kind.name} at {kind.mount}")


def _space(path: str) -> Iterator[Finding]:
    free = shutil.disk_usage(path).free
    text = f"{free / 10**9:,.1f} GB free"
    cure = f"make room, or less: memopickle prune {path}; memopickle clear {path} --older-than 7d"
    state = WRONG if free < _TOO_LITTLE else NOTE if free < _LITTLE else OK
    yield Finding("space", state, text, cure if state != OK else "")
    if hasattr(os, "statvfs"):
        inodes = os.statvfs(path)
        if inodes.f_files and inodes.f_favail < _FEW_INODES:
            yield Finding("space", WRONG, f"only {inodes.f_favail} files can still be made", cure)


def _writing(path: str) -> Iterator[Finding]:
    # Of the name of a writer's temporary file, so that prune removes it should we be killed.
    probe = os.path.join(path, f".mpk-{os.urandom(8).hex()}.tmp")
    try:
        fd = os.open(probe, WRITE_FLAGS, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot write ({error.strerror}), so that hits are served and nothing is stored; mend it with "
            f"chmod u+rwx {path}, or mount it writable"
        ) from error
    try:
        before = time.time()
        os.write(fd, b"memopickle doctor")
        written = os.fstat(fd).st_mtime
    finally:
        os.close(fd)
        remove_file(probe)
    yield Finding("writing", OK, "a file was written and removed")
    yield from _clock(written - before)


def _clock(ahead: float) -> Iterator[Finding]:
    if abs(ahead) * SECOND > SKEW:
        yield Finding(
            "clock", WRONG,
            f"the file system's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours",
            "let both machines keep time by NTP",
        )  # fmt: skip
    else:
        yield Finding("clock", OK, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


_DIRECTORY: dict[str, Callable[[str], Iterator[Finding]]] = {
    "permissions": _permissions,
    "file system": _kind,
    "space": _space,
    "writing": _writing,
}
