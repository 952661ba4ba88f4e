"""An array of 100 MB: as a result, as an argument, and what it takes of memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from memopickle import Cache, MemoryStore
from suite import floors
from suite.peers import disk_peers, installed
from suite.report import Against, Row, at_least, at_most, compared, noted
from suite.rounds import Contender, calling, once, spread
from suite.setting import SECRET, disk_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from suite.setting import Setting

__all__ = ["argument", "hit", "mapped", "memory", "store"]

#: Numbers of 8 bytes in 100 MB.
LENGTH = 12_500_000
#: Peers that keep each result in a file of its own, and take a useful time for it.
PEERS = ("joblib", "diskcache")
FLOOR = "np.fromfile + blake3"

#: Where Linux lets a process forget the peak of its memory.
PEAK = "/proc/self/clear_refs"

#: Prints by how many MB the peak of memory in use grew during one call, and how many milliseconds it took until a
#: byte of its result was read. Arguments: folder, length, "hit" or "store", "mmap" or "".
PROGRAM = f"""
import gc, re, sys, time
import numpy
from memopickle import Cache, DirectoryStore
folder, length, what, mapping = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
options = {{"mmap": True}} if mapping else {{}}
cache = Cache(DirectoryStore(folder, **options), secret={SECRET!r}, on_error="raise")
made = numpy.random.default_rng(3).random(length) if what == "store" else None
@cache.cached
def numbers(seed):
    return numpy.zeros(3) if seed < 0 else made
def memory(name):
    with open("/proc/self/status") as status:
        return int(re.search(name + r":\\s+(\\d+) kB", status.read())[1]) / 1024
numbers(-1)
numbers(-1)
gc.collect()
with open({PEAK!r}, "w") as peak:
    peak.write("5")
