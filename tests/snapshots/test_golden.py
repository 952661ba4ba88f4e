"""What older versions saved is loaded by this one: golden snapshots and signed values, kept for ever."""

import os
import shutil

import pytest

from memopickle import BadPayloadError, PickleSerializer, signed
from memopickle.header import SIGNED, SNAPSHOT, read_header
from memopickle.purpose import Purpose, needed_secrets
from memopickle.snapshots import Snapshots
from tests.snapshots import golden


@pytest.fixture
def kept(tmp_path):
    """A copy of the golden snapshots, as a program of version 3 sees them."""
    shutil.copytree(golden.SNAPSHOTS, tmp_path / "kept")
    return open_kept(tmp_path, migrate=golden.STEPS)


def open_kept(tmp_path, **options):
    return Snapshots(tmp_path / "kept", secret=golden.SECRET, namespace=golden.NAMESPACE, version=3, **options)


def test_all_golden_snapshots_are_there(kept):
    assert kept.names() == sorted(golden.SAVES)


@pytest.mark.parametrize("name", golden.SAVES)
def test_a_golden_snapshot_of_each_version_is_loaded_and_migrated(kept, name):
    state = kept.load(name)
    assert state["steps"] == 7
    expected = golden.SAVES[name]["state"]
    rest = expected[1] if isinstance(expected, list) else expected["rest"]
    assert state["rest"] == (memoryview(rest) if name.startswith("buffers") else rest)


@pytest.mark.parametrize("name", golden.SAVES)
def test_a_golden_snapshot_says_what_was_said_of_it(kept, name):
    (info,) = kept.history(name)
    assert (info.good, info.time, info.version) == (True, golden.SAVED, golden.SAVES[name]["version"])
    assert info.metadata == golden.METADATA
    assert info.size == os.stat(kept.store.place(info.key)).st_size


@pytest.mark.parametrize("name", [name for name, how in golden.SAVES.items() if "compress" not in how])
def test_saving_gives_the_golden_bytes_again(kept, name):
    (info,) = kept.history(name)
    data = bytes(kept.store.get(info.key))
    purpose = Purpose("snapshot", SNAPSHOT, needed_secrets(golden.SECRET), PickleSerializer(), golden.NAMESPACE)
    facts = purpose.decode(info.key, data).facts
    assert b"".join(purpose.encode(info.key, golden.SAVES[name]["state"], facts)) == data


def test_a_program_without_the_steps_is_told(tmp_path, kept):
    with pytest.raises(BadPayloadError, match="version 1"):
        open_kept(tmp_path).load("version 1")


@pytest.mark.parametrize("file", golden.VALUES)
def test_a_golden_signed_value_is_loaded(file):
    options, value = golden.VALUES[file]
    reading = {name: given for name, given in options.items() if name in ("name", "serializer")}
    data = (golden.SIGNED / file).read_bytes()
    assert signed.loads(data, golden.SECRET, **reading) == value
    assert signed.load(golden.SIGNED / file, golden.SECRET, **reading) == value
    assert read_header(data).kind == SIGNED


@pytest.mark.parametrize("file", [file for file, (options, _) in golden.VALUES.items() if "compress" not in options])
def test_dumping_gives_the_golden_bytes_again_but_for_the_time(file):
    options, value = golden.VALUES[file]
    data = (golden.SIGNED / file).read_bytes()
    again = signed.dumps(value, golden.SECRET, **options)
    assert (again[:16], again[24:-32]) == (data[:16], data[24:-32])
