"""The snapshots in a store: written, verified, listed and removed; nothing is unpickled here."""

from __future__ import annotations

from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

from memopickle.entry import HEADER, SNAPSHOT, Facts, read_header, read_metadata
from memopickle.errors import BadEntryError, StoreError, UnknownFormatError
from memopickle.locks import undisturbed
from memopickle.purpose import Purpose, needed_secrets
from memopickle.snapshots.directory import remove_halves
from memopickle.snapshots.info import SnapshotInfo, describe_state, info_of
from memopickle.snapshots.names import lock_key, name_part, namespace_digits, new_key, next_sequence
from memopickle.snapshots.turns import turn
from memopickle.stores.base import HEAD_SIZE
from memopickle.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from memopickle.entry import Entry
    from memopickle.locks import KeyLock
    from memopickle.serializers import Serializer
    from memopickle.signing import Signer
    from memopickle.stores.base import Blob, Store

__all__ = ["Archive"]

#: Serializers are named by heads that are not verified yet: no more are kept than this.
_PURPOSES = 16


class _Named:
    """Stands for a serializer where nothing is made or loaded."""

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, value: Any) -> tuple[bytes, Sequence[memoryview]]:
        raise NotImplementedError

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview]) -> Any:
        raise NotImplementedError


class Archive:
    """The snapshots of one namespace in one store.

    ``serializer``: None for verifying only, those of all serializers. Safe between threads.
    """

    def __init__(self, store: Store, namespace: str, secret: object, serializer: Serializer | None = None) -> None:
        self.store = store
        self._namespace = namespace
        self._secret = secret
        self._serializer = serializer
        self._purpose = lru_cache(_PURPOSES)(self._make_purpose)

    @cached_property
    def signers(self) -> list[Signer]:
        """The secrets, looked for when first needed."""
        return needed_secrets(self._secret)

    def names(self) -> list[str]:
        """Return the names that there are snapshots of, by what the heads say that belong to them; sorted."""
        return sorted(filter(None, map(self.name_of, self.parts())))

    def parts(self) -> list[str]:
        """Return the name parts of the keys of all snapshots."""
        return sorted(self.store.functions(namespace_digits(self._namespace)))

    def name_of(self, part: str) -> str:
        """Return the name that a name part was made of, "" if no head of its snapshots tells."""
        for key in self.of_part(part):
            name = self.glance(key).name
            if name and name_part(self._namespace, name) == part:
                return name
        return ""

    def keys(self, name: str) -> list[str]:
        """Return the keys of the snapshots of a name, the newest first."""
        return self.of_part(name_part(self._namespace, name))

    def of_part(self, part: str) -> list[str]:
        """Return the keys with this name part, the newest first."""
        return sorted(self.store.keys(f"{part}/"), reverse=True)

    def locked(self, name: str, limit: float | None) -> AbstractContextManager[KeyLock]:
        """Hold the lock of a name; LockTimeoutError after ``limit`` seconds."""
        return turn(self.store, lock_key(name_part(self._namespace, name)), limit)

    def write(
        self, name: str, state: object, version: int | str, metadata: dict[str, Any], compress: str | None, now: int
    ) -> SnapshotInfo:
        """Save a state as the newest of its name, whose lock should be held."""
        serializer = self._serializer or _Named("")
        raw, read_back = describe_state(name, self._namespace, serializer.name, version, metadata)
        part = name_part(self._namespace, name)
        key = new_key(part, next_sequence(self.of_part(part)))
        facts = Facts(now, metadata=raw, kind=SNAPSHOT)
        chunks = self._purpose(serializer.name).encode(key, state, facts, compress)
        if isinstance(self.store, DirectoryStore):
            remove_halves(f"{self.store.path}/{part}")
        with undisturbed(partial(self.store.writer, key)) as writer:
            if not writer.publish(chunks, None):
                raise StoreError(f"the snapshot {name!r} was not saved: {writer.refusal}", self.store.place(key))
        return SnapshotInfo(name, key, now / 1_000_000, _size(chunks), version, read_back, True)

    def read(self, key: str) -> Entry | None:
        """Return a snapshot, verified; None if it is gone. Raises BadEntryError, StoreError, OSError."""
        data = self.store.get(key)
        return None if data is None else self._verified(key, data)

    def inspect(self, key: str, name: str = "") -> SnapshotInfo | None:
        """Return what is known of a snapshot, and whether it is good: all of it is read, and nothing unpickled."""
        data: Blob = b""
        try:
            found = self.store.get(key)
            if found is None:
                return None
            data = found
            self._verified(key, data)
        except BadEntryError as error:
            return info_of(name, key, data, len(data), False, error.message)
        except (StoreError, OSError) as error:
            return info_of(name, key, data, len(data), False, f"cannot be read ({error})")
        return info_of(name, key, data, len(data), True)

    def glance(self, key: str) -> SnapshotInfo:
        """Return what the head of a snapshot says, unverified."""
        try:
            head = self.store.head(key) or b""
            size = self.store.size(key)
            if len(head) == HEAD_SIZE and (needed := HEADER.size + read_header(head).metadata_size) > HEAD_SIZE:
                head = self.store.head(key, min(needed, size)) or b""
            return info_of("", key, head, size, None)
        except (StoreError, OSError):
            return info_of("", key, b"", 0, None)

    def delete(self, key: str) -> bool:
        """Remove one snapshot; return whether it was there."""
        return self.store.delete(key)

    @property
    def whereabouts(self) -> str:
        """What to call the store in messages."""
        return str(getattr(self.store, "path", "")) or repr(self.store)

    def place(self, key: str) -> str:
        """Say where a snapshot lies."""
        return self.store.place(key)

    def _verified(self, key: str, data: Blob) -> Entry:
        told = str(read_metadata(data).get("serializer", ""))
        if self._serializer is not None:
            mine = self._serializer.name
            if told and told != mine:
                raise UnknownFormatError(f"it says that it was saved with serializer={told!r}, not {mine!r}")
            told = mine
        return self._purpose(told).decode(key, data)

    def _make_purpose(self, serializer: str) -> Purpose:
        chosen = self._serializer
        if chosen is None or chosen.name != serializer:
            chosen = _Named(serializer)
        return Purpose("snapshot", SNAPSHOT, self.signers, chosen, self._namespace)


def _size(chunks: Sequence[Blob]) -> int:
    return sum(memoryview(chunk).nbytes for chunk in chunks)
