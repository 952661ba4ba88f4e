"""Damaged, or not to be loaded by this program any more: the last known good one is returned, and the rest told."""

import os

import pytest

from memopickle import (
    BadPayloadError,
    BadSignatureError,
    ConfigurationError,
    PickleSerializer,
    UnknownFormatError,
    signed,
)
from memopickle.snapshots.events import SnapshotLoaded, SnapshotRefused, SnapshotSaved
from tests.faults.tools import Marking, inject, leftovers, run, small_disk

# -- what is bad -------------------------------------------------------------------------------------------------------


def test_the_newest_damaged_in_each_byte_in_turn_gives_the_one_before_every_time(make, secret):
    snapshots = make()
    snapshots.save("run", {"step": 1})
    info = snapshots.save("run", {"step": 2}, loss=0.5)
    place = snapshots.store.place(info.key)
    with open(place, "rb") as file:
        good = file.read()
    loaded = []
    for position in range(len(good)):
        for change in (1, 128, 255):
            with open(place, "r+b") as file:
                file.seek(position)
                file.write(bytes([good[position] ^ change]))
            loaded.append(snapshots.load("run"))
            with open(place, "r+b") as file:
                file.write(good)
    assert loaded == [{"step": 1}] * (3 * len(good))
    assert snapshots.load("run") == {"step": 2}


def test_the_newest_cut_at_each_byte_gives_the_one_before(snapshots):
    snapshots.save("run", 1)
    place = snapshots.store.place(snapshots.save("run", 2).key)
    with open(place, "rb") as file:
        good = file.read()
    for size in range(len(good)):
        with open(place, "wb") as file:
            file.write(good[:size])
        assert snapshots.load("run") == 1
    with open(place, "wb") as file:
        file.write(good + b"\0")
    assert snapshots.load("run") == 1


@pytest.mark.parametrize("what", ["directory", "symlink"])
def test_something_else_in_its_place_gives_the_one_before(snapshots, what, tmp_path):
    snapshots.save("run", 1)
    place = snapshots.store.place(snapshots.save("run", 2).key)
    os.rename(place, tmp_path / "aside")
    if what == "directory":
        os.mkdir(place)
    else:
        os.symlink(tmp_path / "aside", place)
    assert snapshots.load("run") == 1
    assert [info.good for info in snapshots.history("run")] == [False, True]


def test_what_was_refused_is_told_by_one_warning_and_events(snapshots, damage, caplog, events):
    snapshots.save("run", 1)
    info = snapshots.save("run", 2)
    damage(snapshots, info)
    events.clear()
    for _ in range(3):
        snapshots.load("run")
    place = snapshots.store.place(info.key)
    assert [record.message for record in caplog.records] == [
        f"refused a snapshot of 'run' at {place}: the signature does not match; the one before it is tried"
    ]
    assert events[0] == SnapshotRefused("run", info.key, place, "the signature does not match")
    assert [type(event) for event in events] == [SnapshotRefused, SnapshotLoaded] * 3
    assert events[1].refused == 1


def test_events_of_saving_and_loading(snapshots, events):
    info = snapshots.save("run", 1)
    snapshots.load("run")
    assert events == [SnapshotSaved("run", info.key, info.size), SnapshotLoaded("run", info.key, 1, 0)]


def test_if_none_is_good_it_is_an_error_and_never_the_default(snapshots, damage):
    for number in range(2):
        damage(snapshots, snapshots.save("run", number))
    with pytest.raises(
        BadSignatureError, match="none of 2 snapshots of 'run' can be loaded; the newest: the signature"
    ):
        snapshots.load("run", "default")


def test_another_secret_is_an_error_and_never_the_default(snapshots, make):
    snapshots.save("run", 1)
    with pytest.raises(BadSignatureError, match="unknown secret"):
        make(secret="x" * 32).load("run", None)


def test_a_signed_value_and_a_cache_entry_are_no_snapshots(snapshots, cache, secret, caplog):
    @cache.cached
    def answer():
        return 42

    answer()
    snapshots.save("run", "good")
    for data in (signed.dumps("signed", secret), bytes(cache.store.get(answer.cache_key()))):
        info = snapshots.save("run", "replaced")
        snapshots.store.set(info.key, [data], None)
    assert snapshots.load("run") == "good"
    assert [record.message.partition(": this is ")[2].partition(",")[0] for record in caplog.records] == [
        "the stored result of a function",
        "a signed value",
    ]


def test_another_namespace_is_apart(make):
    one, two = make(namespace="one"), make(namespace="two")
    one.save("run", 1)
    assert two.load("run", None) is None
    two.save("run", 2)
    assert (one.load("run"), two.load("run")) == (1, 2)
    assert (one.names(), two.names()) == (["run"], ["run"])


# -- after a deployment ------------------------------------------------------------------------------------------------


class Model:
    def __init__(self, weight):
        self.weight = weight


