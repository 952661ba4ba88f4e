"""What to do when the cache itself fails: tell once and carry on, or raise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.errors import BadEntryError, MemopickleError, StoreError
from memopickle.notices import forget, warn_once

if TYPE_CHECKING:
    from memopickle.stores.base import Store

__all__ = ["Trouble"]


class Trouble:
    """The ``on_error`` policy of one function."""

    def __init__(self, function: str, store: Store, on_error: str) -> None:
        self._function = function
        self._store = store
        self._raise = on_error == "raise"

    def place(self, key: str) -> str:
        """Say where the key's entry is."""
        return self._store.place(key)

    def unreadable(self, key: str, error: Exception) -> None:
        """Report an entry that is refused or can't be read."""
        what = "refused a stored entry of" if isinstance(error, BadEntryError) else "could not look up"
        self._tell(("entry", self.place(key)), error, f"{what} {self._function} at {self.place(key)}")

    def unwritable(self, key: str, error: Exception) -> None:
        """Report a result that could not be stored; once per function and kind of failure."""
        self._tell(("write", self._function, type(error)), error, f"could not store a result of {self._function}")

    def unlockable(self, key: str, error: Exception) -> None:
        """Report that the lock between processes can't be taken; the work may be done twice."""
        self._tell(("lock", self._function), error, f"could not lock for {self._function}, so it may be computed twice")

    def mended(self, key: str) -> None:
        """Note that a new entry was stored here."""
        forget(("entry", self.place(key)))

    def _tell(self, topic: object, error: Exception, what: str) -> None:
        if self._raise:
            raise _as_ours(error, what) from error
        warn_once(topic, f"{what}: {_reason(error)}; the function's own result is used")


def _reason(error: Exception) -> str:
    if isinstance(error, StoreError):
        return error.message
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _as_ours(error: Exception, what: str) -> MemopickleError:
    if isinstance(error, MemopickleError):
        return error
    return StoreError(f"{what}: {_reason(error)}")
