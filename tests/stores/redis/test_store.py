"""What RedisStore does beyond what every store must do."""

import os
import pickle
import subprocess
import sys
import time

import pytest
import redis

import memopickle
from memopickle import Cache, ConfigurationError, StoreError, open_store
from memopickle.expiry import SECOND
from memopickle.stores import redis as module
from memopickle.stores.redis import RedisStore
from memopickle.testing import real_entry, store_key
from tests.faults.tools import require
from tests.stores.redis.servers import RedisServer, free_port

HOUR = 3600


@pytest.fixture
def prefix(tmp_path):
    return f"{abs(hash(str(tmp_path))):x}:"


@pytest.fixture
def store(server, prefix):
    store = RedisStore(server.url, prefix, timeout=60)
    yield store
    store.close()


@pytest.fixture
def other(server, prefix):
    store = RedisStore(server.url, prefix, timeout=60)
    yield store
    store.close()


@pytest.fixture
def raw(server):
    with server.client as client:
        yield client


def names(raw, store, kind):
    return list(raw.scan_iter(match=f"{store.prefix}*:{kind}*", count=10_000))


# -- expiry ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("through", ["set", "writer"])
def test_the_server_expires_a_value_when_it_is_told_to(store, raw, through):
    expires = time.time() + HOUR
    if through == "set":
        store.set(store_key(), [b"value"], expires)
    else:
        with store.writer(store_key()) as writer:
            writer.publish([b"value"], expires)
    (name,) = names(raw, store, "v")
    left = raw.pexpiretime(name) / 1000
    assert expires <= left + 0.1
    assert left < expires + 5


def test_a_value_that_is_expired_before_it_is_stored_is_not_there(store):
    store.set(store_key(), [b"old"], None)
    store.set(store_key(), [b"value"], time.time() - 1)
    assert store.get(store_key()) is None
    with store.writer(store_key()) as writer:
        assert writer.publish([b"value"], time.time() - 1)
    assert store.get(store_key()) is None


def test_a_value_without_a_ttl_is_kept_for_a_year_by_default(store, raw):
    store.set(store_key(), [b"value"], None)
    (name,) = names(raw, store, "v")
    assert 364 * 24 * HOUR < raw.ttl(name) <= 365 * 24 * HOUR


def test_keep_says_how_long_a_value_without_a_ttl_is_kept(server, raw, prefix):
    for keep, wanted in (("1h", HOUR), (None, -1)):
        store = RedisStore(server.url, prefix, keep=keep)
        store.set(store_key(), [b"value"], None)
        (name,) = names(raw, store, "v")
        assert wanted - 5 <= raw.ttl(name) <= wanted
        store.close()


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_a_value_over_the_limit_is_refused_with_its_size(server, prefix):
    store = RedisStore(server.url, prefix, max_value_bytes=10)
    store.set(store_key(), [b"0123456789"], None)
    with pytest.raises(StoreError, match="11 bytes"):
        store.set(store_key(), [b"0123456789", b"0"], None)
    with store.writer(store_key()) as writer, pytest.raises(StoreError, match="11 bytes"):
        writer.publish([b"0123456789", b"0"], None)
    assert store.get(store_key()) == b"0123456789"
    store.close()


def test_a_result_over_the_limit_is_returned_and_told_once(server, prefix, caplog):
    cache = Cache(RedisStore(server.url, prefix, max_value_bytes=1000), secret="s" * 32)
    large = cache.cached(lambda number: "x" * number, key=str)
    assert [len(large(2000)), len(large(2000)), len(large(10)), len(large(10))] == [2000, 2000, 10, 10]
    assert large.cache_info()[:2] == (1, 3)
    assert len(caplog.messages) == 1
    cache.close()


# -- generations -------------------------------------------------------------------------------------------------------


def test_a_clear_takes_effect_with_one_command_however_many_entries_there_are(store, other, raw, monkeypatch):
    monkeypatch.setattr(module, "SWEEP", -1.0)  # nothing is removed beyond the first look
    for number in range(1500):
        store.set(store_key(str(number)), [b"value"], None)
    store.clear(store_key()[:40])
    assert list(other.keys()) == []
    assert [other.get(store_key(str(number))) for number in range(0, 1500, 100)] == [None] * 15
    assert names(raw, store, "v") != []


def test_what_a_clear_left_is_removed_by_a_prune(store, raw, monkeypatch):
    monkeypatch.setattr(module, "SWEEP", -1.0)
    for number in range(1500):
        store.set(store_key(str(number)), real_entry(store_key(str(number))), None)
    store.clear()
    store.set(store_key("new"), real_entry(store_key("new")), None)
    assert store.prune(0) == 0
    assert len(names(raw, store, "v")) == 1
    assert list(store.keys()) == [store_key("new")]


def test_a_clear_counts_what_it_removed_among_thousands(store):
    for number in range(2500):
        store.set(store_key(str(number), f"module:{number % 3}"), [b"value"], None)
    assert store.clear(store_key("", "module:0")[:40]) == 834
    assert store.clear() == 1666
    assert store.clear() == 0


