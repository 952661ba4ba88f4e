"""What is particular to ObjectStore: the first writer wins, a service may be away, no credential is shown."""

import logging
import pickle
import threading

import pytest
from helpers.functions import Counted, count, reasons
from helpers.needed import need
from helpers.programs import run
from helpers.s3 import bucket, endpoint, proxy

from memopickle import Cache, ConfigurationError, ObjectStore, StoreError
from memopickle.events import Miss
from memopickle.stores.bucketerrors import said as told
from memopickle.testing import real_entry, store_key
from memopickle.testing.base import NOW

__all__ = ["bucket", "proxy"]

KEY = store_key()


@pytest.fixture
def store(bucket):
    return ObjectStore(bucket, endpoint=endpoint())


@pytest.fixture
def proxied(bucket, proxy):
    """A store that reaches its service through the proxy."""
    return ObjectStore(bucket, endpoint=proxy.url, timeout=30)


@pytest.fixture
def double(proxied, secret, events):
    return Counted(Cache(proxied, secret=secret, on_event=events.append))


def client():
    return need("boto3").client("s3", endpoint_url=endpoint())


def place(store, key=KEY):
    _, _, name, path = store.place(key).split("/", 3)
    return {"Bucket": name, "Key": path}


# -- the first writer wins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, b"an entry that could not be used"], ids=["new", "replacing"])
def test_of_two_that_compute_at_once_the_first_keeps_its_value(store, before):
    if before is not None:
        store.set(KEY, [before], None)
    with store.writer(KEY) as first, store.writer(KEY) as second:
        assert first.publish([b"first"], None) is True
        assert second.publish([b"second"], None) is True
    assert store.get(KEY) == b"first"


def test_an_entry_that_could_not_be_used_is_replaced(store):
    store.set(KEY, [b"expired, or damaged"], None)
    with store.writer(KEY) as writer:
        assert writer.publish([b"new"], None) is True
    assert store.get(KEY) == b"new"


def test_an_entry_removed_while_its_successor_was_computed_stays_away(store):
    store.set(KEY, [b"old"], None)
    with store.writer(KEY) as writer:
        store.delete(KEY)
        assert writer.publish([b"late"], None) is False
    assert store.get(KEY) is None


def without_conditions(handler):
    """Answer as services do that know no If-None-Match and If-Match on PUT."""
    if handler.command == "PUT" and ("If-None-Match" in handler.headers or "If-Match" in handler.headers):
        return handler.answer(501, body=b"<Error><Code>NotImplemented</Code></Error>")
    return None


def test_a_service_without_conditional_writes_is_told_once_and_the_last_one_wins(proxied, proxy, caplog):
    proxy.fault = without_conditions
    with proxied.writer(KEY) as first, proxied.writer(KEY) as second:
        assert first.publish([b"first"], None) is True
        assert second.publish([b"second"], None) is True
    assert proxied.get(KEY) == b"second"
    (message,) = caplog.messages
    assert "takes no conditional writes" in message


def test_a_service_without_conditional_writes_serves_hits(double, proxy):
    proxy.fault = without_conditions
    assert [double(3), double(3), double(4), double(4)] == [6, 6, 8, 8]
    assert double.calls == [3, 4]


def test_a_large_entry_goes_up_in_parts(proxied, proxy):
    value = bytes(range(256)) * 4096 * 17
    with proxied.writer(KEY) as writer:
        assert writer.publish([value], None) is True
    assert len([path for method, path in proxy.seen if method == "PUT" and "uploadId=" in path]) >= 2
    assert bytes(proxied.get(KEY)) == value


# -- age and listing ---------------------------------------------------------------------------------------------------


def test_the_expiry_stands_in_the_objects_metadata(store):
    store.set(KEY, [b"value"], 1_800_000_000.0)
    assert client().head_object(**place(store))["Metadata"] == {"expiry": "2027-01-15T08:00:00+00:00"}


def test_a_summary_reads_the_listing_only(proxied, proxy):
    for number in range(5):
        proxied.set(store_key(str(number)), [bytes(100)], None)
    proxy.seen.clear()
    found = proxied.summary(KEY[:40])
    assert (found.entries, found.bytes) == (5, 500)
    assert 0 < found.oldest <= found.newest
    assert [method for method, _ in proxy.seen] == ["GET"]


def test_prune_removes_what_is_expired(store):
    for number in range(20):
        key = store_key(str(number))
        store.set(key, real_entry(key, NOW + number - 10), None)
    assert store.prune(NOW) == 11
    assert len(list(store.keys())) == 9


