"""The switch that turns every cache into a plain call."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memopickle.forking import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["disabled", "disabled_by_environment", "off"]

#: How many ``disabled()`` blocks are open; read on every call, so a plain global.
off = 0
_guard = Guard()  # of changing it


@contextmanager
def disabled() -> Iterator[None]:
    """Make every cached function a plain call inside the block, in all threads of this process."""
    _turn(+1)
    try:
        yield
    finally:
        _turn(-1)


def disabled_by_environment() -> bool:
    """Tell whether ``MEMOPICKLE_DISABLE`` is set to anything but nothing, 0, false, no or off."""
    return os.environ.get("MEMOPICKLE_DISABLE", "").strip().lower() not in ("", "0", "false", "no", "off")


def _turn(step: int) -> None:
    global off  # noqa: PLW0603
    with _guard:
        off += step