def test_a_class_that_is_gone_gives_the_last_that_can_be_loaded(make, monkeypatch, events):
    make().save("run", {"weight": 1})
    make().save("run", Model(2))
    monkeypatch.delattr(f"{__name__}.Model")
    assert make().load("run") == {"weight": 1}
    assert "Model" in events[-2].reason


def test_what_cannot_be_loaded_is_still_good_and_stays(make, monkeypatch):
    make().save("run", Model(2))
    monkeypatch.delattr(f"{__name__}.Model")
    with pytest.raises(BadPayloadError, match="Model"):
        make().load("run", None)
    assert [info.good for info in make().history("run")] == [True]


def test_an_older_version_is_migrated_step_by_step(make):
    make(version=1).save("run", [1])
    steps = {1: lambda state: [*state, 2], 2: lambda state: [*state, 3]}
    assert make(version=3, migrate=steps).load("run") == [1, 2, 3]
    make(version=2).save("run", ["two"])
    assert make(version=3, migrate=steps).load("run") == ["two", 3]


def test_a_migrated_state_is_saved_as_the_new_version(make):
    make(version=1).save("run", [1])
    snapshots = make(version=2, migrate={1: lambda state: {"list": state}})
    with snapshots.session("run") as state:
        state["more"] = True
    assert make(version=2).load("run") == {"list": [1], "more": True}


def test_a_migration_that_fails_gives_the_last_that_can_be_loaded(make, events):
    make(version=1).save("run", {"good": 1})
    make(version=1).save("run", {})
    assert make(version=2, migrate={1: lambda state: state["good"]}).load("run") == 1
    assert "could not migrate it from version 1 (KeyError: 'good')" in events[-2].reason


def test_a_newer_version_gives_the_last_of_ones_own(make, events):
    make(version=1).save("run", "one")
    make(version=2).save("run", "two")
    assert make(version=1).load("run") == "one"
    assert "saved by a program of version 2" in events[-2].reason


@pytest.mark.parametrize(("saved", "reading"), [(1, "1"), (2, "main"), ("a", "b")])
def test_versions_that_no_step_joins(make, saved, reading):
    make(version=saved).save("run", 1)
    with pytest.raises(BadPayloadError, match="no step in migrate="):
        make(version=reading).load("run")


def test_an_old_state_is_not_unpickled_where_no_step_leads_on(make, tmp_path):
    make(version=1).save("run", Marking(tmp_path / "unpickled"))
    with pytest.raises(BadPayloadError):
        make(version=2).load("run")
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize(
    "options",
    [{"version": None}, {"version": 1.5}, {"version": True}, {"migrate": {2: str}}, {"migrate": {0: 7}},
     {"compress": "zip"}, {"serializer": "pikle"}, {"namespace": 7}, {"lock_timeout": -1}],
)  # fmt: skip
def test_wrong_options(make, options):
    with pytest.raises(ConfigurationError, match=f"{next(iter(options))}="):
        make(**options)


@pytest.mark.parametrize(("saving", "loading"), [(None, "zlib"), ("zlib", None), ("lzma", "zlib")])
def test_another_compression_still_reads(make, saving, loading):
    make(compress=saving).save("run", [0] * 10_000)
    assert make(compress=loading).load("run") == [0] * 10_000


class Renamed(PickleSerializer):
    name = "mine"


def test_another_serializer_is_told(make):
    make(serializer=Renamed()).save("run", 1)
    assert make(serializer=Renamed()).load("run") == 1
    with pytest.raises(UnknownFormatError, match="saved with serializer='mine', not 'pickle'"):
        make().load("run")


# -- a place that refuses ----------------------------------------------------------------------------------------------

FILLING = """
import sys
from memopickle import Snapshots

snapshots = Snapshots(sys.argv[1] + "/snapshots", secret="f" * 32, keep=1)
snapshots.save("run", "small")
try:
    snapshots.save("run", bytes(2_000_000))
except OSError as error:
    print(error.strerror)
print(snapshots.load("run"), len(snapshots.history("run")))
"""


def test_a_full_disk_is_an_error_and_the_old_snapshot_stays(tmp_path):
    told = run(FILLING, tmp_path, before=small_disk(tmp_path))
    assert told == "No space left on device\nsmall 1\n"


FAILING = """
import sys
from memopickle import Snapshots

snapshots = Snapshots(sys.argv[1], secret="f" * 32)
try:
    snapshots.save("run", "new")
except OSError as error:
    print(error.strerror)
print(snapshots.load("run"))
"""


def test_a_flush_that_fails_is_an_error_and_the_old_snapshot_stays(tmp_path):
    run(FAILING.replace("new", "old"), tmp_path / "kept")
    told = run(FAILING, tmp_path / "kept", before=inject("fsync:error=EIO"))
    assert told == "Input/output error\nold\n"
    assert leftovers(tmp_path) == []
