"""What pytest loads where memopickle is installed: fixtures and a marker, see :mod:`memopickle.pytest_plugin`.

A module beside the package, since one inside it would import the package in every test suite of the environment, also
those that don't cache anything. Nothing of memopickle is imported until a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from memopickle.cache import Cache
    from memopickle.function import CachedFunction
    from memopickle.pytest_plugin import Calls, Clock, Isolation

__all__ = [
    "memopickle_cache",
    "memopickle_calls",
    "memopickle_clock",
    "memopickle_isolate",
    "memopickle_isolation",
    "pytest_configure",
    "pytest_runtest_protocol",
]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "memopickle_disabled: cached functions are plain calls during this test.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Turn caching off for a marked test, its fixtures included."""
    if item.get_closest_marker("memopickle_disabled") is None:
        return (yield)
    from memopickle.pytest_plugin import all_disabled

    with all_disabled():
        return (yield)


@pytest.fixture(name="_memopickle_isolation")
def memopickle_isolation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Isolation]:
    """What the other fixtures share."""
    from memopickle.pytest_plugin import Isolation

    with Isolation(lambda: str(tmp_path_factory.mktemp("memopickle") / "cache")) as isolation:
        yield isolation


@pytest.fixture
def memopickle_cache(_memopickle_isolation: Isolation) -> Cache:
    """Give the test a default cache of its own, empty, with a secret of its own; the cache itself."""
    return _memopickle_isolation.default


@pytest.fixture
def memopickle_isolate(_memopickle_isolation: Isolation) -> Callable[[Cache | CachedFunction[..., object]], Cache]:
    """Call it with a Cache, or a cached function: for the rest of the test that has an empty store of its own."""
    return _memopickle_isolation.isolate


@pytest.fixture
def memopickle_clock(_memopickle_isolation: Isolation) -> Clock:
    """Stop the clock of the test's caches; ``move("1h")`` and ``move_to(datetime)`` move it."""
    return _memopickle_isolation.stop_clock()


@pytest.fixture
def memopickle_calls(_memopickle_isolation: Isolation) -> Calls:
    """Expect hits and misses: ``with memopickle_calls.expect(function, hits=1, misses=0): ...``."""
    from memopickle.pytest_plugin import Calls

    return Calls()
