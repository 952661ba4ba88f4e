"""Where the time of a hit goes: the package's own pieces, each timed by itself with what it gets in a real call.

A profiler would cost more than most of the steps. So each piece is called on its own, in the same rounds as the whole
call, the best of which counts, and what no piece accounts for is the rest of its parent. A piece that this version of
the package does not have under the name looked for is left out, and its time is in the rest.
"""

from __future__ import annotations

import cProfile
import os
import pickle
import pstats
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle import Cache, MemoryStore, files, keys, signing
from suite import floors
from suite.disk import record
from suite.memory import double
from suite.report import duration
from suite.rounds import Contender, measure
from suite.setting import disk_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from suite.rounds import Rounds
    from suite.setting import Setting

__all__ = ["PROFILES"]

ARGUMENT = 12345
WIDTH = 28
#: Functions that the profile of a miss tells, and calls of which the shares are told.
LINES, SHARED = 30, 10_000


class Step(NamedTuple):
    """A piece of a call, and the pieces of that; ``scope`` has what the statement uses, None for what is not there."""

    name: str
    statement: str
    scope: dict[str, Any]
    parts: tuple[Step, ...] = ()


def disk_hit(setting: Setting) -> Iterator[str]:
    """A small result, a scalar argument, from a directory."""
    cache = disk_cache(setting.folder())
    function = cache.cached(record)
    memo = _filled(function)
    key = function.cache_key(ARGUMENT)
    path = cache.store.place(key)
    fd = os.open(path, files.READ_FLAGS)
    data = os.pread(fd, 1 << 20, 0)
    file = {
        "os": os,
        "store": cache.store,
        "key": key,
        "path": path,
        "flags": files.READ_FLAGS,
        "fd": fd,
        "size": len(data),
    }
    steps = (
        Step("get", "store.get(key)", file, (
            Step("place", "store.place(key)", file),
            Step("open and close", "os.close(os.open(path, flags))", file),
            Step("read", "os.pread(fd, size, 0)", file),
        )),
        *_entry_steps(cache.codec(cache.namespace), key, data, memo),
    )  # fmt: skip
    yield from _ways("a hit on disk", function, steps, setting)
    os.close(fd)


def _entry_steps(codec: Any, key: str, data: bytes, memo: Any) -> tuple[Step, ...]:
    found = memo.face.read(key)
    signed = len(data) - signing.MAC_SIZE
    check = {"codec": codec, "key": key, "data": data, "raw": key.encode(), "view": memoryview(data)[:signed]}
    check |= {"mac": next(iter(getattr(codec, "_by_key_id", {}).values()), None)}
    check |= {"digest": data[signed:], "compare": signing.same_digest}
    load = {"found": found, "pickle": pickle, "stream": bytes(found.stream)}
    return (
        Step("decode", "codec.decode(key, data)", check, (
            Step("MAC", "mac.mac(raw, view)", check),
            Step("compare", "compare(digest, digest)", check),
        )),
        _freshness(memo, found),
        Step("value", "found.value()", load, (Step("unpickle", "pickle.loads(stream)", load),)),
    )  # fmt: skip


def memory_hit(setting: Setting) -> Iterator[str]:
    """An immutable result, a scalar argument, from memory."""
    cache = Cache(MemoryStore(1000), on_error="raise")
    function = cache.cached(double)
    memo = _filled(function)
    key = function.cache_key(ARGUMENT)
    found = memo.face.read(key)
    steps = (
        Step("recall", "read(key)", {"read": memo.face.read, "key": key}),
        _freshness(memo, found),
        Step("value", "found.value()", {"found": found}),
    )
    return _ways("a hit in memory", function, steps, setting)


def _filled(function: Any) -> Any:
    """Store a result, hit it, and return the memo of the function."""
    for _ in range(10):
        function(ARGUMENT)
    return function.__dict__.get("_opened") or function._memo


def _ways(name: str, function: Any, steps: tuple[Step, ...], setting: Setting) -> Iterator[str]:
    """Give the plain way with all its steps, and the whole of a call whose arguments were seen lately."""
    memo = _filled(function)
    scope = {"call": memo.call, "args": (ARGUMENT,), "kwargs": {}}
    plain = Step(f"{name}, plain way", "call(args, kwargs)", scope, (*_key_steps(memo), *steps))
    yield from _profile(plain, setting)
    yield ""
    yield from _profile(Step(f"{name}, seen lately", "call(number)", {"call": function, "number": ARGUMENT}), setting)


