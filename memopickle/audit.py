"""Whether stored bytes are genuine entries: told key by key, nothing is unpickled, and nothing changed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from memopickle.codec import UNKNOWN_SECRET, Codec
from memopickle.errors import BadEntryError, StoreError, UnknownFormatError
from memopickle.header import FORMAT, SNAPSHOT, format_of, read_header, read_metadata
from memopickle.serializers import PICKLE, NameOnly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.entry import Entry
    from memopickle.signing import Signer
    from memopickle.stores.base import Store
    from memopickle.typed import Blob

__all__ = ["NOT_GOOD", "Auditor", "Checked", "State", "announced_serializer"]

#: Namespaces come from unverified heads: no more codecs are kept than this.
_CODECS = 64


class State:
    """What an entry can turn out to be."""

    GOOD = "good"
    #: It was removed between being listed and being read.
    GONE = "gone"
    #: Its signature does not match, or it is no entry at all.
    DAMAGED = "damaged"
    #: Signed with a secret that is not configured here: another user's, or one that was taken off the list.
    UNKNOWN_SECRET = "unknown secret"  # noqa: S105  the name of a state
    #: Written by another version of memopickle, which may still use it.
    UNKNOWN_FORMAT = "unknown format"
    #: The store can't read it.
    UNREADABLE = "unreadable"


#: The states of an entry that is there and can't be used, in the order in which they are told.
NOT_GOOD = (State.DAMAGED, State.UNKNOWN_SECRET, State.UNKNOWN_FORMAT, State.UNREADABLE)


class Checked(NamedTuple):
    """The outcome for one key: its state, why, and, where it is good, its bytes and the verified entry."""

    key: str
    state: str
    reason: str = ""
    data: Blob = b""
    entry: Entry | None = None


class Auditor:
    """Verifies entries of all namespaces of a store with one set of secrets. Safe between threads."""

    def __init__(self, store: Store, signers: Sequence[Signer]) -> None:
        self._store = store
        self._known = frozenset(signer.key_id for signer in signers)
        self._codec = lru_cache(_CODECS)(lambda space, name, purpose: Codec(signers, space, NameOnly(name), purpose))

    def codec(self, data: Blob) -> Codec:
        """Return what verifies an entry, by the kind, the namespace and the serializer that it says it has."""
        # A store may hold snapshots: they are no damaged entries, and are to be signed anew like these.
        purpose = "snapshot" if read_header(data).kind == SNAPSHOT else "cache"
        return self._codec(str(read_metadata(data).get("namespace", "")), announced_serializer(data).name, purpose)

    def check(self, key: str) -> Checked:
        """Read an entry and verify all of it."""
        try:
            data = self._store.get(key)
            return Checked(key, State.GONE) if data is None else self._judge(key, data)
        except BadEntryError as error:  # what lies there is no file
            return Checked(key, State.DAMAGED, error.message)
        except StoreError as error:
            return Checked(key, State.UNREADABLE, error.message)
        except OSError as error:
            return Checked(key, State.UNREADABLE, error.strerror or str(error))

    def _judge(self, key: str, data: Blob) -> Checked:
        try:
            if read_header(data).key_id not in self._known:
                return Checked(key, State.UNKNOWN_SECRET, UNKNOWN_SECRET)
            entry = self.codec(data).verify(key, data)
        except UnknownFormatError as error:
            others = format_of(data) not in (None, FORMAT)
            return Checked(key, State.UNKNOWN_FORMAT if others else State.DAMAGED, error.message)
        except BadEntryError as error:
            return Checked(key, State.DAMAGED, error.message)
        return Checked(key, State.GOOD, "", data, entry)


def announced_serializer(data: Blob) -> NameOnly:
    """Return the name of the serializer that an entry says it has; nothing is loaded with it."""
    return NameOnly(str(read_metadata(data).get("serializer", PICKLE.name)))
