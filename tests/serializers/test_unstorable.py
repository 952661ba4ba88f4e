"""Results that can't be stored: returned, and told once, with their place, the reason and what to do."""

import asyncio
import enum
import functools
import logging
import socket
import sqlite3
import threading

import pytest
from helpers.needed import need

from memopickle import Cache, DirectoryStore, MemoryStore
from memopickle.culprit import Explainer
from memopickle.events import NotStored
from memopickle.formats import open_serializer
from memopickle.serializers import PICKLE
from memopickle.unstorable import PAGE

SECRET = "a secret of more than 32 bytes, for the tests"
LOCK = threading.Lock()


def generator():
    yield 1


async def async_generator():
    yield 1


async def coroutine():
    return 1


#: How each is made and ended, and what a person is told to do instead.
ALIVE = {
    "generator": (generator, "return a list of what it gives"),
    "async_generator": (async_generator, "return a list of what it gives"),
    "coroutine": (coroutine, "return what awaiting it gives"),
    "file": (lambda: open("/dev/null"), "return what was read through it"),  # noqa: SIM115
    "binary_file": (lambda: open("/dev/null", "rb"), "return what was read through it"),  # noqa: SIM115
    "socket": (socket.socket, "return what was read through it"),
    "connection": (lambda: sqlite3.connect(":memory:"), "return what was read through it"),
    "lock": (threading.Lock, "make it anew where it is needed"),
    "rlock": (threading.RLock, "make it anew where it is needed"),
    "asyncio_lock": (asyncio.Lock, "make it anew where it is needed"),
}
#: What pickle gives a copy of that locks nothing in common with it.
PICKLES = {"asyncio_lock"}


def end(value):
    getattr(value, "close", lambda: None)()


@pytest.mark.parametrize("kind", ALIVE)
@pytest.mark.parametrize("where", ["pickle", "cloudpickle", "dill", "json", "msgpack", "memory", "objects"])
def test_what_is_alive_is_returned_and_told_once(tmp_path, where, kind, caplog, events):
    if kind in PICKLES and where in ("pickle", "cloudpickle", "memory"):
        pytest.skip("pickle takes it")
    stores = {"memory": MemoryStore, "objects": lambda: MemoryStore(copy=False)}
    options = {} if where in stores else {"serializer": where}
    if "serializer" in options and where not in ("pickle", "json"):
        need(where)
    cache = Cache(stores.get(where, lambda: DirectoryStore(tmp_path))(), secret=SECRET, on_event=events.append)
    make, advice = ALIVE[kind]
    made = []

    @cache.cached(track_code="off", key=lambda: 0, **options)
    def f():
        made.append(make())
        return made[-1]

    try:
        assert [f(), f()] == made
        assert len(made) == 2
    finally:
        for one in made:
            end(one)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert type(made[0]).__name__ in record.getMessage()
    assert advice in record.getMessage()
    assert record.getMessage().endswith("the function's own result is used")
    told = [event.reason for event in events if isinstance(event, NotStored)]
    assert len(told) == 2
    assert told[0].startswith("UnstorableError: result: ")
    assert told[1].startswith("UnstorableError: ")


# -- the place -------------------------------------------------------------------------------------------------------


class Thing:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class Slotted:
    __slots__ = ("lock", "other")


class Listed(list):
    pass


class Pair(tuple):
    __slots__ = ()
    _fields = ("first", "second")


class Picky:
    def __reduce__(self):
        raise LookupError("I am picky")


def slotted(**values):
    made = Slotted()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def listed(values, **attributes):
    made = Listed(values)
    vars(made).update(attributes)
    return made


def family():
    """A parent before a child who has the lock, and who knows the parent."""
    parent = Thing(name="parent")
    parent.children = [Thing(parent=parent, toy=1), Thing(parent=parent, toy=LOCK)]
    return parent


