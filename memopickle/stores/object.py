"""Entries as objects in a bucket: S3, Google Cloud Storage, Azure, through obstore."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from memopickle.errors import ConfigurationError, StoreError
from memopickle.expiry import result_ttl
from memopickle.locks import KeyLock, NoLock
from memopickle.notices import warn_once
from memopickle.storekey import FUNCTION_SIZE, is_key
from memopickle.stores.base import HEAD_SIZE, Store, Summary, Writer
from memopickle.stores.bucket import Bucket
from memopickle.stores.bucketerrors import AlreadyThereError, ChangedError, UnsupportedError
from memopickle.stores.clearlog import ClearLog, Mark, user_log
from memopickle.stores.userfiles import user_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memopickle.typed import Blob

__all__ = ["ObjectStore"]

_FUNCTION = re.compile(r"[0-9a-f]{40}")
#: Bytes from which an entry goes up in parts, one request each; a condition is for one request only.
_LARGE = 16 << 20
#: Requests under way at once while many entries are looked at.
_AT_ONCE = 16


class ObjectStore(Store):
    """Entries as objects below a prefix of a bucket, shared by any number of machines.

    Args:
        url: ``s3://bucket/prefix``, ``gs://bucket/prefix``, ``az://container/prefix``, for tests ``memory://`` and
            ``file:///path``; or a store object of obstore. Never with credentials in it.
        ttl: for functions without one of their own; see :func:`memopickle.cached`.
        timeout: seconds that one request may take as a whole, connecting at most 2 of them; a failed one is
            repeated at most twice within this time. After that the service is left alone for a growing pause.
        config: what obstore's store for the service takes, such as ``region`` and ``endpoint``, and its
            ``client_options``, ``retry_config`` and ``credential_provider``. What is not given, above all the
            credentials, comes from the environment (``AWS_...``, ``GOOGLE_...``, ``AZURE_...``) or the machine's role.

    Needs the extra ``object``. Of several that compute one key at once the first keeps its value. Processes of one
    user on one machine compute a key once; two machines may compute it twice. A clear removes what is listed, and
    keeps out what processes of this user on this machine are computing then; what others compute is stored after it.

    Safe between threads. Can be pickled if made from a URL, without credentials. Not usable in a process forked from
    one that used it, where it raises StoreError: obstore's threads do not live on there.

    """

    def __init__(self, url: Any, ttl: object = None, *, timeout: float = 10.0, **config: Any) -> None:
        self.ttl: int | None = result_ttl(ttl)
        self._bucket = Bucket(url, timeout, config)
        #: Whether the service takes conditions, as far as is known.
        self._conditional = True

    def __repr__(self) -> str:
        return f"ObjectStore({self._bucket.place!r})"

    def open(self) -> None:
        self._bucket.check()

    def get(self, key: str) -> Blob | None:
        return self._bucket.read(_path(key))

    def head(self, key: str, size: int = HEAD_SIZE) -> Blob | None:
        return self._bucket.read(_path(key), size)

    def size(self, key: str) -> int:
        found = self._bucket.describe(_path(key))
        return 0 if found is None else int(found["size"])

    def set(self, key: str, chunks: Iterable[Blob], expires_at: float | None) -> None:
        self._put(key, list(chunks), expires_at, None)

    def delete(self, key: str) -> bool:
        self._note(key)
        if self._bucket.describe(_path(key)) is None:
            return False
        self._bucket.remove([key])
        return True

    def keys(self, prefix: str = "") -> Iterator[str]:
        return (found["path"] for found in self._entries(prefix))

    def functions(self, prefix: str = "") -> Iterator[str]:
        found = self._bucket.folders()
        return (name for name in found if _FUNCTION.fullmatch(name) and name.startswith(prefix[:FUNCTION_SIZE]))

    def summary(self, prefix: str = "") -> Summary:
        entries = size = 0
        times = []
        for found in self._entries(prefix):
            entries += 1
            size += found["size"]
            times.append(found["last_modified"].timestamp())
        return Summary(entries, size, min(times, default=None), max(times, default=None))

    def clear(self, prefix: str = "") -> int:
        self._note(prefix)
        return self._remove(list(self.keys(prefix)))

    def prune(self, now: int) -> int:
        from concurrent.futures import ThreadPoolExecutor

        keys = list(self.keys())
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            expired = pool.map(lambda key: self._is_expired(key, now), keys)
            return self._remove([key for key, gone in zip(keys, expired, strict=True) if gone])

    def writer(self, key: str) -> Writer:
        return _ObjectWriter(self, key)

    def lock(self, key: str) -> KeyLock:
        return NoLock() if self._bucket.is_private else user_lock(self.place(key))

    def place(self, key: str) -> str:
        return f"{self._bucket.place}/{_path(key)}"

    def version(self, key: str) -> dict[str, str] | None:
        """Return what tells this object from others under its key, or None if there is none. Internal."""
        found = self._bucket.describe(_path(key))
        return found and {name: found[name] for name in ("e_tag", "version") if found[name] is not None}

    def publish(self, key: str, chunks: list[Blob], expires_at: float | None, seen: dict[str, str] | None) -> bool:
        """Put an object if there is none, or still the one that was ``seen``; return False if that was removed.

        Whoever put another there in the meantime computed the same, so that is as good. Internal.
        """
        mode = "create" if seen is None else seen
        try:
            # A directory takes no condition but "create", and on one machine the log is enough.
            self._put(key, chunks, expires_at, None if seen and self._bucket.is_local else mode)
        except AlreadyThereError:
            return True
        except ChangedError:
            return self.version(key) is not None
        return True

    def log(self) -> ClearLog | None:
        """Return where this machine's clears are noted, None without such a place or somebody to tell. Internal."""
        if self._bucket.is_private:
            return None
        with suppress(StoreError):
            return user_log(self._bucket.place)
        return None

    def _note(self, prefix: str) -> None:
        log = self.log()
        if log is not None:
            with suppress(OSError):  # then a late value may be stored, as another machine's may
                log.note(prefix)

    def _put(self, key: str, chunks: list[Blob], expires_at: float | None, mode: Any) -> None:
        large = sum(map(len, chunks)) > _LARGE
        if mode is not None and self._conditional and not large:
            try:
                self._bucket.write(_path(key), chunks, expires_at, mode)
                return
            except UnsupportedError as error:
                self._conditional = False
                self._tell(error.message)
        self._bucket.write(_path(key), chunks, expires_at, "overwrite", in_parts=large)

    def _tell(self, reason: str) -> None:
        warn_once(
            ("conditional", self._bucket.place),
            f"{self._bucket.place} takes no conditional writes ({reason}); of several that compute a key at once the "
            f"last one's value is kept",
        )

    def _entries(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Iterate over what is listed of the objects whose keys begin with ``prefix``."""
        # A service lists whole folders only.
        short = 0 < len(prefix) < FUNCTION_SIZE
        for folder in self.functions(prefix) if short else [prefix[:FUNCTION_SIZE]]:
            for found in self._bucket.objects(folder):
                # Only what has one of our names: a clear must not take others' objects along.
                if found["path"].startswith(prefix) and is_key(found["path"]):
                    yield found

    def _remove(self, keys: list[str]) -> int:
        if keys:
            self._bucket.remove(keys)
        return len(keys)


class _ObjectWriter(Writer):
    """Publishes if, since it was opened, nobody else did, and nobody on this machine cleared the key."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        super().__init__(store, key)
        self._objects = store
        self._log = store.log()
        self._mark: Mark | None = None
        if self._log is not None:
            with suppress(OSError):
                self._mark = self._log.mark()
        self._seen = store.version(key)

    def publish(self, chunks: Iterable[Blob], expires_at: float | None) -> bool:
        if self._cleared():
            return False
        published = self._objects.publish(self._key, list(chunks), expires_at, self._seen)
        # Again: a clear between the first look and now may have listed the keys without this one.
        if published and self._cleared():
            self.retract()
            return False
        return published

    def _cleared(self) -> bool:
        if self._log is None or self._mark is None:
            return False
        try:
            return self._log.names(self._key, self._mark)
        except OSError:
            return False


def _path(key: str) -> str:
    if not is_key(key):
        raise ConfigurationError(f"key={key!r}: a store key is 40 hex digits, '/', 64 hex digits, '.', 16 hex digits")
    return key
