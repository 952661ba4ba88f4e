"""What to do when the cache itself fails: tell once and carry on, or raise."""

from __future__ import annotations

from memopickle.errors import BadEntryError, MemopickleError, StoreError
from memopickle.notices import forget, told, warn_once
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from memopickle.stores.base import Store

__all__ = ["Trouble"]


class Trouble:
    """The ``on_error`` policy of one function."""

    def __init__(self, function: str, store: Store, on_error: str) -> None:
        self._function = function
        self._store = store
        self._raise = on_error == "raise"
        #: What was told of a store that could not be read.
        self._unread: object = None
        #: What is to be told of a lock, unless storing fails as well: one warning for one cause.
        self._unlocked = ""

    def place(self, key: str) -> str:
        """Say where the key's entry is."""
        return self._store.place(key)

    def unreadable(self, key: str, error: Exception) -> None:
        """Report an entry that is refused or can't be read."""
        place = self.place(key)
        if isinstance(error, BadEntryError):
            self._tell(("entry", place), error, f"refused a stored entry of {self._function} at {place}")
            return
        self._unread = self._topic("read", error)
        self._tell(self._unread, error, f"could not look up {self._function} at {place}")

    def unwritable(self, error: Exception) -> None:
        """Report a result that could not be stored; once per function and kind of failure."""
        self._unlocked = ""
        self._tell(self._topic("write", error), error, f"could not store a result of {self._function}{_at(error)}")

    def unlockable(self, error: Exception) -> None:
        """Report that the lock between processes can't be taken; the work may be done twice."""
        what = f"could not lock for {self._function}{_at(error)}, so it may be computed twice"
        if self._raise:
            raise _as_ours(error, what) from error
        self._unlocked = _sentence(what, error)

    def mended(self, key: str) -> None:
        """Note that a new entry was stored here."""
        if told:
            forget(("entry", self.place(key)))
        if self._unread:
            forget(self._unread)
            self._unread = None
        unlocked, self._unlocked = self._unlocked, ""
        if unlocked:
            warn_once(("lock", self._function), unlocked)

    def _tell(self, topic: object, error: Exception, what: str) -> None:
        if self._raise:
            raise _as_ours(error, what) from error
        warn_once(topic, _sentence(what, error))

    def _topic(self, doing: str, error: Exception) -> object:
        # No descriptors left, the directory replaced by a file: reading and writing fail alike, and are told once.
        origin = error.__cause__ or error
        same = isinstance(origin, OSError) and origin.errno
        return ("failing", self._function, same) if same else (doing, self._function, type(error))


def _sentence(what: str, error: Exception) -> str:
    return f"{what}: {_reason(error)}; the function's own result is used"


def _at(error: Exception) -> str:
    return f" at {error.place}" if isinstance(error, StoreError) and error.place else ""


def _reason(error: Exception) -> str:
    if isinstance(error, StoreError):
        return error.message
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _as_ours(error: Exception, what: str) -> MemopickleError:
    if isinstance(error, MemopickleError):
        return error
    return StoreError(f"{what}: {_reason(error)}")