def told(value, serializer="pickle"):
    chosen = PICKLE if serializer == "pickle" else open_serializer(serializer)
    with pytest.raises(Exception) as caught:
        chosen.encode(value)
    return str(Explainer(chosen).explained(caught.value, value))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (LOCK, "result"),
        ([1, LOCK], "result[1]"),
        ({"a": {"b": (0, LOCK)}}, "result['a']['b'][1]"),
        ({(1, Picky): 0, Picky(): 1}, "result[key Picky]"),
        (Thing(config=Thing(lock=LOCK)), "result.config.lock"),
        (Thing(parts=[Thing(), Thing(lock=LOCK)]), "result.parts[1].lock"),
        (slotted(lock=LOCK), "result.lock"),
        (Pair((1, LOCK)), "result.second"),
        (listed([1, LOCK]), "result[1]"),
        (listed([1], lock=LOCK), "result.lock"),
        ({1: Thing(a=1), 2: Thing(a=Picky())}, "result[2].a"),
        (family(), "result.children[1].toy"),
        ([*range(100_000), LOCK, *range(100_000)], "result[100000]"),
        ({n: LOCK if n == 777 else n for n in range(5000)}, "result[777]"),
    ],
)
def test_the_part_at_fault_is_named(value, path):
    message = told(value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(f"see {PAGE}")


def test_the_reason_is_that_of_the_part():
    assert told([Picky()]) == f"result[0]: I am picky; leave it out in __getstate__; see {PAGE}"
    assert "cannot pickle '_thread.lock' object; leave it out in __getstate__, or" in told(Thing(lock=LOCK))


def test_what_is_defined_within_a_function_is_told_so():
    class Local:
        pass

    for value in (Local(), lambda: 0, Local):
        message = told(Thing(part=value))
        assert message.startswith("result.part: ")
        assert "define it at the top of a module, or use serializer='cloudpickle'" in message


@pytest.mark.parametrize("serializer", ["cloudpickle", "dill"])
def test_what_a_function_has_captured_is_named(serializer):
    need(serializer)
    pipe = socket.socket()
    try:
        message = told({"call": lambda: pipe}, serializer)
    finally:
        pipe.close()
    assert message.startswith("result['call']'s variable pipe: ")


def test_a_partial_is_looked_into():
    assert "cannot pickle '_thread.lock' object" in told([functools.partial(print, LOCK)])


def test_a_class_made_on_the_fly_is_named_at_its_instance():
    kind = enum.Enum("Kind", "A B")
    kind.__qualname__ = "test.<locals>.Kind"
    assert told([1, kind.A]).startswith("result[1]: ")


def test_an_error_of_the_disk_is_left_alone():
    error = OSError("disk full")
    assert Explainer(PICKLE).explained(error, Thing(lock=LOCK)) is error


def test_an_error_that_is_not_the_value_s_is_left_alone():
    error = ValueError("of the store")
    assert Explainer(PICKLE).explained(error, [1, 2]) is error


def test_a_value_whose_parts_cannot_be_asked_for_is_named_itself():
    class Closed:
        def __reduce_ex__(self, protocol):
            raise LookupError("closed")

    assert told({"a": Closed()}).startswith("result['a']: closed")


def test_the_search_tries_a_bounded_number_of_times():
    tried = []

    class Counting:
        def __reduce__(self):
            tried.append(1)
            raise LookupError("no")

    value = Counting()
    for _ in range(120):
        value = Thing(part=value)
    assert told(value).startswith("result.part.part")
    assert len(tried) < 2000


def test_the_search_is_made_once_for_each_error():
    tried = []

    class Counting:
        def __reduce__(self):
            tried.append(1)
            raise LookupError("no")

    explainer = Explainer(PICKLE)
    first, again = (str(explainer.explained(LookupError("no"), [1, Counting()])) for _ in range(2))
    count = len(tried)
    third = str(explainer.explained(LookupError("no"), [1, Counting()]))
    assert first.startswith("result[1]: no; ")
    assert again == third == f"no; see {PAGE}"
    assert len(tried) == count


def test_what_is_nested_too_deep_is_told_as_it_is(tmp_path, caplog):
    value = []
    for _ in range(100_000):
        value = [value]
    f = Cache(DirectoryStore(tmp_path), secret=SECRET).cached(track_code="off", key=lambda: 0)(lambda: value)
    assert f() is value
    assert "RecursionError" in caplog.text
    while value:
        (value,) = value
