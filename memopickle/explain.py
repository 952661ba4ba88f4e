"""Why a call hits or misses, and which argument makes a cache useless: read from heads, nothing is computed."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.callkey import CAPTURED
from memopickle.catalog import EntryInfo, describe
from memopickle.errors import BadEntryError, BadPayloadError, BadSignatureError
from memopickle.expiry import SECOND, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memopickle.faces import Found
    from memopickle.memo import Memo
    from memopickle.stores.base import Store

__all__ = ["Explanation", "MissReport", "NearestCall", "explain", "explain_misses"]

#: How many of a function's entries are compared to find the nearest.
SCANNED = 10_000
#: Seconds up to which an age is told as such, not as a date.
RECENT = 120


class NearestCall(NamedTuple):
    """The stored call that shares most arguments with one that was never computed.

    Attributes:
        entry: what is stored for it.
        equal: names of the parameters whose arguments are equal.
        differ: names of the parameters whose arguments differ.

    """

    entry: EntryInfo
    equal: tuple[str, ...]
    differ: tuple[str, ...]


class Explanation(NamedTuple):
    """Why a call would hit or miss; printing it gives a short text.

    Attributes:
        function: ``module:qualname``.
        key: the store key of the call.
        reason: ``"hit"``, or for a miss ``"never computed"``, ``"expired"``, ``"from the future"``,
            ``"code changed"``, ``"version changed"``, ``"signature refused"``, ``"unreadable"``,
            ``"cannot be loaded"``, ``"ttl is 0"`` or ``"store error"``.
        detail: a sentence about it: when, under which ttl, which code.
        nearest: for a call that was never computed, the stored one that shares most arguments; else None.

    """

    function: str
    key: str
    reason: str
    detail: str
    nearest: NearestCall | None = None

    @property
    def hit(self) -> bool:
        """Whether the call would be answered from the cache."""
        return self.reason == "hit"

    def __str__(self) -> str:
        lines = [f"{self.function}: {'hit' if self.hit else 'miss, ' + self.reason}", f"  {self.detail}"]
        if self.nearest is not None:
            lines.append(f"  nearest stored call, of {when(self.nearest.entry.created)}:")
            lines += [f"    {label}: {', '.join(names)}" for label, names in _compared(self.nearest) if names]
        return "\n".join(lines)


class MissReport(NamedTuple):
    """A parameter in which alone so many of a function's entries differ; printing it gives a sentence.

    Attributes:
        function: ``module:qualname``.
        parameter: its name.
        entries: how many entries differ from another one in this parameter only.
        total: how many entries there are.

    """

    function: str
    parameter: str
    entries: int
    total: int

    @property
    def share(self) -> float:
        """The part of all entries, 0 to 1."""
        return self.entries / self.total

    def __str__(self) -> str:
        cure = f"consider ignore=({self.parameter!r},)"
        if self.parameter == CAPTURED:
            cure = "consider passing them as arguments"
        return (
            f"{self.function}: {self.share:.0%} of {self.total:,} entries differ from another only in "
            f"{self.parameter}: {cure}"
        )


def explain(memo: Memo, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Explanation:
    """Explain a call of a function; TypeError if the call is wrong. Loads the value, to say if that is possible."""
    values = memo.keys.values(args, kwargs)
    key = memo.keys.key(values)
    reason, detail = _judge(memo, key) if memo.ttl != 0 else ("ttl is 0", "with a ttl of 0 nothing is stored")
    nearest = _nearest(memo, key, memo.keys.digests(values)) if reason == "never computed" else None
    return Explanation(memo.name, key, reason, detail, nearest)


def explain_misses(store: Store, prefix: str, least: float = 0.5) -> list[MissReport]:
    """Find the parameters in which alone at least the part ``least`` of a function's entries differ."""
    groups: dict[str, list[EntryInfo]] = {}
    for key in store.keys(prefix):
        info = describe(store, key)
        if info is not None and info.arguments:
            groups.setdefault(info.function, []).append(info)
    reports = (report for name, infos in groups.items() for report in _reports(name, infos))
    return sorted((report for report in reports if report.share >= least), key=lambda report: -report.share)


