"""When an entry was last used: its file's access time, which a hit sets where there is a limit."""

from __future__ import annotations

import os
from contextlib import suppress

from memopickle.files import file_time

__all__ = ["last_used", "touch"]

#: Nanoseconds during which further hits on an entry are not recorded.
_HOUR = 3600 * 10**9


def last_used(facts: os.stat_result) -> int:
    """Return when an entry was stored or hit, in nanoseconds, to the hour."""
    return max(facts.st_atime_ns, facts.st_mtime_ns)


def touch(fd: int, path: str, facts: os.stat_result) -> None:
    """Record a hit on an open entry in its access time, unless it was stored, or that was done, within the hour."""
    now = file_time()
    if -_HOUR < now - last_used(facts) < _HOUR:
        return
    with suppress(OSError):  # not permitted, read-only: it counts as older than it is
        os.utime(fd if os.utime in os.supports_fd else path, ns=(now, facts.st_mtime_ns))
