"""A state that is loaded, changed and saved again, while nobody else changes it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from memopickle.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from memopickle.locks import KeyLock

__all__ = ["Session"]


class Session:
    """What :meth:`Snapshots.session` returns; a context manager, for one use by one thread.

    Attributes:
        state: what was loaded, and what is saved at the end. Change the object, or put another in its place.

    """

    state: Any = None

    def __init__(
        self,
        lock: AbstractContextManager[KeyLock],
        newest: Callable[[], object],
        load: Callable[[], Any],
        save: Callable[[Any], object],
        save_on_error: bool,
    ) -> None:
        self._locked = lock
        self._newest = newest
        self._load = load
        self._save = save
        self._save_on_error = save_on_error
        self._stack = ExitStack()

    def __enter__(self) -> Any:
        self._lock = self._stack.enter_context(self._locked)
        try:
            self._before = self._newest()
            self.state = self._load()
        except BaseException:
            self._stack.close()
            raise
        return self.state

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is None:
                self._end()
            elif self._save_on_error:
                self._end_with(error)

    def _end(self) -> None:
        # A lease may have run out while the machine slept, and others have saved: their change must not be lost.
        if not self._lock.held() or self._newest() != self._before:
            raise StoreError(
                "the session's lock was lost, and another may have saved since; its state was not saved: "
                "load it and change it again"
            )
        self._save(self.state)

    def _end_with(self, error: BaseException) -> None:
        # The body's own exception is the one that the caller gets.
        try:
            self._end()
        except Exception as failure:  # noqa: BLE001
            error.add_note(f"the session's state was not saved ({type(failure).__name__}: {failure})")
