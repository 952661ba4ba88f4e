"""98: what an object store, and the network on the way to it, can do to an entry and to a listing."""

import pytest
from helpers.functions import Counted, count, reasons
from helpers.s3 import bucket, endpoint, proxy

from memopickle import Cache, ObjectStore
from memopickle.events import BadEntry, Miss, NotStored
from tests.faults.tools import SECRET

__all__ = ["bucket", "proxy"]


@pytest.fixture
def objects(bucket):
    """The service itself."""
    return ObjectStore(bucket, endpoint=endpoint())


@pytest.fixture
def far(bucket, proxy, events):
    """A cached function whose store is reached through the proxy."""
    store = ObjectStore(bucket, endpoint=proxy.url, retry_config={"max_retries": 0})
    return Counted(Cache(store, secret=SECRET, on_event=events.append))


def no_pause(function):
    """Let the store ask again at once."""
    function.cache.store._bucket._breaker._until = None


def test_98_an_object_uploaded_in_part_is_a_miss_told_once_and_replaced(far, objects, events, caplog):
    far(3)
    whole = bytes(objects.get(far.key(3)))
    for size in (0, 1, 71, 72, len(whole) // 2, len(whole) - 1):
        objects.set(far.key(3), [whole[:size]], None)
        events.clear(), caplog.clear(), far.calls.clear()
        assert [far(3), far(3)] == [6, 6]
        assert far.calls == [3]
        assert reasons(events, Miss) == ["bad entry"]
        (refused,) = [event for event in events if isinstance(event, BadEntry)]
        (message,) = caplog.messages
        assert refused.place in message


def test_98_a_download_that_breaks_off_is_a_miss_told_once(far, proxy, events, caplog):
    far(3)

    def broken(handler):
        if handler.command == "GET":
            status, headers, body = handler.forwarded()
            handler.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "connection"):
                    handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body[: len(body) // 2])
            handler.close_connection = True
            return True
        return None

    proxy.fault = broken
    events.clear()
    assert far(3) == 6
    assert far.calls == [3, 3]
    assert "store error" in reasons(events, Miss)
    assert len(caplog.messages) == 1
    proxy.fault = lambda handler: None
    no_pause(far)
    events.clear()
    assert far(3) == 6
    assert count(events) == {"Hit": 1}


@pytest.mark.parametrize(
    "put", [lambda handler: handler.answer(500), lambda handler: handler.connection.close() or True], ids=["500", "cut"]
)
def test_98_an_upload_that_fails_leaves_nothing_and_is_told_once(far, proxy, objects, events, caplog, put):
    proxy.fault = lambda handler: put(handler) if handler.command == "PUT" else None
    assert far(3) == 6
    assert list(objects.keys()) == []
    assert len(reasons(events, NotStored)) == 1
    (message,) = caplog.messages
    assert "could not store" in message
    proxy.fault = lambda handler: None
    no_pause(far)
    assert [far(3), far(3)] == [6, 6]
    assert far.calls == [3, 3]


def is_listing(handler):
    return handler.command == "GET" and "list-type=2" in handler.path


@pytest.fixture
def lagging(far, proxy):
    """Listings stay as they are now, whatever happens to the objects."""
    far(1), far(2)
    store, answers = far.cache.store, {}

    def keep(handler):
        if is_listing(handler):
            answers[handler.path] = handler.forwarded()

    def repeat(handler):
        return handler.answer(*answers[handler.path]) if is_listing(handler) and handler.path in answers else None

    proxy.fault = keep
    list(store.keys()), list(store.functions()), list(store.keys(far.key(1)[:40]))
    proxy.fault = repeat
    return far


def test_98_a_listing_that_still_names_what_was_removed_harms_nobody(lagging, objects):
    objects.delete(lagging.key(1))
    cache = lagging.cache
    assert lagging.key(1) in list(cache.store.keys())
    assert [entry.key for entry in cache.entries()] == [lagging.key(2)]
    assert cache.verify().bad == []
    assert cache.prune() == 0
    assert (lagging(1), lagging.calls) == (2, [1, 2, 1])
    objects.delete(lagging.key(1))
    cache.clear()
    assert list(objects.keys()) == []


def test_98_a_listing_that_does_not_name_what_was_added_costs_no_hit(lagging, events):
    lagging(3)
    assert lagging.key(3) not in list(lagging.cache.store.keys())
    events.clear()
    assert lagging(3) == 6
    assert count(events) == {"Hit": 1}
