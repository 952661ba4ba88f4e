"""Snapshots in a directory of the test's own, with a clock that the test moves."""

import pytest
from helpers.clock import Clock

from memopickle.snapshots import Snapshots


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "snapshots"


@pytest.fixture
def make(path, secret, clock, events):
    """Make Snapshots over the one directory, as another program or process would."""

    def make(**options):
        return Snapshots(path, **{"secret": secret, "clock": clock, "on_event": events.append, **options})

    return make


@pytest.fixture
def snapshots(make):
    return make()


@pytest.fixture
def damage():
    """Change a byte of a snapshot's file."""

    def damage(snapshots, info, position=-1):
        with open(snapshots.store.place(info.key), "r+b") as file:
            file.seek(position, 2 if position < 0 else 0)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))

    return damage
