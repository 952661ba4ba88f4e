"""The kill storm and the soak: many processes and threads use one cache at random, for a while.

``MEMOPICKLE_STORM_SECONDS=60`` in the environment makes each as long as that, in place of a few seconds.
"""

import json
import os
import random
import subprocess
import sys
import time

import pytest
from helpers.programs import run

from memopickle.stores.layout import TEMPORARY
from tests.faults import storm
from tests.faults.tools import leftovers

#: Read here, since every test begins without such variables.
SECONDS = float(os.environ.get("MEMOPICKLE_STORM_SECONDS", "5"))
HOUR = 3600

STORM = f"import sys; sys.path.insert(0, {os.path.dirname(storm.__file__)!r}); import storm; storm.main(*sys.argv[1:])"

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def seed():
    """Another one each time; a failure shows it."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    return seed


@pytest.fixture(params=["dir", "shelve"])
def url(request, tmp_path):
    return f"{request.param}:{tmp_path / 'place'}"


def age(root):
    """Make temporary files look like those of a writer that died long ago; return how many there are."""
    found = [place for place in leftovers(root) if TEMPORARY.fullmatch(os.path.basename(place))]
    for place in found:
        os.utime(place, (time.time() - 2 * HOUR,) * 2)
    return len(found)


def test_a_kill_storm_leaves_no_wrong_value_and_no_unreadable_entry(url, seed, tmp_path):
    happened = json.loads(run(STORM, "kill", url, seed, SECONDS, timeout=SECONDS + 60))
    assert happened["failed"] == 0
    cache = storm.cache_at(url)
    good, bad = cache.verify()
    # dbm.dumb writes over what is there: half a value is refused, and so a miss.
    assert bad == [] or url.startswith("shelve")
    orphans = age(tmp_path / "place") if url.startswith("dir") else 0
    cache.prune()
    assert leftovers(tmp_path / "place") == []
    work = storm.decorated(cache)
    for number in range(storm.KEYS):
        storm.check(number, work(number))
        storm.check(number, work(number))
    assert work.cache_info().hits >= storm.KEYS
    print(f"{happened}, {good} entries good, {orphans} temporary files pruned")


def test_after_a_soak_no_lock_no_temporary_file_and_no_descriptor_is_left(url, seed, tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, storm.__file__, "soak", url, str(seed + number), str(SECONDS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]
    said = [process.communicate(timeout=SECONDS + 60) for process in processes]
    assert [(process.returncode, errors) for process, (_, errors) in zip(processes, said, strict=True)] == [
        (0, b"")
    ] * 3
    found = [json.loads(output) for output, _ in said]
    for one in found:
        assert one.pop("steps") > 0
        assert one == {"descriptors": [], "threads": 0, "flights": 0}
    cache = storm.cache_at(url)
    assert cache.verify().bad == []
    cache.prune()
    assert leftovers(tmp_path / "place") == []


def test_after_a_soak_of_threads_in_memory_nothing_is_left(seed):
    steps = json.loads(run(STORM, "soak", "memory:", seed, SECONDS, timeout=SECONDS + 60))
    assert steps.pop("steps") > 0
    assert steps == {"descriptors": [], "threads": 0, "flights": 0}
