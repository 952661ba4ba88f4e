"""The snapshots in a store: written, verified, listed and removed; nothing is unpickled here."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.errors import BadEntryError, StoreError, UnknownFormatError
from memopickle.header import EXCEPTION, HEADER, SNAPSHOT, VALUE, Facts, read_header, read_metadata
from memopickle.locks import undisturbed
from memopickle.purpose import Purpose
from memopickle.serializers import NameOnly
from memopickle.snapshots.directory import remove_halves
from memopickle.snapshots.info import SnapshotInfo, describe_state, info_of
from memopickle.snapshots.names import lock_key, name_part, namespace_digits, new_key, next_sequence
from memopickle.snapshots.turns import turn
from memopickle.stores.base import HEAD_SIZE
from memopickle.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from memopickle.entry import Entry
    from memopickle.locks import KeyLock
    from memopickle.serializers import Serializer
    from memopickle.signing import Signer
    from memopickle.stores.base import Store
    from memopickle.typed import Blob

__all__ = ["Archive", "Named", "named", "newest_first"]

#: Serializers are named by heads that are not verified yet: no more are kept than this.
_PURPOSES = 16


class Named(NamedTuple):
    """The snapshots of one name: what their keys begin with, and what it stands for, if a head tells that."""

    part: str
    namespace: str = ""
    name: str = ""


class Archive:
    """The snapshots of one namespace in one store.

    Args:
        store: where they are.
        namespace: of the program that saves them.
        find_signers: returns the secrets; called when they are first needed.
        serializer: None for verifying only, those of all serializers.

    Safe between threads.

    """

    def __init__(
        self,
        store: Store,
        namespace: str,
        find_signers: Callable[[], Sequence[Signer]],
        serializer: Serializer | None = None,
    ) -> None:
        self.store = store
        self._namespace = namespace
        self._find_signers = find_signers
        self._serializer = serializer
        self._purpose = lru_cache(_PURPOSES)(self._make_purpose)

    @cached_property
    def signers(self) -> Sequence[Signer]:
        """The secrets, looked for when first needed."""
        return self._find_signers()

    def names(self) -> list[str]:
        """Return the names that there are snapshots of, by what the heads say that belong to them; sorted."""
        found = named(self.store, namespace_digits(self._namespace))
        return sorted(one.name for one in found if one.name)

    def keys(self, name: str) -> list[str]:
        """Return the keys of the snapshots of a name, the newest first."""
        return newest_first(self.store, name_part(self._namespace, name))

    def newest(self, name: str) -> str:
        """Return the key of the newest snapshot of a name, "" if there is none."""
        return max(self.keys(name), default="")

    def locked(self, name: str, limit: float | None) -> AbstractContextManager[KeyLock]:
        """Hold the lock of a name; LockTimeoutError after ``limit`` seconds."""
        return turn(self.store, lock_key(name_part(self._namespace, name)), limit)

    def write(
        self, name: str, state: object, version: int | str, metadata: dict[str, Any], compress: str | None, now: int
    ) -> SnapshotInfo:
        """Save a state as the newest of its name, whose lock should be held."""
        serializer = self._serializer or NameOnly("")
        raw, read_back = describe_state(name, self._namespace, serializer.name, version, metadata)
        part = name_part(self._namespace, name)
        key = new_key(part, next_sequence(self.keys(name)))
        facts = Facts(now, metadata=raw, kind=SNAPSHOT)
        chunks = self._purpose(serializer.name).encode(key, state, facts, compress)
        if isinstance(self.store, DirectoryStore):
            remove_halves(f"{self.store.path}/{part}")
        with undisturbed(self.store.writer, key) as writer:
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
            size = self.store.size(key)
        except (StoreError, OSError):
            size = 0
        return info_of("", key, _head(self.store, key), size, None)

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
                raise UnknownFormatError(
                    f"it says that it was saved with serializer={told!r}, not {mine!r}; give that one to load it"
                )
            told = mine
        return self._purpose(told).decode(key, data)

    def _make_purpose(self, serializer: str) -> Purpose:
        chosen = self._serializer
        if chosen is None or chosen.name != serializer:
            chosen = NameOnly(serializer)
        return Purpose("snapshot", SNAPSHOT, self.signers, chosen, self._namespace)


def _size(chunks: Sequence[Blob]) -> int:
    return sum(memoryview(chunk).nbytes for chunk in chunks)


def named(store: Store, prefix: str = "") -> Iterator[Named]:
    """Give the names of which a store has snapshots, by their heads; what is not of snapshots is left out.

    A name counts only if it belongs to the keys it was found under, so that a damaged or planted head lends no other.
    """
    for part in store.functions(prefix):
        heads = [_head(store, key) for key in newest_first(store, part)]
        found = (_named_by(part, head) for head in heads)
        known = next(filter(None, found), None)
        if known or not any(map(_is_of_a_cache, heads)):
            yield known or Named(part)


def _named_by(part: str, head: Blob) -> Named | None:
    told = read_metadata(head)
    namespace, name = str(told.get("namespace", "")), str(told.get("snapshot", ""))
    return Named(part, namespace, name) if name and name_part(namespace, name) == part else None


def _is_of_a_cache(head: Blob) -> bool:
    try:
        return read_header(head).kind in (VALUE, EXCEPTION)
    except UnknownFormatError:
        return False


def newest_first(store: Store, part: str) -> list[str]:
    """Return the keys of the snapshots of a name, the newest first."""
    return sorted(store.keys(f"{part}/"), reverse=True)


def _head(store: Store, key: str) -> Blob:
    """Return the head of an entry with all of its metadata, as far as there is one."""
    try:
        head = store.head(key) or b""
        if len(head) >= HEADER.size:
            needed = HEADER.size + read_header(head).metadata_size
            if needed > len(head) == HEAD_SIZE:
                head = store.head(key, min(needed, store.size(key))) or b""
    except (StoreError, OSError):
        return b""
    return head
