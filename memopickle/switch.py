"""The switch that turns every cache into a plain call, and the switches in the environment."""

from __future__ import annotations

import os
from contextlib import contextmanager

from memopickle.forking import Guard
from memopickle.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["disabled", "environment_switch", "off"]

#: How many ``disabled()`` blocks are open; read on every call, so a plain global.
off: int = 0
_guard = Guard()  # of changing it


@contextmanager
def disabled() -> Iterator[None]:
    """Make every cached function a plain call inside the block, in all threads of this process."""
    _turn(+1)
    try:
        yield
    finally:
        _turn(-1)


def environment_switch(name: str = "MEMOPICKLE_DISABLE") -> bool | None:
    """Return what a variable says: False for 0, false, no and off, True for anything else, None if unset or empty."""
    said = os.environ.get(name, "").strip().lower()
    return said not in ("0", "false", "no", "off") if said else None


def _turn(step: int) -> None:
    global off  # noqa: PLW0603
    with _guard:
        off += step
