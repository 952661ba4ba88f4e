"""Every test is kept away from the user's own secret, cache and settings."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("memopickle.testing")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # for helpers
# Several tests at once share the cores already: threads of libraries that spin on them beside take ten times as long.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # read when NumPy and scikit-learn are imported

from memopickle import Cache, DirectoryStore, config, notices, stats  # noqa: E402
from memopickle import settings as project_settings  # noqa: E402

# No example is too slow and nothing is kept or drawn by chance: what fails on one machine must fail on the next.
# MEMOPICKLE_RANDOM=1 in the environment draws other examples each time.
settings.register_profile(
    "memopickle",
    deadline=None,
    database=None,
    derandomize=os.environ.get("MEMOPICKLE_RANDOM") != "1",
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("memopickle")

SECRET = "a secret of more than 32 bytes, for the tests"


@pytest.fixture(scope="session")
def _homes(tmp_path_factory):
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def _isolated(request, monkeypatch, _homes):
    """Point the user's directories to places of this test's own, which need not exist, and forget what was told."""
    home = os.path.join(_homes, f"{abs(hash(request.node.nodeid)):x}")
    for name in ("CONFIG_HOME", "CACHE_HOME", "STATE_HOME", "RUNTIME_DIR"):
        monkeypatch.setenv(f"XDG_{name}", os.path.join(home, name.lower()))
    for name in list(os.environ):
        if name.startswith("MEMOPICKLE_") and name != "MEMOPICKLE_REQUIRE_TOOLS":
            monkeypatch.delenv(name)
    monkeypatch.setattr(config, "_default", None)
    monkeypatch.setattr(project_settings, "_table", project_settings._UNREAD)
    monkeypatch.setattr(stats, "_books", [])
    monkeypatch.setattr(stats, "_last", float("-inf"))
    notices.told.clear()


@pytest.fixture
def secret():
    return SECRET


@pytest.fixture
def events():
    """What the cache told: a list of event records."""
    return []


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "cache")


@pytest.fixture
def cache(store, secret, events):
    """A cache in a directory of this test's own; what happens in it is in ``events``."""
    return Cache(store, secret=secret, on_event=events.append)
