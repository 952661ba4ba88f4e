"""Saving from a loop, now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from memopickle.expiry import microseconds
from memopickle.options import UNSET

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from memopickle.snapshots.info import SnapshotInfo

__all__ = ["Checkpoint"]


class Checkpoint:
    """What :meth:`Snapshots.every` returns: called in each turn of a loop, it saves when it is time.

    As a context manager it saves what it was last given at the end of the block, if that is not saved yet; after an
    exception only with ``save_on_error``, since the state may be half changed then. For one thread.
    """

    def __init__(
        self,
        load: Callable[[Any], Any],
        save: Callable[..., SnapshotInfo],
        interval: int,
        clock: Callable[[], float],
        save_on_error: bool,
    ) -> None:
        self._load = load
        self._save = save
        self._interval = interval
        self._clock = clock
        self._save_on_error = save_on_error
        self._last = microseconds(clock)
        self._unsaved: tuple[Any, dict[str, Any]] | None = None

    def load(self, default: Any = UNSET) -> Any:
        """Return the newest good state, or ``default`` where none was ever saved; as :meth:`Snapshots.load`."""
        return self._load(default)

    def __call__(self, state: Any, /, **metadata: Any) -> SnapshotInfo | None:
        """Save the state if the last save, or the beginning, is long enough ago; return what was saved, or None."""
        self._unsaved = state, metadata
        passed = microseconds(self._clock) - self._last
        # A clock that was set back must not stop the saving.
        return self.flush() if passed >= self._interval or passed < 0 else None

    def flush(self) -> SnapshotInfo | None:
        """Save what was last given now; None if that is saved already."""
        if self._unsaved is None:
            return None
        state, metadata = self._unsaved
        info = self._save(state, **metadata)
        self._unsaved = None
        self._last = microseconds(self._clock)  # after saving: a slow save must not take all the time
        return info

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or self._save_on_error:
            self.flush()
