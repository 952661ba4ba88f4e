"""A real training, killed 20 times at random, ends with the model of one that was never killed."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.needed import need

from memopickle.snapshots import Snapshots
from tests.faults.tools import leftovers

numpy = need("numpy")
need("sklearn")
trainer = need("tests.snapshots.trainer")

KILLS = 20


@pytest.fixture
def train():
    """Train in a folder, killed after so many bytes of writing; return how that ended, and where it began."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("trainer.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def train(folder, budget=-1):
        process.stdin.write(f"{folder} {budget}\n")
        process.stdin.flush()
        return tuple(map(int, process.stdout.readline().split()))

    yield train
    process.stdin.close()
    process.wait()
    process.stdout.close()


def test_a_training_killed_20_times_ends_with_the_model_of_an_unbroken_one(train, tmp_path):
    assert train(tmp_path / "unbroken") == (0, 0)
    expected = Snapshots(tmp_path / "unbroken", secret=trainer.SECRET).load("digits")
    size = Snapshots(tmp_path / "unbroken", secret=trainer.SECRET).history("digits")[0].size
    drawn = random.Random(7)
    begun = []
    for _ in range(KILLS):
        # Three steps' worth on average, so that it is killed at any byte of a snapshot.
        ended, step = train(tmp_path / "broken", drawn.randrange(6 * size))
        assert ended == -signal.SIGKILL
        begun.append(step)
    assert train(tmp_path / "broken")[0] == 0
    found = Snapshots(tmp_path / "broken", secret=trainer.SECRET).load("digits")
    assert begun == sorted(begun)
    assert len(set(begun)) > KILLS / 2  # it went on, again and again
    assert found["step"] == expected["step"] == trainer.STEPS
    for name in ("coef_", "intercept_", "t_", "classes_"):
        numpy.testing.assert_array_equal(getattr(found["model"], name), getattr(expected["model"], name))
    assert found["random"].bit_generator.state == expected["random"].bit_generator.state
    assert found["model"].score(trainer.images, trainer.digits) > 0.85
    assert leftovers(tmp_path / "broken") == []
    assert sum(len(files) for _, _, files in os.walk(tmp_path / "broken")) == 3
