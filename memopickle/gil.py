"""Whether threads of this process run Python code one at a time."""

from __future__ import annotations

import sys

__all__ = ["HAS_GIL"]

#: False in a free-threaded build, unless something that needs the lock had been imported before. What is then imported
#: may still bring the lock back; nothing takes it away again.
HAS_GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
