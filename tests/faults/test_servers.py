"""Faults 96 and 97: a Redis server that is down, slow, full, evicting, or shared with a stranger."""

import json
import logging
import os
import random
import signal
import threading
import time

import pytest
import redis
from helpers.functions import Counted, count, reasons

from memopickle import Cache, events
from memopickle.stores.breaker import FIRST, JITTER
from memopickle.stores.redis import RedisStore
from tests.faults import server_load
from tests.faults.stub import Stub
from tests.faults.tools import SECRET, Marking, require
from tests.flight.crew import until
from tests.stores.redis.servers import Cluster, RedisServer

#: Read here, since every test begins without such variables: how long the load on a failing server lasts.
SECONDS = float(os.environ.get("MEMOPICKLE_STORM_SECONDS", "5"))
#: Seconds that a store waits for an answer where none comes; a machine that is busy may take as long for one.
TIMEOUT = 0.3
#: The same where one comes.
PATIENT = 30


@pytest.fixture(autouse=True)
def _tools():
    require("redis-server")


@pytest.fixture
def server():
    with RedisServer(tcp=True) as server:
        yield server


@pytest.fixture
def cached(caplog):
    """Make a cached function, whose misses and warnings can be seen, on the store of a URL."""
    caplog.set_level(logging.WARNING, "memopickle")
    caches = []

    def make(url, **options):
        told = []
        cache = Cache(RedisStore(url, **{"timeout": PATIENT, **options}), secret=SECRET, on_event=told.append)
        caches.append(cache)
        double = Counted(cache)
        double.events = told
        return double

    yield make
    for cache in caches:
        cache.close()


def most_attempts(seconds):
    """How often a server may be asked in some seconds in which it fails."""
    return 1 + seconds / (FIRST * (1 - JITTER))


# -- 96: down ----------------------------------------------------------------------------------------------------------


def test_96_a_server_that_was_never_there_costs_no_result_and_is_told_once(cached, caplog):
    double = cached("redis://127.0.0.1:1")
    assert [double(3), double(3), double(4)] == [6, 6, 8]
    assert double.calls == [3, 3, 4]
    assert reasons(double.events) == ["store error"] * 3
    assert len(caplog.messages) == 1
    assert "127.0.0.1:1" in caplog.text


def test_96_a_server_that_is_killed_and_started_again_is_used_again_by_itself(server, cached, caplog):
    double = cached(server.url)
    assert [double(3), double(3)] == [6, 6]
    server.kill()
    assert [double(3), double(3), double(3)] == [6, 6, 6]
    assert len(caplog.messages) == 1
    server.start()
    until(lambda: double(3) == 6 and count(double.events)["Hit"] == 2)
    server.kill()
    double(3)
    # A call in whose middle it came back may have told as well that it could not lock.
    assert sum("could not look up" in message for message in caplog.messages) == 2


def test_96_a_server_that_hangs_is_waited_for_once_and_is_used_again_when_it_goes_on(server, cached, caplog):
    double = cached(server.url, timeout=TIMEOUT)
    double(3)
    server.signal(signal.SIGSTOP)
    began = time.monotonic()
    assert [double(3) for _ in range(100)] == [6] * 100
    slow = most_attempts(time.monotonic() - began)
    assert double.cache.store.server._breaker._attempt <= slow
    assert len(caplog.messages) == 1
    server.signal(signal.SIGCONT)
    until(lambda: double(3) == 6 and "Hit" in count(double.events))


def test_96_a_server_that_hangs_while_a_value_is_computed_is_asked_once_by_its_caller(server, cached):
    double = cached(server.url, timeout=TIMEOUT)
    double(3)
    hanging = Counted(double.cache, lambda number: server.signal(signal.SIGSTOP) or number * 2)
    breaker = double.cache.store.server._breaker
    asked = []
    enter = breaker.enter

    def entering(insists=False):
        attempt = enter(insists)
        if threading.current_thread() is threading.main_thread() and breaker._until is not None:
            asked.append(attempt)
        return attempt

    breaker.enter = entering
    assert hanging(4) == 8
    server.signal(signal.SIGCONT)
    assert asked != []
    assert set(asked) == {None}


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "silent"])
@pytest.mark.parametrize(
    "answer",
    [b"", b"*2\r\n$16\r\n0123", b"*2\r\n$16\r\n0123456789abcdef\r\n$1000\r\nhalf", b"HTTP/1.1 400 Bad Request\r\n\r\n",
     b"*99999999\r\n", b"$-7\r\n", b":1\r\n", b"+OK\r\n", b"*2\r\n:1\r\n:2\r\n"],
    ids=["nothing", "half a string", "half a value", "another protocol", "many", "minus", "number", "text", "numbers"],
)  # fmt: skip
def test_96_half_an_answer_or_nonsense_costs_no_result_and_no_wait_on_every_call(cached, caplog, answer, closes):
    with Stub(answer, closes) as stub:
        double = cached(stub.url, timeout=TIMEOUT)
        began = time.monotonic()
        assert [double(3) for _ in range(50)] == [6] * 50
        assert double.calls == [3] * 50
        assert stub.asked <= most_attempts(time.monotonic() - began)
        assert 1 <= len(caplog.messages) <= 2