def test_a_sweep_leaves_what_was_stored_after_another_clear(store, other):
    store.set(store_key("1"), [b"1"], None)
    batches = store._inventory.sweep("", float("inf"))
    other.clear()
    other.set(store_key("2"), [b"2"], None)
    list(batches)
    assert other.get(store_key("2")) == b"2"


@pytest.mark.parametrize("lost", ["g", "c", "l", "v"])
def test_what_the_server_evicts_brings_back_nothing_old(store, raw, lost):
    """Each kind of key in turn is gone while a value is computed, after which the key was cleared."""
    store.set(store_key(), [b"old"], None)
    store.clear()
    with store.writer(store_key()) as writer:
        lock = store.lock(store_key())
        assert lock.acquire(0)
        for name in names(raw, store, lost):
            raw.delete(name)
        published = writer.publish([b"new"], None)
        assert store.get(store_key()) == (b"new" if published else None)
        lock.release()
    assert published == (lost in "lv")


def test_an_invalidation_keeps_out_every_computation_of_the_key_and_no_other(store, other):
    writers = [store.writer(store_key("1")), other.writer(store_key("1")), other.writer(store_key("2"))]
    store.delete(store_key("1"))
    assert [writer.publish([b"late"], None) for writer in writers] == [False, False, True]
    for writer in writers:
        writer.close()


def test_nothing_but_the_value_is_left_after_a_computation_once_the_grace_is_over(store, raw):
    cache = Cache(store, secret="s" * 32)
    double = cache.cached(lambda number: number * 2, key=str)
    assert double(3) == 6
    assert names(raw, store, "c") == []
    assert [raw.pttl(name) <= 5000 for name in names(raw, store, "l")] == [True]
    assert len(names(raw, store, "v")) == 1


def test_a_summary_counts_the_entries_of_now_and_their_bytes(store, monkeypatch):
    monkeypatch.setattr(module, "SWEEP", -1.0)
    for number in range(1200):
        store.set(store_key(str(number), f"module:{number % 2}"), [b"12345"], None)
    assert store.summary()[:2] == (1200, 6000)
    assert store.summary(store_key("", "module:1")[:40])[:2] == (600, 3000)
    store.clear()
    assert store.summary()[:2] == (0, 0)


# -- leases ------------------------------------------------------------------------------------------------------------


def test_a_lost_lease_is_had_again_if_nobody_took_it(store, other, raw):
    lock = store.lock(store_key())
    assert lock.acquire(0)
    (name,) = names(raw, store, "l")
    raw.delete(name)
    assert lock.extend()
    assert not other.lock(store_key()).acquire(0)
    lock.release()


def test_a_lost_lease_is_left_to_who_took_it_and_the_value_is_stored(store, other, raw):
    writer, lock, second = store.writer(store_key()), store.lock(store_key()), other.lock(store_key())
    assert lock.acquire(0)
    (name,) = names(raw, store, "l")
    raw.delete(name)
    assert second.acquire(0)
    assert lock.extend()
    lock.release()
    assert second.held()
    assert not store.lock(store_key()).acquire(0)
    assert writer.publish([b"value"], None)
    second.release()


@pytest.mark.parametrize("how", ["delete", "clear"])
def test_a_lock_that_was_taken_away_is_not_had_again(store, other, how):
    lock = store.lock(store_key())
    assert lock.acquire(0)
    other.delete(store_key()) if how == "delete" else other.clear(store_key()[:40])
    assert not lock.extend()
    assert not lock.held()
    second = other.lock(store_key())
    assert second.acquire(0)
    lock.release()
    assert second.held()
    second.release()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_holds_nothing_and_can_use_the_store(store):
    store.set(store_key(), [b"value"], None)
    lock = store.lock(store_key())
    assert lock.acquire(0)
    child = os.fork()
    if not child:
        status = 1
        try:
            lock.release()
            status = 2 * lock.held() + 4 * (store.get(store_key()) != b"value") + 8 * store.lock(store_key()).acquire(0)
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get(store_key()) == b"value"
    assert lock.held()
    lock.release()


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    require("openssl")
    place = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    files = ["-keyout", str(place / "key"), "-out", str(place / "certificate")]
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", *files], check=True, capture_output=True
    )
    return place


def test_a_rediss_url_speaks_tls_and_trusts_only_who_it_should(certificate, caplog):
    port, file = free_port(), certificate / "certificate"
    tls = ["--tls-port", str(port), "--tls-cert-file", str(file), "--tls-key-file", str(certificate / "key")]
    with RedisServer(*tls, "--tls-auth-clients", "no"):
        for query, hits in ((f"?ssl_ca_certs={file}", 1), ("", 0)):
            cache = Cache(open_store(f"rediss://127.0.0.1:{port}/0{query}"), secret="s" * 32)
            double = cache.cached(lambda number: number * 2, key=str)
            assert [double(3), double(3)] == [6, 6]
            assert double.cache_info().hits == hits
            cache.close()
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


