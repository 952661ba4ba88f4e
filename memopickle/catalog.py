"""What is stored, read from the heads of entries: nothing is unpickled, and no payload is read."""

from __future__ import annotations

from fnmatch import fnmatchcase

from memopickle.errors import BadEntryError
from memopickle.expiry import NEVER, SECOND
from memopickle.header import HEADER, read_header, read_metadata
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
    """One stored entry, by what its head says; unverified, see :meth:`memopickle.Cache.verify`.

    Attributes:
        key: the store key.
        function: ``module:qualname``, ``""`` where the head can't be read.
        namespace: that of the cache that stored it.
        created: when it was stored, seconds since the epoch.
        expires: when it expires by the ttl it was stored under, seconds since the epoch; None for never.
        cost: seconds that computing it took.
        size: bytes in the store.
        arguments: the short digest of each argument, by parameter.
        version: the user's version, None if none was set.
        code: the short digest of each function, class or file whose code or content counted, by name.

    """

    key: str
    function: str
    namespace: str
    created: float
    expires: float | None
    cost: float
    size: int
    arguments: dict[str, str]
    version: int | str | None
    code: dict[str, str]


class BadStored(NamedTuple):
    """An entry that :meth:`memopickle.Cache.verify` found wrong.

    Attributes:
        key: the store key.
        place: where it lies: a path or URL.
        reason: why it is refused.

    """

    key: str
    place: str
    reason: str


class Verification(NamedTuple):
    """The outcome of :meth:`memopickle.Cache.verify`.

    Attributes:
        good: how many entries were good.
        bad: the others.

    """

    good: int
    bad: list[BadStored]


class FunctionStats(NamedTuple):
    """What is stored of one function, and what became of its calls.

    Calls are those of all processes that have used the place since its statistics began, as far as they have written
    them down; see docs/how-to/metrics.md for when they do. Nothing of it is verified.

    Attributes:
        function: ``module:qualname``.
        entries: how many are stored now.
        bytes: how many these have.
        hits: calls that returned a stored result.
        misses: calls that ran the function, or raised what another's run raised.
        reasons: how often the look-up found nothing usable, by reason (as of the Miss event), the most frequent first.
            Their sum may exceed the misses: a call that waits for another's result finds nothing at first.
        computations: runs of the function that ended.
        errors: those of them that raised.
        stores: results stored, also those replaced or removed since.
        stored_bytes: the bytes of these.
        seconds: what computing the stored results took.
        first: the first use, seconds since the epoch; None if unknown.
        last: the last use, seconds since the epoch; None if unknown.
        oldest: when the oldest entry was stored, as its file says, seconds since the epoch; None if unknown.
        newest: when the newest entry was stored, in the same way.

    """

    function: str
    entries: int
    bytes: int
    hits: int
    misses: int
    reasons: dict[str, int]
    computations: int
    errors: int
    stores: int
    stored_bytes: int
    seconds: float
    first: float | None
    last: float | None
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
