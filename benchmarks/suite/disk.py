"""Small results on disk: hits, and misses that store."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from memopickle import keys
from suite import floors
from suite.peers import DISK, disk_peers
from suite.report import Against, Row, at_most, compared, duration
from suite.rounds import Contender, calling, measure, once
from suite.setting import disk_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from suite.rounds import Round, Rounds
    from suite.setting import Setting

__all__ = ["first_hits", "hit", "store"]

ALGORITHMS = tuple(floors.SIGN)
FLOOR = "signed floor, write + rename"
#: Arguments that come for the first time.
FIRST = 500
#: Peers that take less than a second for so many.
QUICK = ("diskcache", "checkpointer")


def record(number: int) -> object:
    """A function with a scalar argument and a small result."""
    return {"number": number, "city": "paris", "total": number / 7}


def hit(setting: Setting) -> Iterator[Row]:
    """The same scalar argument again and again, and a small result, already stored."""
    contenders = [_floor_hit(setting.folder(), algorithm) for algorithm in ALGORITHMS]
    contenders.append(Contender("key", "digest((12345,))", {"digest": keys.digest}))
    contenders.append(Contender("pickle + blake3", "key(12345)", {"key": floors.key}))
    callables = {name: peer.cached(setting.folder(), record) for name, peer in disk_peers().items()}
    callables |= {name: disk_cache(setting.folder(), name).cached(record) for name in ALGORITHMS}
    rounds = measure([*contenders, *calling(callables, "call(12345)")], setting)
    yield from compared("key of a scalar", rounds, "key", [Against("pickle + blake3", at_most(2))])
    for algorithm in ALGORITHMS:
        yield from _hit_rows(algorithm, rounds)


def first_hits(setting: Setting) -> Iterator[Row]:
    """Many arguments, each for the first time in this process, and small results, already stored."""
    numbers = range(max(20, FIRST // setting.smaller))
    folder, bare = setting.folder(), setting.folder()
    write = floors.writer(bare, "blake3")
    for number in numbers:
        write(str(number), record(number))
    paths = [f"{bare}/{number}" for number in numbers]
    scope: dict[str, Any] = {"numbers": numbers}

    def begin() -> None:
        # As in a new process: another cached function, which is made ready by a call of its own.
        scope["call"] = disk_cache(folder).cached(record)
        scope["call"](-1)

    each = len(numbers)
    contenders = [
        Contender(
            "floor", "for path in paths: read(path)", {"paths": paths, "read": floors.reader("blake3")}, each=each
        ),
        Contender("key", "for n in numbers: digest((n,))", {"numbers": numbers, "digest": keys.digest}, each=each),
        Contender("memopickle", "for n in numbers: call(n)", scope, begin, each),
    ]
    for name, peer in disk_peers().items():
        call = {"numbers": numbers, "call": peer.cached(setting.folder(), record)}
        if name in QUICK:
            contenders.append(Contender(name, "for n in numbers: call(n)", call, each=each))
    rounds = once(contenders, setting.rounds, setting.turns)
    floor = Against("signed floor + the key", at_most(1.5), lambda found: found["floor"] + found["key"])
    work = f"disk hit, small, blake3, {each} other arguments"
    yield from compared(work, rounds, "memopickle", [floor, *(peer for peer in _peers() if peer.name in QUICK)])


def _floor_hit(folder: str, algorithm: str) -> Contender:
    floors.writer(folder, algorithm)("entry", record(12345))
    scope = {"read": floors.reader(algorithm), "path": f"{folder}/entry"}
    return Contender(f"floor {algorithm}", "read(path)", scope)


def _peers() -> Iterator[Against]:
    return (Against(name, at_most(0.5 if name == "diskcache" else 1)) for name in DISK)


def _hit_rows(algorithm: str, rounds: Rounds) -> Iterator[Row]:
    def floor(found: Round) -> float:
        return found[f"floor {algorithm}"] + found["key"]

    def by_hand(found: Round) -> float:
        return found[f"floor {algorithm}"] + found["pickle + blake3"]

    against = [
        Against("signed floor + the key", at_most(1.5), floor),
        Against("signed floor + pickle and blake3 as key", None, by_hand),
        *_peers(),
    ]
    return compared(f"disk hit, small, {algorithm}", rounds, algorithm, against)


def store(setting: Setting) -> Iterator[Row]:
    """A miss that stores its result, with and without single flight."""
    numbers = itertools.count()
    contenders = [_floor_store(setting.folder(), numbers)]
    for own, flight in (("single_flight=False", False), ("single_flight=True", True)):
        call = disk_cache(setting.folder()).cached(record, single_flight=flight)
        contenders.append(_miss(own, call, numbers))
    for name, peer in disk_peers().items():
        contenders.append(_miss(name, peer.cached(setting.folder(), record), numbers))
    rounds = measure(contenders, setting)
    off, on = "single_flight=False", "single_flight=True"
    for own, goal, goals in ((off, at_most(1.3), {"diskcache": at_most(1 / 1.5)}), (on, at_most(4), {})):
        peers = [Against(name, goals.get(name)) for name in DISK]
        yield from compared(f"disk miss + store, {own}", rounds, own, [Against(FLOOR, goal), *peers])
    share = rounds.ratio(lambda found: found[on] - found[off], lambda found: found[on])
    cost = rounds.nanoseconds(lambda found: found[on] - found[off])
    yield Row("the lock's own share of a miss + store", on, share, note=duration(max(cost, 0)))


def _floor_store(folder: str, numbers: Iterator[int]) -> Contender:
    scope: dict[str, Any] = {"write": floors.writer(folder, "blake3"), "record": record, "numbers": numbers}
    statement = "number = next(numbers); write(str(number), record(number))"
    return Contender(FLOOR, statement, scope)


def _miss(name: str, call: Callable[[int], object], numbers: Iterator[int]) -> Contender:
    return Contender(name, "call(next(numbers))", {"call": call, "numbers": numbers})
