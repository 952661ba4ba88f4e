"""Fixtures for tests of code that caches: a cache of the test's own, a clock that stands still, hits and misses.

pytest finds them by itself where memopickle is installed. They are declared in ``_memopickle_pytest``, which imports
this module, and with it the rest of the package, for the first test that asks for one.

==========================  ==========================================================================================
``memopickle_cache``        the default cache, isolated: empty, in a temporary directory, with a secret of its own
``memopickle_isolate``      call it with a ``Cache`` or a cached function to isolate that cache too
``memopickle_clock``        stops the clock of these caches; a :class:`Clock`
``memopickle_calls``        ``expect(function, hits=1, misses=0)``, a context manager; see :class:`Calls`
``memopickle_disabled``     a marker: cached functions are plain calls during the test
==========================  ==========================================================================================

Each of these fixtures isolates the default cache. After the test everything is as it was before.
"""

from __future__ import annotations

# With the package not installed, but on the path: -p memopickle.pytest_plugin finds the fixtures here.
from _memopickle_pytest import *  # noqa: F403
from memopickle.pytest_plugin.clock import Clock
from memopickle.pytest_plugin.expectation import Calls
from memopickle.pytest_plugin.isolation import Isolation, all_disabled

__all__ = ["Calls", "Clock", "Isolation", "all_disabled"]