def test_objects_of_others_are_not_listed_and_not_removed(store):
    foreign = [{**place(store), "Key": f"some/prefix/{name}"} for name in ("report.csv", f"{KEY[:40]}/notes", "a/b/c")]
    for one in foreign:
        client().put_object(**one, Body=b"theirs")
    store.set(KEY, [b"ours"], None)
    assert list(store.keys()) == [KEY]
    assert list(store.functions()) == [KEY[:40]]
    assert store.clear() == 1
    assert all(client().get_object(**one)["Body"].read() == b"theirs" for one in foreign)


def test_what_is_beside_the_prefix_is_not_ours(bucket):
    one, other = (ObjectStore(f"{bucket}{end}", endpoint=endpoint()) for end in ("", "-2"))
    other.set(KEY, [b"other"], None)
    assert list(one.keys()) == []
    assert one.clear() == 0
    assert other.get(KEY) == b"other"


# -- a service that is away --------------------------------------------------------------------------------------------


def test_a_service_that_is_away_costs_one_attempt_and_then_none(double, proxy, events, caplog, monkeypatch):
    monkeypatch.setattr("memopickle.stores.breaker.FIRST", 30.0)  # within which any machine has made 50 calls
    double(3)
    proxy.fault = lambda handler: handler.answer(503)
    proxy.seen.clear()
    assert [double(3) for _ in range(50)] == [6] * 50
    assert len(proxy.seen) <= 3  # the look-up and its two repetitions
    assert reasons(events, Miss)[1:] == ["store error"] * 50
    (message,) = caplog.messages
    assert "503" in message


def test_a_service_that_refuses_connections_is_a_miss_that_is_told(bucket, secret, caplog):
    double = Counted(Cache(ObjectStore(bucket, endpoint="http://127.0.0.1:1"), secret=secret))
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    (message,) = caplog.messages
    assert bucket in message


def test_a_service_that_does_not_answer_is_given_up(bucket, proxy, secret):
    double = Counted(Cache(ObjectStore(bucket, endpoint=proxy.url, timeout=0.3), secret=secret))
    released = threading.Event()
    proxy.fault = lambda handler: released.wait(60)
    assert double(3) == 6
    assert not released.is_set()
    released.set()


def test_a_service_that_comes_back_is_used_again(double, proxy, monkeypatch):
    double(3)
    proxy.fault = lambda handler: handler.answer(503)
    double(3)
    proxy.fault = lambda handler: None
    double.cache.store._bucket._breaker._until = 0.0  # the pause is over
    double.calls.clear()
    assert double(3) == 6
    assert double.calls == []


def test_a_refusal_is_no_reason_for_a_pause(proxied, proxy):
    proxy.fault = lambda handler: handler.answer(403, body=b"<Error><Code>AccessDenied</Code></Error>")
    for _ in range(3):
        with pytest.raises(StoreError, match="403 Forbidden, AccessDenied"):
            proxied.get(KEY)
    assert len(proxy.seen) == 3


# -- wrong settings ----------------------------------------------------------------------------------------------------


def test_a_bucket_that_does_not_exist_is_an_error_at_first_use(bucket, secret):
    double = Counted(Cache(ObjectStore("s3://nowhere/prefix", endpoint=endpoint()), secret=secret))
    with pytest.raises(StoreError, match=r"does not exist.*s3://nowhere/prefix"):
        double(3)


def test_an_unknown_option_is_an_error_at_first_use(bucket, secret):
    double = Counted(Cache(ObjectStore(bucket, endpoint=endpoint(), colour="red"), secret=secret))
    with pytest.raises(ConfigurationError, match="colour"):
        double(3)


@pytest.mark.parametrize(
    ("url", "options", "told"),
    [
        ("bucket/prefix", {}, "s3://"),
        ("ftp://bucket", {}, "s3://"),
        ("s3://", {}, "name a bucket"),
        ("s3://user:pass@bucket", {}, "come from the environment"),
        ("s3://bucket?region=x", {}, "as arguments"),
        ("s3://bucket", {"timeout": -1}, "timeout"),
        ("s3://bucket", {"timeout": True}, "timeout"),
        ("s3://bucket", {"ttl": "soon"}, "soon"),
        (object(), {}, "store of obstore"),
    ],
)
def test_a_wrong_argument_is_an_error_when_making_it(url, options, told):
    with pytest.raises(ConfigurationError, match=told):
        ObjectStore(url, **options)