def _reports(name: str, infos: list[EntryInfo]) -> Iterator[MissReport]:
    for parameter in dict.fromkeys(name for info in infos for name in info.arguments):
        rest = [frozenset(item for item in info.arguments.items() if item[0] != parameter) for info in infos]
        sizes = Counter(rest)
        alike = sum(sizes[others] > 1 for others in rest)
        if alike:
            yield MissReport(name, parameter, alike, len(infos))


def _judge(memo: Memo, key: str) -> tuple[str, str]:
    try:
        found = memo.face.read(key)
        return _absent(memo, key) if found is None else _judge_found(memo, found)
    except BadPayloadError as error:
        return "cannot be loaded", f"the entry is genuine but {error.message}"
    except BadSignatureError as error:
        return "signature refused", error.message
    except BadEntryError as error:
        return "unreadable", error.message
    except Exception as error:  # noqa: BLE001  whatever a store raises is what is to be explained
        return "store error", f"{type(error).__name__}: {error}"


def _judge_found(memo: Memo, found: Found) -> tuple[str, str]:
    stale = memo.lookup.stale(found)
    if stale:
        return _why_stale(memo, found, stale)
    found.value()
    return "hit", f"stored {_ago(memo, found)}; computing it took {found.cost / 1e9:.3g} s"


def _why_stale(memo: Memo, found: Found, stale: str) -> tuple[str, str]:
    if stale == "code changed":
        return "code changed", f"{memo.name} was edited since this was stored {_ago(memo, found)}"
    if stale == "future":
        return "from the future", f"it was stored at {when(found.created / SECOND)}, which this clock has not reached"
    ttl = memo.ttl if isinstance(memo.ttl, int) else found.ttl
    expired = when((found.created + ttl) / SECOND)
    return "expired", f"stored {_ago(memo, found)}, under the ttl of {ttl / SECOND:g} s it expired at {expired}"


def _absent(memo: Memo, key: str) -> tuple[str, str]:
    """Look for the same arguments under another version or other code."""
    for other in memo.store.keys(key.partition(".")[0] + "."):
        info = describe(memo.store, other)
        if info is not None and info.version != memo.options.version:
            return "version changed", f"it is stored under version {info.version!r}, now {memo.options.version!r}"
        if info is not None:
            return "code changed", f"{_edited(memo, info)} since this was stored at {when(info.created)}"
    return "never computed", "nothing is stored for these arguments"


def _edited(memo: Memo, info: EntryInfo) -> str:
    now = memo.keys.code_parts
    edited = sorted(name for name in {*now, *info.code} if now.get(name) != info.code.get(name))
    return f"{', '.join(edited) or memo.name} was edited"


def _nearest(memo: Memo, key: str, digests: dict[str, str]) -> NearestCall | None:
    candidates = islice(memo.store.keys(memo.keys.prefix), SCANNED)
    infos = [info for other in candidates if other != key and (info := describe(memo.store, other)) is not None]
    if not infos or not digests:
        return None
    return max((_compare(info, digests) for info in infos), key=lambda call: (len(call.equal), call.entry.created))


def _compare(info: EntryInfo, digests: dict[str, str]) -> NearestCall:
    names = tuple(dict.fromkeys((*digests, *info.arguments)))
    equal = tuple(name for name in names if digests.get(name) == info.arguments.get(name))
    return NearestCall(info, equal, tuple(name for name in names if name not in equal))


def _compared(nearest: NearestCall) -> Iterable[tuple[str, tuple[str, ...]]]:
    return (("equal", nearest.equal), ("differ", nearest.differ))


def _ago(memo: Memo, found: Found) -> str:
    seconds = (microseconds(memo.clock) - found.created) / SECOND
    return f"{seconds:.0f} s ago" if seconds < RECENT else f"at {when(found.created / SECOND)}"


def when(seconds: float) -> str:
    """Write a time as date and time of day, UTC."""
    import datetime  # nothing else here needs it

    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
