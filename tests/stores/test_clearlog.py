"""The log by which processes of one user learn what another cleared."""

import os
import stat

import pytest

from memopickle.stores import clearlog
from memopickle.stores.clearlog import ClearLog
from memopickle.testing import store_key

KEY, OTHER = store_key("1"), store_key("1", "module:other")


@pytest.fixture
def log(tmp_path):
    return ClearLog(str(tmp_path / "log"))


@pytest.mark.parametrize("began", [True, False], ids=["there", "absent"])
@pytest.mark.parametrize("size", [0, 1, 8, 40, len(KEY)])
def test_what_was_noted_after_the_mark_is_named(log, began, size):
    if began:
        log.note("ffff")
    mark = log.mark()
    assert not log.names(KEY, mark)
    log.note(KEY[:size])
    assert log.names(KEY, mark)
    assert not log.names(KEY, log.mark())


def test_what_was_noted_of_others_is_not_named(log):
    log.note("")
    mark = log.mark()
    log.note(OTHER)
    log.note(OTHER[:40])
    assert not log.names(KEY, mark)
    assert log.names(OTHER, mark)


def test_another_log_object_of_the_same_file_is_told(log):
    mark = log.mark()
    ClearLog(log._path).note("")
    assert log.names(KEY, mark)


def test_a_log_that_grew_long_begins_anew_and_counts_as_a_clear(log, monkeypatch):
    monkeypatch.setattr(clearlog, "_LONG", 200)
    log.note(OTHER)
    mark = log.mark()
    log.note(OTHER)
    assert not log.names(KEY, mark)
    log.note(OTHER)
    assert os.path.getsize(log._path) < 200
    assert log.names(KEY, mark)
    assert not log.names(KEY, log.mark())


def test_a_log_that_was_removed_counts_as_a_clear(log):
    log.note(OTHER)
    mark = log.mark()
    os.unlink(log._path)
    assert log.names(KEY, mark)


def test_nobody_else_can_write_it_and_nothing_is_left_beside(log, tmp_path):
    log.note("")
    log.note("")
    assert stat.S_IMODE(os.stat(log._path).st_mode) == 0o600
    assert os.listdir(tmp_path) == ["log"]