def test_96_many_threads_at_a_server_that_hangs_wait_once_all_together(server, cached):
    double = cached(server.url, timeout=TIMEOUT)
    double(3)
    server.signal(signal.SIGSTOP)
    start = threading.Barrier(25)
    slow = []

    def run():
        start.wait()
        for number in range(20):
            began = time.monotonic()
            assert double(number) == 2 * number
            if time.monotonic() - began >= TIMEOUT:
                slow.append(number)

    began = time.monotonic()
    threads = [threading.Thread(target=run) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Those under way when it hung, and those who join in the flight of one of them; later one a pause, with its own.
    assert len(slow) <= 25 * most_attempts(time.monotonic() - began)
    assert len(slow) < 25 * 20
    server.signal(signal.SIGCONT)


# -- 96: full, read-only, locked ---------------------------------------------------------------------------------------


def test_96_a_full_server_serves_its_hits_and_costs_no_result(cached, caplog):
    with RedisServer("--maxmemory-policy", "noeviction") as server, server.client as raw:
        double = cached(server.url)
        double(3)
        raw.config_set("maxmemory", 1)
        with pytest.raises(redis.OutOfMemoryError):
            raw.set("other", "value")
        assert [double(4), double(4), double(3)] == [8, 8, 6]
        assert double.calls == [3, 4, 4]
        assert len(caplog.messages) == 1
        raw.config_set("maxmemory", 0)
        assert [double(4), double(4)] == [8, 8]
        assert double.calls == [3, 4, 4, 4]


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "volatile-lru"])
def test_96_a_server_that_evicts_gives_no_wrong_value(cached, caplog, policy):
    with RedisServer("--maxmemory", "3mb", "--maxmemory-policy", policy) as server, server.client as raw:
        cache = cached(server.url).cache
        large = Counted(cache, lambda number: f"{number} " * 20_000)
        for _ in range(2):
            for number in range(60):
                assert large(number) == f"{number} " * 20_000
        assert raw.info("stats")["evicted_keys"] > 0
        assert caplog.messages == []
        assert large(59) == "59 " * 20_000


def test_96_a_read_only_replica_serves_hits_and_costs_no_result(server, cached, caplog):
    double = cached(server.url)
    double(3)
    with RedisServer() as replica, replica.client as raw:
        raw.replicaof("127.0.0.1", server.port)
        until(lambda: raw.info("replication")["master_link_status"] == "up" and raw.dbsize() > 0)
        reader = cached(replica.url)
        assert [reader(3), reader(4), reader(4)] == [6, 8, 8]
        assert reader.calls == [4, 4]
        assert len(caplog.messages) == 1


@pytest.mark.parametrize("given", ["", ":a%20wrong%20one@"], ids=["none", "wrong"])
def test_96_a_server_that_wants_another_password_costs_no_result(cached, caplog, given):
    with RedisServer() as server, server.client as raw:
        raw.config_set("requirepass", "the right one")
        double = cached(server.url.replace("unix://", f"unix://{given}"))
        assert [double(3), double(3)] == [6, 6]
        assert len(caplog.messages) == 1
        assert "a wrong one" not in caplog.text
        right = cached(server.url.replace("unix://", "unix://:the%20right%20one@"))
        assert [right(3), right(3)] == [6, 6]
        assert right.calls == [3]


def test_96_a_plain_client_at_a_cluster_costs_no_result(cached, caplog):
    with Cluster() as cluster:
        double = cached(cluster.nodes[0].url)
        assert [double(number) for number in range(3)] == [0, 2, 4]
        assert len(caplog.messages) <= 1
        assert not caplog.messages or "cluster=1" in caplog.text


def test_96_a_cluster_that_lost_a_node_costs_no_result(cached):
    with Cluster() as cluster:
        double = cached(cluster.url)
        assert [double(3), double(3)] == [6, 6]
        for node in cluster.nodes:
            node.kill()
        assert [double(3), double(3)] == [6, 6]
        assert double.calls == [3, 3, 3]


def test_96_a_server_that_forgot_its_scripts_is_sent_them_again(server, cached, caplog):
    double = cached(server.url)
    double(3)
    with server.client as raw:
        raw.script_flush()
    assert [double(4), double(4)] == [8, 8]
    assert double.calls == [3, 4]
    assert caplog.messages == []


# -- 96: another type at the key ---------------------------------------------------------------------------------------


def test_96_a_list_at_the_key_of_a_value_is_a_miss_that_is_told_and_replaced(server, cached, caplog):
    double = cached(server.url)
    double(3)
    with server.client as raw:
        (name,) = raw.scan_iter(match="*:v*")
        raw.delete(name)
        raw.rpush(name, "not", "a value")
        assert list(double.cache.entries()) == []
        assert double.cache.prune() == 0
        assert [one.reason for one in double.cache.verify().bad] == ["not a string (WRONGTYPE)"]
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    assert reasons(double.events)[1:] == ["bad entry"]
    assert len(caplog.messages) == 1
    assert double.path(3) in caplog.text