before = memory("VmRSS")
began = time.perf_counter_ns()
first = numbers(1)[0]
took = time.perf_counter_ns() - began
print(memory("VmHWM") - before, took / 1e6)
"""


def with_numpy(workload: Callable[[Setting], Iterator[Row]]) -> Callable[[Setting], Iterator[Row]]:
    """Let a workload say that NumPy is missing, where it is."""

    def checked(setting: Setting) -> Iterator[Row]:
        if installed("numpy"):
            yield from workload(setting)
        else:
            yield noted(f"large results, {workload.__name__}", "", "numpy is not installed")

    return checked


def contents(setting: Setting) -> Any:
    """Return the array."""
    import numpy

    return numpy.random.default_rng(3).random(LENGTH // setting.smaller)


def tables(setting: Setting) -> Iterator[tuple[str, Any]]:
    """Return tables over as many bytes, by name; None where the library is missing."""
    columns = {f"column {number}": part for number, part in enumerate(contents(setting).reshape(10, -1))}
    for library in ("pandas", "pyarrow"):
        if not installed(library):
            yield library, None
        elif library == "pandas":
            import pandas

            yield library, pandas.DataFrame(columns)
        else:
            import pyarrow

            yield library, pyarrow.table(columns)


def _named(setting: Setting) -> str:
    return f"array of {LENGTH * 8 / setting.smaller / 1e6:.3g} MB"


def _digest(array: Any) -> bytes:
    # One thread, as in memopickle, whose reason is that the threads of a pool do not survive a fork.
    return blake3(memoryview(array).cast("B")).digest()


@with_numpy
def hit(setting: Setting) -> Iterator[Row]:
    """The array read back from disk and checked, all bytes in memory and writable."""
    import numpy

    array = contents(setting)
    path = os.path.join(setting.folder(), "array")
    array.tofile(path)

    def floor(seed: int) -> Any:
        found = numpy.fromfile(path)
        _digest(found)
        return found

    peers = {name: peer.cached for name, peer in disk_peers().items() if name in PEERS}
    callables = {name: cached(setting.folder(), _returning(array)) for name, cached in peers.items()}
    callables |= {FLOOR: floor, "memopickle": disk_cache(setting.folder()).cached(_returning(array))}
    rounds = once(calling(callables, "call(3)"), setting.few, setting.turns)
    against = [Against(FLOOR, at_most(1.2)), *map(Against, PEERS)]
    yield from compared(f"disk hit, {_named(setting)}", rounds, "memopickle", against)
    for library, table in tables(setting):
        if table is None:
            yield noted(f"disk hit, {library} table", "", "not installed")
            continue
        callables = {FLOOR: floor, "memopickle": disk_cache(setting.folder()).cached(_returning(table))}
        rounds = once(calling(callables, "call(3)"), setting.few, setting.turns)
        yield from compared(f"disk hit, {library} table of as much", rounds, "memopickle", [Against(FLOOR)])


def _returning(value: Any) -> Callable[[int], Any]:
    def numbers(seed: int) -> Any:
        return value

    return numbers


@with_numpy
def store(setting: Setting) -> Iterator[Row]:
    """The array stored; each round removes what it wrote before."""
    array = contents(setting)
    folder = setting.folder()
    target, temporary = os.path.join(folder, "array"), os.path.join(folder, "temporary")

    def floor() -> None:
        fd = os.open(temporary, floors.WRITE, 0o600)
        _digest(array)
        rest = memoryview(array).cast("B")
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.close(fd)
        os.replace(temporary, target)

    cache = disk_cache(setting.folder())
    function = cache.cached(_returning(array))
    contenders = [
        Contender("write the bytes + blake3", "call()", {"call": floor}, lambda: _remove(target)),
        Contender("memopickle", "call(3)", {"call": function}, cache.clear),
    ]
    rounds = once(contenders, setting.few, setting.turns)
    goal = Against("write the bytes + blake3", at_most(1.3))
    yield from compared(f"store of an {_named(setting)}", rounds, "memopickle", [goal])


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)


@with_numpy
def argument(setting: Setting) -> Iterator[Row]:
    """A hit in memory whose argument is the array: almost all of it is hashing."""
    array = contents(setting)
    function = Cache(MemoryStore(), on_error="raise").cached(_size)
    contenders = [
        Contender("memopickle", "call(array)", {"call": function, "array": array}),
        Contender("blake3", "call(array)", {"call": _digest, "array": array}),
    ]
    rounds = once(contenders, setting.few * 3)
    figure = rounds.ratio(lambda found: found["blake3"], lambda found: found["memopickle"])
    work = f"hit, {_named(setting)} as argument, throughput"
    yield Row(work, "blake3, one thread as well", figure, at_least(0.9))


def _size(array: Any) -> int:
    return int(array.size)


@with_numpy
def memory(setting: Setting) -> Iterator[Row]:
    """Growth of the peak of memory while the array is stored and read back, in processes of their own."""
    if not os.path.exists(PEAK):
        yield noted("large results, memory", "", "told by Linux only")
        return
    stored = [_grown(setting, setting.folder(), "store")[0] for _ in range(setting.few)]
    yield Row(f"store of an {_named(setting)}, memory", "the array alone", spread(stored), at_most(10), "MB")
    folder = setting.folder()
    _grown(setting, folder, "store")
    found = [_grown(setting, folder, "hit")[0] for _ in range(setting.few)]
    yield Row(f"disk hit, {_named(setting)}, memory", "", spread(found), None, "MB", "the array itself included")


@with_numpy
def mapped(setting: Setting) -> Iterator[Row]:
    """``mmap=True``: milliseconds until the first byte, and memory, in processes of their own."""
    if not os.path.exists(PEAK):
        yield noted("large results, mmap=True", "", "told by Linux only")
        return
    folder = setting.folder()
    _grown(setting, folder, "store")
    found = [_grown(setting, folder, "hit", "mmap") for _ in range(setting.few)]
    work = f"disk hit, {_named(setting)}, mmap=True"
    yield Row(f"{work}, first byte", "", spread([took for _, took in found]), at_most(1), "ms")
    yield Row(f"{work}, memory", "", spread([grown for grown, _ in found]), at_most(5), "MB")


def _grown(setting: Setting, folder: str, what: str, mapping: str = "") -> tuple[float, float]:
    """Return the MB by which the peak grew, and the milliseconds until the first byte."""
    length = str(LENGTH // setting.smaller)
    grown, took = map(float, setting.fresh.run(PROGRAM, folder, length, what, mapping).split())
    return grown, took
