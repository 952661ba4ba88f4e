"""FAULTS 81-92: arguments that have no key, results that can't be stored, values that are hard to keep."""

import asyncio
import os
import shutil
import sys
import threading

import pytest
from helpers.functions import Counted, reasons
from helpers.needed import need
from helpers.programs import run

from memopickle import Cache, DirectoryStore, UnkeyableError
from memopickle.events import NotStored
from tests.faults.tools import SECRET, Marking

#: Read here, since every test begins without such variables.
SLOW = os.environ.get("MEMOPICKLE_SLOW") == "1"
GIB = 1 << 30


class Counting:
    """A cached function of any one argument, keyed by it, that counts its computations."""

    def __init__(self, cache, compute=lambda value: None, **options):
        self.computed = 0

        @cache.cached(track_code="off", **options)
        def work(value):
            self.computed += 1
            return compute(value)

        self.work = work

    def __call__(self, value):
        return self.work(value)


# -- 81: no key --------------------------------------------------------------------------------------------------------

KEYLESS = {
    "lock": threading.Lock,
    "generator": lambda: (number for number in ()),
    "open file": lambda: open(os.devnull),  # noqa: SIM115
    "thread": threading.Thread,
    "frame": sys._getframe,
    "in a list": lambda: [1, {"deep": threading.Lock()}],
}


@pytest.mark.parametrize("kind", KEYLESS)
def test_81_an_argument_without_a_key_is_an_error_that_names_it(any_cache, kind):
    count = Counting(any_cache)
    argument = KEYLESS[kind]()
    with pytest.raises(UnkeyableError, match=r"value.*ignore=.*key=") as caught:
        count(argument)
    assert caught.value.path.startswith("value")
    assert caught.value.type_name
    assert count.computed == 0
    getattr(argument, "close", lambda: None)()


@pytest.mark.parametrize(
    "cure", [{"ignore": "value"}, {"key": lambda value: type(value).__name__}], ids=["ignore", "key"]
)
def test_81_the_cures_that_the_error_names_work(any_cache, cure):
    count = Counting(any_cache, lambda value: "result", **cure)
    assert [count(threading.Lock()), count(threading.Lock())] == ["result", "result"]
    assert count.computed == 1


# -- 82: the key rules -------------------------------------------------------------------------------------------------