@pytest.mark.parametrize("kind", ["g", "l", "c"])
def test_96_a_wrong_type_at_another_key_of_ours_costs_no_result(server, cached, caplog, kind):
    double = cached(server.url)
    double(3)
    with server.client as raw:
        tail = double.key(4)[40:]
        name = double.cache.store.prefix + "{" + double.key(4)[:40] + "}:" + (kind if kind == "g" else kind + tail)
        raw.delete(name)
        raw.hset(name, "not", "ours")
        assert [double(4), double(4)] == [8, 8]
        assert len(caplog.messages) == 1
        double.function.cache_clear()
        if kind == "g":  # mended by the clear
            assert [double(4), double(4)] == [8, 8]
            assert double.calls == [3, 4, 4, 4]


# -- 96: for a while ---------------------------------------------------------------------------------------------------


def test_96_a_server_killed_hung_and_restarted_under_load_costs_no_result(server, tmp_path):
    """Four processes; what happened is printed, see benchmarks/servers.py for the table of a longer run."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    counts = server_load.load(server, SECONDS, seed, processes=4, timeout=TIMEOUT)
    print(json.dumps(counts))
    for one in counts["processes"]:
        assert (one["raised"], one["wrong"]) == (0, 0)
        assert one["slow"] <= one["pauses"]
    assert counts["killed"] + counts["hung"] > 0
    assert sum(one["hits"] for one in counts["processes"]) > 0


# -- 97: a co-tenant ---------------------------------------------------------------------------------------------------


@pytest.fixture
def planted(server, cached, caplog, tmp_path):
    """Check that what a stranger put in the place of a value is a miss that is told with place and reason."""
    double = cached(server.url)
    assert [double(3), double(4)] == [6, 8]
    marker = tmp_path / "marker"

    def check(make):
        with server.client as raw:
            names = {name[-81:].decode(): name for name in raw.scan_iter(match="*:v*")}
            three, four = (names[double.key(number)[41:]] for number in (3, 4))
            raw.set(three, make(raw, three, four, marker))
        double.calls.clear(), double.events.clear()
        assert double(3) == 6
        assert double.calls == [3]
        assert not marker.exists(), "stored bytes were executed"
        assert reasons(double.events) == ["bad entry"]
        (refusal,) = [event for event in double.events if isinstance(event, events.BadEntry)]
        assert refusal.place == double.path(3)
        assert len(caplog.messages) == 1
        assert refusal.place in caplog.text
        assert double(3) == 6
        assert double.calls == [3]

    return check


def pickled(raw, three, four, marker):
    import pickle

    return pickle.dumps(Marking(marker))


def of_another_secret(raw, three, four, marker):
    kept = raw.get(three)
    cache = Cache(RedisStore(f"redis://127.0.0.1:{raw.config_get('port')['port']}"), secret="t" * 32)
    other = Counted(cache)
    other.function.cache_set(Marking(marker), 3)
    planted = raw.get(three)
    assert planted != kept
    cache.close()
    return planted


def flipped(data):
    return data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]


FORGERIES = {
    "nothing": lambda raw, three, four, marker: b"",
    "junk": lambda raw, three, four, marker: b"junk" * 100,
    "a pickle": pickled,
    "another call's": lambda raw, three, four, marker: raw.get(four),
    "cut": lambda raw, three, four, marker: raw.get(three)[:-1],
    "longer": lambda raw, three, four, marker: raw.get(three) + b"\0",
    "a flipped bit": lambda raw, three, four, marker: flipped(raw.get(three)),
    "signed by another": of_another_secret,
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_97_what_a_co_tenant_planted_is_a_miss_told_with_its_place_and_replaced(planted, forgery):
    planted(FORGERIES[forgery])


@pytest.mark.parametrize("generation", [b"", b"x", b"}{" * 50, bytes(range(256)), b"0123456789abcdef"])
def test_97_a_generation_changed_by_a_co_tenant_is_a_clear_at_most(server, cached, generation):
    double = cached(server.url)
    double(3)
    with server.client as raw:
        (name,) = raw.scan_iter(match="*:g")
        raw.set(name, generation)
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3, 3]
    list(double.cache.entries())
    double.cache.clear()
    assert double(3) == 6
    assert double.calls == [3, 3, 3]


def test_97_keys_of_a_co_tenant_below_our_prefix_are_not_taken_for_entries(server, cached):
    double = cached(server.url)
    double(3)
    with server.client as raw:
        for name in (
            b"memopickle:",
            b"memopickle:{}:v",
            b"memopickle:{" + b"\xff" * 40 + b"}:v" + b"0" * 20,
            b"memopickle:{x}",
        ):
            raw.set(name, b"theirs")
        assert len(list(double.cache.entries())) == 1
        assert double.cache.clear() == 1
        assert double.cache.prune() == 0
        assert raw.get(b"memopickle:") == b"theirs"