# -- making one --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["redis://user:hidden@h/0", "rediss://:hidden@h", "unix://user:hidden@/p?db=1", "redis://h?password=hidden",
     "redis://u:hid/hidden@h:1", "redis://u:hidden?x@h"],
)  # fmt: skip
def test_no_password_is_shown(url):
    try:
        store = RedisStore(url)
        shown = f"{store!r} {store.place(store_key())}"
    except ConfigurationError as error:
        shown = f"{error} {error!r}"
    assert "hid" not in shown
    with pytest.raises(ConfigurationError) as caught:
        open_store(f"{url}{'&' if '?' in url else '?'}bogus=1")
    assert "hid" not in str(caught.value)


def test_a_failure_shows_no_password(caplog):
    cache = Cache(RedisStore("redis://user:hidden@127.0.0.1:1/0"), secret="s" * 32)
    assert cache.cached(abs, key=str)(-3) == 3
    assert "127.0.0.1:1" in caplog.text
    assert "hidden" not in caplog.text


def test_a_store_from_a_url_pickles_with_its_options(server):
    store = RedisStore(server.url, "p:", ttl="1h", keep="2h", max_value_bytes=5, timeout=3, lease="4s")
    copy = pickle.loads(pickle.dumps(store))
    assert (repr(copy), copy.prefix, copy.ttl, copy.max_value_bytes) == (repr(store), "p:", HOUR * SECOND, 5)
    assert copy.__reduce__() == store.__reduce__()


def test_a_store_with_a_password_does_not_pickle():
    with pytest.raises(TypeError, match="password") as caught:
        pickle.dumps(RedisStore("redis://user:hidden@h/0"))
    assert "hidden" not in str(caught.value)


def test_a_store_with_a_client_says_why_it_does_not_pickle(server):
    with server.client as client, pytest.raises(TypeError, match="URL"):
        pickle.dumps(RedisStore(client))


def test_a_url_names_a_store_with_its_options():
    store = open_store("redis://h:1/2?ttl=1h&prefix=a:&keep=7d&timeout=0.25&lease=3&max_value_bytes=99&ssl_ca_certs=/x")
    assert type(store) is memopickle.RedisStore
    assert (store.prefix, store.ttl, store.max_value_bytes) == ("a:", HOUR * SECOND, 99)
    assert store.__reduce__()[1][3] == {"keep": "7d", "max_value_bytes": 99, "timeout": 0.25, "lease": 3}
    assert repr(store) == "RedisStore('redis://h:1/2?ssl_ca_certs=/x', prefix='a:')"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["http://h"], "redis://"),
        (["redis://"], "redis://"),
        (["unix://"], "unix:///path"),
        (["redis://h:port"], "port"),
        (["redis://h?bogus=1"], "bogus"),
        ([42], "URL or a client"),
        (["redis://h", ""], "prefix"),
        (["redis://h", "a{b}"], "prefix"),
        (["redis://h", "ü"], "prefix"),
        ([redis.asyncio.Redis()], "asynchronous"),
        ([redis.Redis(decode_responses=True)], "decode_responses"),
    ],
    ids=[f"{number}" for number in range(11)],
)
def test_a_wrong_argument_is_an_error_that_says_what_is_wrong(arguments, told):
    with pytest.raises(ConfigurationError, match=told):
        RedisStore(*arguments)


@pytest.mark.parametrize(
    "options",
    [{"ttl": -1}, {"keep": "soon"}, {"keep": 0}, {"timeout": 0}, {"lease": 0}, {"lease": None},
     {"max_value_bytes": 0}, {"max_value_bytes": 1.5}],
    ids=str,
)  # fmt: skip
def test_a_wrong_option_is_an_error_that_names_it(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        RedisStore("redis://h", **options)


def test_importing_memopickle_and_making_a_store_imports_no_client():
    program = "import sys, memopickle; memopickle.RedisStore('redis://h'); print('redis' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )
    program = "import sys, memopickle; print('memopickle.stores.redis' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def test_a_missing_client_library_is_an_error_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    cache = Cache(RedisStore("redis://h"), secret="s" * 32)
    with pytest.raises(ConfigurationError, match=r"memopickle\[redis\]"):
        cache.cached(abs, key=str)(3)


def test_prefixes_with_special_characters_are_kept_apart(server):
    stores = [RedisStore(server.url, prefix) for prefix in ("[ab]*?\\:", "a*?\\:", "a:")]
    for number, store in enumerate(stores):
        store.set(store_key(), [b"%d" % number], None)
    assert [list(store.keys()) for store in stores] == [[store_key()]] * 3
    assert stores[0].clear() == 1
    assert [store.get(store_key()) for store in stores] == [None, b"1", b"2"]
    for store in stores:
        store.clear()
        store.close()


def test_the_error_of_a_server_that_is_down_survives_pickling_and_is_a_connection_error():
    store = RedisStore("redis://127.0.0.1:1/0")
    with pytest.raises(StoreError) as caught:
        store.get(store_key())
    assert isinstance(caught.value, ConnectionError)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.place) == (type(caught.value), str(caught.value), "redis://127.0.0.1:1/0")
