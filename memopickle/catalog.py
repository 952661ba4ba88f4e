"""What is stored, read from the heads of entries: nothing is unpickled, and no payload is read."""

from __future__ import annotations

from fnmatch import fnmatchcase

from memopickle.entry import HEADER, read_header, read_metadata
from memopickle.errors import BadEntryError
from memopickle.expiry import NEVER, SECOND
from memopickle.storekey import function_part
from memopickle.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memopickle.stores.base import Store

__all__ = [
    "BadStored",
    "EntryInfo",
    "FunctionStats",
    "Verification",
    "describe",
    "function_names",
    "matches",
]


class EntryInfo(NamedTuple):
    """One stored entry, by what its head says; unverified, see :meth:`memopickle.Cache.verify`."""

    key: str
    #: ``module:qualname``, ``""`` where the head can't be read.
    function: str
    #: The namespace of the cache that stored it.
    namespace: str
    #: Seconds since the epoch.
    created: float
    #: Seconds since the epoch, by the ttl it was stored under; None for never.
    expires: float | None
    #: Seconds that computing it took.
    cost: float
    #: Bytes in the store.
    size: int
    #: The short digest of each argument, by parameter.
    arguments: dict[str, str]
    #: The user's version, if one was set.
    version: int | str | None
    #: The short digest of each function, class or file whose code or content counted, by name.
    code: dict[str, str]


class BadStored(NamedTuple):
    """An entry that :meth:`Cache.verify` found wrong: its key, where it lies, and why it is refused."""

    key: str
    place: str
    reason: str


class Verification(NamedTuple):
    """The outcome of :meth:`Cache.verify`: how many entries were good, and the others."""

    good: int
    bad: list[BadStored]


class FunctionStats(NamedTuple):
    """What is stored of one function, and what became of its calls.

    Calls are those of all processes that have used the place since its statistics began, as far as they have written
    them down; see docs/how-to/metrics.md for when they do. Nothing of it is verified.
    """

    function: str
    #: Entries stored, and their bytes.
    entries: int
    bytes: int
    #: Calls that returned a stored result.
    hits: int
    #: Calls that ran the function, or raised what another's run raised.
    misses: int
    #: How often the look-up found nothing usable, by reason (as of the Miss event), the most frequent first. Their
    #: sum may exceed the misses: a call that waits for another's result finds nothing at first.
    reasons: dict[str, int]
    #: Runs of the function that ended, and those of them that raised.
    computations: int
    errors: int
    #: Results stored, and their bytes, also those replaced or removed since.
    stores: int
    stored_bytes: int
    #: What computing the stored results took, in seconds.
    seconds: float
    #: The first and last use, seconds since the epoch; None if unknown.
    first: float | None
    last: float | None
    #: When the oldest and newest entry were stored, as their files say, seconds since the epoch; None if unknown.
    oldest: float | None
    newest: float | None

    @property
    def hit_rate(self) -> float | None:
        """Hits per call, 0 to 1; None without calls."""
        calls = self.hits + self.misses
        return self.hits / calls if calls else None

    @property
    def saved(self) -> float:
        """The seconds that hits have saved: each as much as computing a stored result took on average."""
        return self.hits * self.seconds / self.stores if self.stores else 0.0


def describe(store: Store, key: str) -> EntryInfo | None:
    """Return what the head of an entry says, or None if it is gone or can't be read."""
    try:
        head = store.head(key)
        if head is None:
            return None
        header = read_header(head)
        if HEADER.size + header.metadata_size > len(head):
            head = store.head(key, HEADER.size + header.metadata_size) or b""
        size = store.size(key)
    except (BadEntryError, OSError):
        return None
    return _info(key, header.created, header.expires, header.cost, size, read_metadata(head))


def _info(key: str, created: int, expires: int, cost: int, size: int, metadata: dict[str, Any]) -> EntryInfo:
    return EntryInfo(
        key,
        str(metadata.get("function", "")),
        str(metadata.get("namespace", "")),
        created / SECOND,
        None if expires == NEVER else expires / SECOND,
        cost / 1e9,
        size,
        _texts(metadata, "arguments"),
        metadata.get("version"),
        _texts(metadata, "code"),
    )


def _texts(metadata: dict[str, Any], name: str) -> dict[str, str]:
    found = metadata.get(name)
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def function_names(store: Store, prefix: str) -> dict[str, str]:
    """Return the names of the functions below a key prefix, by their part of the key.

    A name counts only if it belongs to the key it was found under, so that a damaged or planted entry can't lend its
    function another's name; ``""`` where no entry of a function tells.
    """
    return {part: _name_of(store, part) for part in store.functions(prefix)}


def _name_of(store: Store, part: str) -> str:
    for info in _infos(store, part):
        if function_part(info.namespace, info.function) == part:
            return info.function
    return ""


def _infos(store: Store, prefix: str) -> Iterator[EntryInfo]:
    for key in store.keys(prefix):
        info = describe(store, key)
        if info is not None:
            yield info


def matches(name: str, wanted: str) -> bool:
    """Tell whether a readable name is the wanted dotted one, or fits it as a wildcard (``pkg.*``)."""
    dotted = name.replace(":", ".")
    return bool(name) and (dotted == wanted.replace(":", ".") or fnmatchcase(dotted, wanted.replace(":", ".")))