#: Groups of arguments: those of a group are one call, those of different groups are not.
GROUPS = [
    [float("nan"), float("nan")],
    [0.0],
    [-0.0],
    [0],
    [False],
    [1],
    [1.0],
    [True],
    [1 + 0j],
    ["1", "".join(["1"])],
    [b"1"],
    [bytearray(b"1")],
    [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
    [{"a": 1, "b": 2.0}],
    [{3, 1, 2}, {2, 3, 1}, set([1, 2, 3])],  # noqa: C405
    [frozenset({1, 2, 3})],
    [(1, 2, 3)],
    [[1, 2, 3]],
    [[1, 2, (3,)]],
    [None],
    [...],
    [""],
    [b""],
    [()],
    [[]],
    [{}],
    [set()],
]


def test_82_numbers_texts_dicts_and_sets_are_keyed_by_the_rules(any_cache):
    count = Counting(any_cache, lambda value: repr(type(value)))
    for number, group in enumerate(GROUPS, 1):
        for value in group * 2:
            assert count(value) == repr(type(value))
            assert count.computed == number


HASHED = """
import sys
from memopickle import Cache, DirectoryStore
cache = Cache(DirectoryStore(sys.argv[1]), secret="s" * 32)

@cache.cached
def work(value):
    return 1

names = [f"name{number}" for number in range(50)]
for value in (set(names), frozenset(names), dict.fromkeys(set(names)), {frozenset({name}): {name} for name in names}):
    work(value)
print(work.cache_info().misses)
"""


def test_82_the_order_of_sets_in_another_process_does_not_matter(tmp_path):
    misses = [run(HASHED, tmp_path / "cache", PYTHONHASHSEED=seed) for seed in ("0", "1", "random")]
    assert misses == ["4\n", "0\n", "0\n"]


# -- 83, 84: objects with a pickle of their own ------------------------------------------------------------------------


class Restless:
    """Its pickle differs each time."""

    def __reduce__(self):
        return Restless, (), {"token": os.urandom(8)}


def test_83_an_object_whose_pickle_differs_each_time_is_computed_each_time(any_cache):
    count = Counting(any_cache, lambda value: "right")
    restless = Restless()
    assert [count(restless) for _ in range(3)] == ["right"] * 3
    assert count.computed == 3


def test_83_such_an_argument_is_documented_and_reported(cache):
    with open(os.path.join(os.path.dirname(__file__), "../../docs/explanation/keys.md")) as file:
        assert "no call is ever found again" in file.read()
    count = Counting(cache)
    restless = Restless()
    for _ in range(5):
        count(restless)
    (report,) = cache.explain_misses()
    assert report.parameter == "value"


def test_84_a_hostile_reduce_in_an_argument_is_never_called(any_cache, tmp_path):
    marker = tmp_path / "marker"
    count = Counting(any_cache, lambda value: "right")
    hostile = Marking(marker)
    assert [count(hostile), count(hostile), count([hostile])] == ["right"] * 3
    assert count.computed == 2
    count.work.cache_explain(Marking(tmp_path / "other"))
    assert (any_cache.verify().bad, len(list(any_cache.entries())), any_cache.stats()[0].entries) == ([], 2, 2)
    assert not marker.exists()


# -- 85, 89: results that can't be stored ------------------------------------------------------------------------------


class Refusing:
    def __reduce__(self):
        raise ValueError("not me")


async def nothing():
    pass


UNSTORABLE = {
    "lambda": (lambda: lambda: None, "lambda"),
    "refuses": (Refusing, "not me"),
    "local class": (lambda: type("Local", (), {})(), "Local"),
    "generator": (lambda: (number for number in ()), "generator"),
    "coroutine": (nothing, "coroutine"),
    "open file": (lambda: open(os.devnull), "TextIOWrapper"),  # noqa: SIM115
    "lock": (threading.Lock, "lock"),
    "event loop": (asyncio.new_event_loop, "Error"),
    "in a list": (lambda: [1, {"deep": threading.Lock()}], "lock"),
}


def check_unstorable(cache, kind, events, caplog):
    make, reason = UNSTORABLE[kind]
    made = []

    def compute(value):
        made.append(make())
        return made[-1]

    count = Counting(cache, compute)
    results = [count(3), count(3), count(4)]
    assert all(result is one for result, one in zip(results, made, strict=True))
    assert count.computed == 3
    (message,) = caplog.messages
    assert "could not store" in message
    assert reason in message
    assert len(reasons(events, NotStored)) == 3
    assert list(cache.store.keys()) == []
    for one in made:
        getattr(one, "close", lambda: None)()


@pytest.mark.parametrize("kind", ["lambda", "refuses", "local class", "in a list"])
def test_85_a_result_that_cannot_be_pickled_is_returned_and_told_once(any_cache, kind, events, caplog):
    check_unstorable(any_cache, kind, events, caplog)


@pytest.mark.parametrize("kind", ["generator", "coroutine", "open file", "lock", "event loop"])
def test_89_a_result_that_lives_is_returned_and_told_once(any_cache, kind, events, caplog):
    check_unstorable(any_cache, kind, events, caplog)


# -- 86: large results -------------------------------------------------------------------------------------------------


def room(kind, size):
    """Whether this machine has the memory, of which bytes take four times their size, and the disk."""
    with open("/proc/meminfo") as file:
        available = next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable"))
    return available > size * (1.2 if kind == "array" else 4.2) and shutil.disk_usage("/tmp").free > 2 * size + GIB


def large(kind, size):
    if kind == "array":
        array = need("numpy").zeros(size, "u1")
        array[-1] = array[size // 2] = 7
        return array
    return bytes(size - 1) + b"\7"


@pytest.mark.skipif(not SLOW, reason="MEMOPICKLE_SLOW=1 runs it: up to 4 GiB of memory for arrays, 17 for bytes")
@pytest.mark.parametrize("kind", ["array", "bytes"])
@pytest.mark.parametrize("size", [2 * GIB + 1, 4 * GIB + 1], ids=["2 GiB", "4 GiB"])
def test_86_results_over_2_and_4_gib_work(cache, kind, size):
    if not room(kind, size):
        pytest.skip("not enough memory or disk")
    computed = []

    @cache.cached
    def work():
        computed.append(size)
        return large(kind, size)

    try:
        work()
        found = work()
        assert (len(found), found[-1], found[size - 2]) == (size, 7, 0)
        assert kind == "bytes" or found[size // 2] == 7
        assert computed == [size]
    finally:
        shutil.rmtree(cache.store.path)


# -- 87: values that look like none ------------------------------------------------------------------------------------

ODD_VALUES = [
    None, ..., NotImplemented, False, 0, 0.0, "", b"", (), [], {}, set(), ValueError("a value"), KeyboardInterrupt(),
    ValueError, StopIteration(1), type(None), object, "<missing>", float("nan"),
]  # fmt: skip


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_87_values_that_look_like_none_are_told_apart_from_a_miss(any_cache, value):
    count = Counting(any_cache, lambda key: value)
    found = [count(3), count(3)]
    assert count.computed == 1
    assert [(type(one), repr(one)) for one in found] == [(type(value), repr(value))] * 2
    assert count.work.cache_contains(3)
    stored = count.work.cache_peek(3)
    assert (type(stored.value), repr(stored.value)) == (type(value), repr(value))


# -- 90: results that callers change -----------------------------------------------------------------------------------


def test_90_a_result_changed_by_its_callers_is_unchanged_in_the_store(any_cache):
    numpy = need("numpy")
    count = Counting(any_cache, lambda value: {"list": [value], "array": numpy.arange(5000), "set": {1}})
    for _ in range(3):
        found = count(3)
        assert found["list"] == [3]
        assert found["array"].sum() == 12_497_500
        assert found["set"] == {1}
        found["list"].append("changed")
        found["array"][:] = 0
        found["set"].clear()
        found["new"] = "changed"
    assert count.computed == 1


def test_90_what_the_function_itself_keeps_and_changes_is_unchanged_in_the_store(any_cache):
    kept = [1]
    count = Counting(any_cache, lambda value: kept)
    count(3)
    kept.append("changed")
    assert count(3) == [1]
    assert count.computed == 1


def test_90_arguments_that_the_function_changes_are_keyed_as_they_were_given(any_cache):
    count = Counting(any_cache, lambda value: value.append("changed") or len(value))
    assert [count([1]), count([1]), count([1, "changed"])] == [2, 2, 3]
    assert count.computed == 2


# -- 91: deep values ---------------------------------------------------------------------------------------------------


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def depth_of(value):
    depth = 0
    while value:
        value, depth = value[0], depth + 1
    return depth


def test_91_a_result_of_100_000_nested_lists_is_returned_and_told_once(any_cache, caplog):
    count = Counting(any_cache, lambda value: nested(100_000))
    assert [depth_of(count(3)) for _ in range(2)] == [100_000] * 2
    assert count.computed == 2
    (message,) = caplog.messages
    assert "RecursionError" in message


def test_91_an_argument_of_20_000_nested_lists_has_a_key(cache):
    count = Counting(cache, depth_of)
    assert [count(nested(20_000)) for _ in range(2)] == [20_000] * 2
    assert count.computed == 1


# -- 92: round trips ---------------------------------------------------------------------------------------------------


class Knot:
    """Refers to itself in several ways."""

    def __init__(self):
        self.me = self
        self.all = [self, {"me": self}]


def circle():
    value = [1]
    value.append(value)
    return value


def is_circle(value):
    return value[0] == 1 and value[1] is value


def is_knot(value):
    return value.me is value and value.all[0] is value and value.all[1]["me"] is value


ROUND_TRIPS = {
    "surrogate": ("\ud800 \udcff", lambda found: found == "\ud800 \udcff"),
    "nul": ("a\0b", lambda found: found == "a\0b"),
    "huge int": (10**5000 + 7, lambda found: found == 10**5000 + 7),
    "huge negative int": (-(2**100_000), lambda found: found == -(2**100_000)),
    "circle": (circle(), is_circle),
    "knot": (Knot(), is_knot),
}


@pytest.mark.parametrize("kind", ROUND_TRIPS)
def test_92_hard_values_make_the_round_trip(any_cache, kind):
    value, is_right = ROUND_TRIPS[kind]
    count = Counting(any_cache, lambda value: value)
    assert [is_right(count(value)) for _ in range(3)] == [True] * 3
    assert count.computed == 1


@pytest.mark.parametrize("kind", ROUND_TRIPS)
def test_92_hard_values_next_to_others_are_keys_of_their_own(any_cache, kind):
    count = Counting(any_cache, lambda value: len(value))
    value, _ = ROUND_TRIPS[kind]
    assert [count([value]), count([value]), count([value, 1]), count([1, value])] == [1, 1, 2, 2]
    assert count.computed == 3


def test_92_a_surrogate_in_a_namespace_and_a_version_works(tmp_path):
    cache = Cache(DirectoryStore(tmp_path / "cache"), namespace="\ud800", secret=SECRET)
    double = Counted(cache, version="\udcff")
    assert [double(3), double(3)] == [6, 6]
    assert double.calls == [3]