@pytest.mark.parametrize(
    ("url", "options"),
    [("gs://bucket/prefix", {}), ("az://container/prefix", {"account_name": "somebody"}), ("s3://bucket", {})],
)
def test_the_client_of_each_service_takes_our_settings(bucket, url, options):
    need("obstore")
    assert ObjectStore(url, **options)._bucket._connected() is not None


def test_without_obstore_the_error_names_the_extra():
    program = """
        import sys
        sys.modules["obstore"] = sys.modules["obstore.store"] = None
        from memopickle import ConfigurationError, ObjectStore
        try:
            ObjectStore("s3://bucket").open()
        except ConfigurationError as error:
            print(error)
    """
    assert "pip install 'memopickle[object]'" in run(program)


def test_importing_memopickle_imports_no_store_that_is_not_used():
    program = """
        import sys, memopickle
        print([name for name in sys.modules if name.split(".")[-1] in ("obstore", "object", "bucket", "tiered")])
        memopickle.ObjectStore("s3://bucket")
        print("obstore" in sys.modules)
    """
    assert run(program).split("\n")[:2] == ["[]", "False"]


# -- credentials -------------------------------------------------------------------------------------------------------

HIDDEN = {"access_key_id": "AKIAHUNTER", "secret_access_key": "hunter2"}


def test_credentials_are_in_no_text(bucket, proxy):
    store = ObjectStore(bucket, endpoint=proxy.url, region="us-east-1", **HIDDEN)
    proxy.fault = lambda handler: handler.answer(403, body=b"<Error><Code>InvalidAccessKeyId</Code></Error>")
    with pytest.raises(StoreError) as caught:
        store.get(KEY)
    texts = f"{store!r} {store.place(KEY)} {caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert "hunter" not in texts.lower()


def test_credentials_are_in_no_pickle(bucket):
    with pytest.raises(TypeError, match="from the environment"):
        pickle.dumps(ObjectStore(bucket, endpoint=endpoint(), **HIDDEN))
    with pytest.raises(TypeError, match="made from a URL"):
        pickle.dumps(ObjectStore(need("obstore").store.MemoryStore()))


def test_a_pickle_carries_the_url_and_the_options(store):
    store.set(KEY, [b"value"], None)
    dumped = pickle.dumps(store)
    assert b"testing" not in dumped
    assert pickle.loads(dumped).get(KEY) == b"value"


def test_what_a_failed_request_says_is_one_line_without_its_address():
    said = told(RuntimeError("Generic S3 error: Error in 2ms - HTTP error: sending https://h/p?sig=abc\n\nmore"))
    assert said == "HTTP error: sending https://h/p"


# -- processes ---------------------------------------------------------------------------------------------------------

SHARED = """
    import os, sys
    from memopickle import Cache, ObjectStore
    cache = Cache(ObjectStore(sys.argv[1], endpoint=sys.argv[2]), secret="s" * 32)
    @cache.cached
    def double(number):
        print("computes", flush=True)
        return number * 2
"""


def test_processes_share_what_is_stored(bucket):
    program = SHARED + "    print(double(3), double(3))"
    assert run(program, bucket, endpoint()).split() == ["computes", "6", "6"]
    assert run(program, bucket, endpoint()).split() == ["6", "6"]


def test_a_forked_child_does_not_hang(bucket):
    program = (
        SHARED
        + """
    print(double(3), flush=True)
    child = os.fork()
    if not child:
        print(double(3), double(4), flush=True)
        os._exit(0)
    print(os.waitpid(child, 0)[1], double(3))
    """
    )
    told = run(program, bucket, endpoint()).split()
    assert told == ["computes", "6", "computes", "computes", "6", "8", "0", "6"]


def test_a_child_forked_before_the_first_use_has_a_store_of_its_own(bucket):
    program = (
        SHARED
        + """
    child = os.fork()
    if not child:
        print(double(3), double(3), flush=True)
        os._exit(0)
    print(os.waitpid(child, 0)[1], double(3))
    """
    )
    assert run(program, bucket, endpoint()).split() == ["computes", "6", "6", "0", "6"]


def test_a_hit_is_one_request(double, proxy, events):
    double(3)
    proxy.seen.clear(), events.clear()
    assert double(3) == 6
    assert [method for method, _ in proxy.seen] == ["GET"]
    assert count(events) == {"Hit": 1}


def test_a_bad_entry_is_a_miss_told_once_and_replaced(double, proxied, events, caplog):
    caplog.set_level(logging.WARNING, "memopickle")
    double(3)
    proxied.set(double.key(3), [b"no entry"], None)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert reasons(events, Miss) == ["absent", "bad entry"]
    (message,) = caplog.messages
    assert proxied.place(double.key(3)) in message
