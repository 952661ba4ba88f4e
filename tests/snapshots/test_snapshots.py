"""Saving, loading, looking, going back: Snapshots by themselves."""

import copy
import json
import os
import pickle
import shutil
import stat
from datetime import UTC, datetime

import pytest
from helpers.needed import need
from helpers.plain import PlainStore

from memopickle import (
    BadSignatureError,
    Cache,
    ConfigurationError,
    DirectoryStore,
    MemoryStore,
    ReadOnlyStore,
    SecretError,
    ShelveStore,
    StoreError,
)
from memopickle.header import read_metadata
from memopickle.snapshots import Snapshots
from memopickle.stores.layout import is_ours
from tests.faults.tools import Marking

ODD_NAMES = ["a", "..", "../../etc/passwd", "a/b", "a\\b", "a\0b", "name\n", "ä€😀", "\udc80", " ", "x" * 10_000, "con"]


# -- saving and loading ------------------------------------------------------------------------------------------------


def test_the_newest_is_loaded(snapshots, make):
    for number in range(3):
        snapshots.save("run", {"step": number})
    assert make().load("run") == {"step": 2}


def test_names_are_apart(snapshots):
    snapshots.save("one", 1)
    snapshots.save("two", 2)
    assert (snapshots.load("one"), snapshots.load("two")) == (1, 2)
    assert snapshots.names() == ["one", "two"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_may_be_any_text(snapshots, make, path, name):
    snapshots.save(name, "state")
    assert make().load(name) == "state"
    assert make().names() == [name]
    assert all(is_ours(file) for _, _, files in os.walk(path) for file in files)


@pytest.mark.parametrize("name", ["", None, 7, b"bytes"])
def test_what_is_no_name_is_refused(snapshots, name):
    for use in (snapshots.load, snapshots.history, snapshots.delete, snapshots.session, snapshots.every):
        with pytest.raises(ConfigurationError, match="name="):
            use(name)
    with pytest.raises(ConfigurationError, match="name="):
        snapshots.save(name, 1)


def test_without_any_the_default_is_returned(snapshots):
    assert snapshots.load("run", None) is None
    assert snapshots.load("run", default=7) == 7


def test_without_any_and_no_default_it_is_an_error(snapshots, path):
    with pytest.raises(StoreError, match=f"there is no snapshot of 'run'.*{path}"):
        snapshots.load("run")


def test_what_was_loaded_is_a_copy(snapshots):
    state = {"list": [1]}
    snapshots.save("run", state)
    state["list"].append(2)
    assert snapshots.load("run") == {"list": [1]}


def test_a_state_that_cannot_be_pickled_raises_its_own_error_and_leaves_the_old(snapshots, path):
    snapshots.save("run", "old")
    with pytest.raises((pickle.PicklingError, AttributeError)):
        snapshots.save("run", lambda: 1)
    assert snapshots.load("run") == "old"
    assert [file for _, _, files in os.walk(path) for file in files if file.endswith(".tmp")] == []


def test_arrays_come_back_writable(snapshots):
    numpy = need("numpy")
    snapshots.save("run", numpy.arange(100_000))
    found = snapshots.load("run")
    numpy.testing.assert_array_equal(found, numpy.arange(100_000))
    found[0] = 7


def test_files_are_private_and_the_directory_is_not_tagged_as_a_cache(snapshots, path):
    snapshots.save("run", 1)
    for folder, folders, files in os.walk(path):
        assert {stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) for name in folders} <= {0o700}
        assert {stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) for name in files} <= {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert not (path / "CACHEDIR.TAG").exists()


def test_a_directory_that_is_removed_while_running_is_made_again(snapshots, path, make):
    snapshots.save("run", 1)
    shutil.rmtree(path)
    snapshots.save("run", 2)
    assert make().load("run") == 2
    assert not (path / "CACHEDIR.TAG").exists()


def test_a_file_in_the_place_of_the_directory_is_told(path, secret):
    path.touch()
    with pytest.raises(StoreError, match="not a directory"):
        Snapshots(path, secret=secret).load("run", None)


def test_making_them_touches_nothing(path):
    repr(Snapshots(path))
    Snapshots(path).session("run")
    Snapshots(path).every("run")
    assert not path.exists()


def test_the_users_own_secret_signs(path):
    Snapshots(path).save("run", 1)
    assert Snapshots(path).load("run") == 1


def test_a_bad_secret_is_told_when_made(path):
    with pytest.raises(SecretError):
        Snapshots(path, secret="short")


# -- how many are kept -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keep", "left"), [(1, [6]), (3, [6, 5, 4]), (None, [6, 5, 4, 3, 2, 1, 0])])
def test_the_oldest_are_removed(make, keep, left):
    snapshots = make(keep=keep)
    for number in range(7):
        snapshots.save("run", number, number=number)
    assert [info.metadata["number"] for info in snapshots.history("run")] == left


def test_another_name_keeps_its_own(make):
    snapshots = make(keep=1)
    snapshots.save("other", 1)
    for number in range(3):
        snapshots.save("run", number)
    assert snapshots.load("other") == 1


def test_a_save_that_fails_removes_nothing(make):
    snapshots = make(keep=1)
    snapshots.save("run", "old")
    with pytest.raises((pickle.PicklingError, AttributeError)):
        snapshots.save("run", lambda: 1)
    assert len(snapshots.history("run")) == 1


def test_what_was_found_damaged_does_not_push_out_the_good(make, damage):
    snapshots = make(keep=2)
    snapshots.save("run", 1)
    damage(snapshots, snapshots.save("run", 2))
    assert snapshots.load("run") == 1
    damage(snapshots, snapshots.save("run", 3))
    assert snapshots.load("run") == 1


def test_what_cannot_be_removed_does_not_fail_the_save(tmp_path, secret, caplog):
    class Sticky(PlainStore):
        def delete(self, key):
            raise OSError(5, "Input/output error")

    snapshots = Snapshots(Sticky(tmp_path), secret=secret, keep=1)
    for number in range(3):
        snapshots.save("run", number)
    assert snapshots.load("run") == 2
    assert [record.message for record in caplog.records] == [
        "could not remove old snapshots of 'run' ([Errno 5] Input/output error); they stay for now"
    ]


@pytest.mark.parametrize("keep", [0, -1, True, 2.5, "5"])
def test_wrong_numbers_to_keep(make, keep):
    with pytest.raises(ConfigurationError, match="keep="):
        make(keep=keep)


# -- order, whatever clocks say ----------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_does_not_bring_back_the_old(snapshots, clock):
    snapshots.save("run", "old")
    clock.now -= 86400
    snapshots.save("run", "new")
    assert snapshots.load("run") == "new"


def test_a_planted_file_with_the_last_number_does_not_stop_saving(snapshots, path):
    info = snapshots.save("run", "old")
    place = snapshots.store.place(info.key)
    folder, name = os.path.split(place)
    with open(os.path.join(folder, "f" * 14 + name[14:]), "wb") as file:
        file.write(b"planted")
    snapshots.save("run", "new")
    assert snapshots.load("run") == "new"


def test_a_snapshot_under_another_number_or_name_is_refused(snapshots):
    first = snapshots.save("run", "first")
    snapshots.save("run", "second")
    snapshots.save("other", "other's")
    data = snapshots.store.get(first.key)
    moved = snapshots.store.place(first.key).replace("0000000001", "0000000009")
    with open(moved, "wb") as file:
        file.write(data)
    (others,) = snapshots.history("other")
    snapshots.store.set(others.key, [data], None)
    assert snapshots.load("run") == "second"
    with pytest.raises(BadSignatureError):
        snapshots.load("other")


# -- at a time ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def hourly(snapshots, clock):
    """Save one state an hour; return when."""
    times = []
    for number in range(4):
        times.append(clock.now)
        snapshots.save("run", number)
        clock.now += 3600
    return times


def test_at_seconds(snapshots, hourly):
    assert snapshots.load("run", at=hourly[1]) == 1
    assert snapshots.load("run", at=hourly[2] - 1) == 1
    assert snapshots.load("run", at=hourly[3] + 1e9) == 3


def test_at_a_datetime(snapshots, hourly):
    assert snapshots.load("run", at=datetime.fromtimestamp(hourly[2], UTC)) == 2
    assert snapshots.load("run", at=datetime.fromtimestamp(hourly[2])) == 2


def test_at_what_history_told(snapshots, hourly):
    for number, info in enumerate(reversed(snapshots.history("run"))):
        assert snapshots.load("run", at=info) == number
        assert snapshots.load("run", at=info.time) == number


def test_before_the_first_there_is_none(snapshots, hourly):
    assert snapshots.load("run", "default", at=hourly[0] - 1) == "default"
    with pytest.raises(StoreError, match="there is no snapshot"):
        snapshots.load("run", at=hourly[0] - 1)


def test_at_a_time_a_damaged_one_gives_way_to_the_one_before(snapshots, hourly, damage):
    damage(snapshots, snapshots.history("run")[1])
    assert snapshots.load("run", at=hourly[2]) == 1


def test_at_one_that_is_damaged_is_an_error(snapshots, hourly, damage):
    info = snapshots.history("run")[1]
    damage(snapshots, info)
    with pytest.raises(BadSignatureError):
        snapshots.load("run", at=info)


@pytest.mark.parametrize("at", ["yesterday", True, float("nan"), [1]])
def test_what_is_no_time(snapshots, at):
    with pytest.raises(ConfigurationError, match="at="):
        snapshots.load("run", at=at)


# -- history, rollback, delete -----------------------------------------------------------------------------------------


def test_history_tells_all_of_each(snapshots, clock):
    info = snapshots.save("run", list(range(100)), loss=0.5, tags=("a", "b"), name="its own", state=None)
    clock.now += 60
    snapshots.save("run", 1)
    newest, oldest = snapshots.history("run")
    assert oldest == info
    assert (oldest.name, oldest.time, oldest.version, oldest.good, oldest.reason) == (
        "run",
        clock.now - 60,
        1,
        True,
        "",
    )
    assert oldest.metadata == {"loss": 0.5, "tags": ["a", "b"], "name": "its own", "state": None}
    assert oldest.size == os.stat(snapshots.store.place(oldest.key)).st_size
    assert newest.time == clock.now


def test_history_is_read_without_unpickling(snapshots, tmp_path):
    snapshots.save("run", Marking(tmp_path / "unpickled"))
    assert [info.good for info in snapshots.history("run")] == [True]
    assert not (tmp_path / "unpickled").exists()


def test_history_tells_bad_from_good_and_why(snapshots, damage):
    for number in range(3):
        damage(snapshots, snapshots.save("run", number), [5, -1, 200][number])
    snapshots.save("run", 3)
    assert [(info.good, info.reason) for info in snapshots.history("run")] == [
        (True, ""),
        (False, "the signature does not match"),
        (False, "the signature does not match"),
        (False, "entry format 258; this version reads format 2"),
    ]


def test_metadata_that_json_cannot_hold_is_told_by_name(snapshots):
    with pytest.raises(ConfigurationError, match=r"metadata when=datetime"):
        snapshots.save("run", 1, when=datetime.now(UTC))
    assert snapshots.history("run") == []


def test_long_metadata_is_read_whole(snapshots):
    snapshots.save("run", 1, note="x" * 100_000)
    assert snapshots.names() == ["run"]
    assert len(snapshots.history("run")[0].metadata["note"]) == 100_000


def test_rollback_goes_one_back(snapshots):
    for number in range(3):
        snapshots.save("run", number, number=number)
    assert snapshots.rollback("run").metadata == {"number": 1}
    assert snapshots.load("run") == 1
    assert len(snapshots.history("run")) == 2


def test_rollback_passes_by_what_is_damaged(snapshots, damage):
    for number in range(4):
        info = snapshots.save("run", number)
        if number == 2:
            damage(snapshots, info)
    assert snapshots.rollback("run").key == snapshots.history("run")[0].key
    assert snapshots.load("run") == 1


def test_rollback_from_a_damaged_newest_keeps_the_good_one(snapshots, damage):
    snapshots.save("run", 1)
    damage(snapshots, snapshots.save("run", 2))
    snapshots.rollback("run")
    assert [info.good for info in snapshots.history("run")] == [True]


def test_rollback_to_a_time_or_a_snapshot(snapshots, hourly):
    third = snapshots.history("run")[1]
    assert snapshots.rollback("run", third) == third
    assert snapshots.load("run") == 2
    assert snapshots.rollback("run", hourly[0] + 1).time == hourly[0]
    assert snapshots.load("run") == 0


def test_without_a_good_one_before_nothing_is_removed(snapshots, damage):
    damage(snapshots, snapshots.save("run", 1))
    snapshots.save("run", 2)
    with pytest.raises(StoreError, match="no good snapshot of 'run' before the newest; nothing was removed"):
        snapshots.rollback("run")
    assert len(snapshots.history("run")) == 2


def test_saving_goes_on_after_a_rollback(snapshots):
    for number in range(3):
        snapshots.save("run", number)
    snapshots.rollback("run")
    snapshots.save("run", "on")
    assert snapshots.load("run") == "on"


def test_delete_removes_all_of_a_name(snapshots):
    for number in range(3):
        snapshots.save("run", number)
    snapshots.save("other", 1)
    assert snapshots.delete("run") == 3
    assert snapshots.load("run", None) is None
    assert snapshots.names() == ["other"]
    assert snapshots.delete("run") == 0


# -- places ------------------------------------------------------------------------------------------------------------


def plain(path):
    path.mkdir()
    return PlainStore(path)


STORES = {
    "directory": lambda path: DirectoryStore(path),
    "path": str,
    "url": lambda path: f"dir:{path}",
    "shelf": lambda path: ShelveStore(path),
    "memory": lambda path: MemoryStore(),
    "plain": plain,
}


@pytest.mark.parametrize("kind", STORES)
def test_any_store_keeps_them(kind, path, secret):
    snapshots = Snapshots(STORES[kind](path), secret=secret, keep=2)
    for number in range(4):
        with (session := snapshots.session("run", default=0)):
            session.state += number
    assert snapshots.load("run") == 6
    assert [info.good for info in snapshots.history("run")] == [True, True]
    assert snapshots.names() == ["run"]
    snapshots.rollback("run")
    assert snapshots.load("run") == 3
    assert snapshots.delete("run") == 1


def test_a_read_only_store_loads_and_refuses_to_save(snapshots, path, secret):
    snapshots.save("run", 1)
    reading = Snapshots(ReadOnlyStore(DirectoryStore(path)), secret=secret)
    assert reading.load("run") == 1
    with pytest.raises(StoreError, match="was not saved: the store is read-only"):
        reading.save("run", 2)
    with pytest.raises(StoreError, match="read-only"):
        reading.delete("run")


def test_a_cache_in_the_same_store_clears_only_its_own(store, secret):
    snapshots, cache = Snapshots(store, secret=secret), Cache(store, secret=secret)
    snapshots.save("run", 1)
    cache.cached(len)("word")
    assert cache.clear() == 1
    assert snapshots.load("run") == 1


def test_it_can_be_pickled_without_its_secret(make, path, secret):
    snapshots = make(keep=2, version=7)
    again = pickle.loads(pickle.dumps(snapshots))
    assert secret.encode() not in pickle.dumps(snapshots)
    assert (again.store.path, again.keep, again.version) == (str(path), 2, 7)
    assert copy.copy(snapshots).keep == 2


def test_the_head_says_what_it_is_as_documented(snapshots):
    info = snapshots.save("run", 1, loss=0.5)
    told = read_metadata(snapshots.store.get(info.key))
    assert told == json.loads(
        '{"snapshot": "run", "namespace": "", "serializer": "pickle", "version": 1, "metadata": {"loss": 0.5}}'
    )
