"""A cached function, and the check that a fault in its entry is a miss that is told once."""

import contextlib
import logging

import pytest
from helpers.functions import Counted, count, reasons
from helpers.stores import local_store

from memopickle import Cache
from memopickle.events import BadEntry, Miss
from tests.faults.tools import SECRET, leftovers
from tests.faults.workers import Team


@pytest.fixture
def double(cache):
    """A cached function of one argument that counts its calls."""
    return Counted(cache)


@pytest.fixture
def marker(tmp_path):
    """The path of a directory that only executed bytes would make; it must not be there in the end."""
    marker = tmp_path / "marker"
    yield marker
    assert not marker.exists(), "stored bytes were executed"


@pytest.fixture
def missed(double, events, caplog, marker):
    """Check MISS+W: the value is computed, told once with place and reason, and stored anew."""
    caplog.set_level(logging.WARNING, "memopickle")

    def check(reason="", function=double, argument=3, expected=6):
        events.clear(), caplog.clear(), function.calls.clear()
        assert function(argument) == expected
        assert function.calls == [argument]
        assert not marker.exists(), "stored bytes were executed"
        assert reasons(events, Miss) == ["bad entry"]
        (refusal,) = [event for event in events if isinstance(event, BadEntry)]
        assert refusal.place == function.path(argument)
        assert reason in refusal.reason
        (message,) = caplog.messages
        assert refusal.place in message
        assert reason in message
        events.clear()
        assert function(argument) == expected
        assert count(events) == {"Hit": 1}

    yield check
    assert leftovers(double.cache.store.path) == []


@pytest.fixture(params=["directory", "shelve", "memory"])
def any_cache(request, tmp_path, events):
    """A cache in each of the stores that need no server."""
    return Cache(local_store(request.param, tmp_path), secret=SECRET, on_event=events.append)


@pytest.fixture
def url(tmp_path, request):
    """A store that processes share."""
    return f"{getattr(request, 'param', 'dir')}:{tmp_path / 'place'}"


@pytest.fixture
def start(tmp_path, url):
    """Start some workers on the store; they end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda size, *before, **environment: stack.enter_context(Team(tmp_path, size, url, before, **environment))