def _key_steps(memo: Any) -> tuple[Step, ...]:
    call_keys = getattr(memo, "keys", None)
    bind, key = getattr(call_keys, "bind", None), getattr(call_keys, "key", None)
    scope = {"bind": bind, "key": key, "encode": keys.encode, "number": ARGUMENT, "values": (ARGUMENT,)}
    scope |= {"state": getattr(call_keys, "_state", None), "encoded": keys.encode((ARGUMENT,))}
    encode = Step("encode", "encode(values)", scope)
    hashed = Step("hash", "state.copy().update(encoded).digest().hex()", scope)
    return Step("bind", "bind(number)", scope), Step("key", "key(values)", scope, (encode, hashed))


def _freshness(memo: Any, found: object) -> Step:
    """Whether the code is today's and the age is not beyond the ttl."""
    holder = getattr(memo, "lookup", memo)
    return Step("fresh?", "stale(found)", {"stale": getattr(holder, "stale", None), "found": found})


def _profile(whole: Step, setting: Setting) -> Iterator[str]:
    contenders = [Contender(step.name, step.statement, step.scope) for _, step in _walk(whole) if _is_there(step)]
    measured = measure(contenders, setting)
    yield f"{'step':{WIDTH}} {'time':>9} {'share':>6}"
    for line, amount in _lines(whole, measured, 0):
        yield f"{line:{WIDTH}} {duration(amount):>9} {amount / measured.least(whole.name):6.1%}"


def _walk(step: Step, depth: int = 0) -> Iterator[tuple[int, Step]]:
    yield depth, step
    for part in step.parts:
        yield from _walk(part, depth + 1)


def _is_there(step: Step) -> bool:
    """Tell whether the package still has the piece, and it is called like this."""
    try:
        eval(step.statement, dict(step.scope))
    except (AttributeError, TypeError):
        return False
    return True


def _lines(step: Step, measured: Rounds, depth: int) -> Iterator[tuple[str, float]]:
    if step.name not in measured:
        return
    yield "  " * depth + step.name, measured.least(step.name)
    parts = [part.name for part in step.parts if part.name in measured]
    for part in step.parts:
        yield from _lines(part, measured, depth + 1)
    if parts:
        yield "  " * (depth + 1) + "rest", measured.least(step.name) - sum(map(measured.least, parts))


def miss(setting: Setting) -> Iterator[str]:
    """A miss that stores, by Python's own profiler, whose cost is in every line: what is called, and how often."""
    calls = max(10, 5000 // setting.smaller)
    function = disk_cache(setting.folder()).cached(record)
    for number in range(calls):
        function(number)
    profiler = cProfile.Profile()
    profiler.enable()
    for number in range(calls, 2 * calls):
        function(number)
    profiler.disable()
    found = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    yield f"{'a miss + store':{WIDTH * 2}} {'calls':>6} {'own us':>8} {'with callees':>13}"
    for (file, _, name), (_, count, own, whole, _) in sorted(found.items(), key=lambda item: -item[1][2])[:LINES]:
        place = f"{Path(file).stem}.{name}" if file.endswith(".py") else name
        each = f"{count / calls:6.1f} {own / calls * 1e6:8.2f} {whole / calls * 1e6:13.2f}"
        yield f"{place[: WIDTH * 2]:{WIDTH * 2}} {each}"


def shares(setting: Setting) -> Iterator[str]:
    """A miss that stores, and its floor: the time of the processor, and how much of that the system's calls take."""
    try:
        from resource import RUSAGE_THREAD, getrusage  # on Linux only
    except ImportError:
        yield "what is Python's and what the system's is told on Linux only"
        return
    calls = max(10, SHARED // setting.smaller)
    write = floors.writer(setting.folder(), "blake3")
    contenders: dict[str, Callable[[int], object]] = {"floor": lambda number: write(str(number), record(number))}
    for flight in (False, True):
        contenders[f"single_flight={flight}"] = disk_cache(setting.folder()).cached(record, single_flight=flight)
    yield f"{'a miss + store':{WIDTH}} {'in all':>8} {'Python':>8} {'system':>8}"
    for name, call in contenders.items():
        for number in range(calls):
            call(number)
        before = getrusage(RUSAGE_THREAD)
        for number in range(calls, 2 * calls):
            call(number)
        after = getrusage(RUSAGE_THREAD)
        own, system = ((there - here) / calls * 1e9 for here, there in zip(before[:2], after[:2], strict=True))
        yield f"{name:{WIDTH}} {duration(own + system):>8} {duration(own):>8} {duration(system):>8}"


PROFILES: dict[str, tuple[Callable[[Setting], Iterator[str]], ...]] = {
    "hit": (disk_hit, memory_hit),
    "miss": (shares, miss),
}
