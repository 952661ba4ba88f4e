"""The law of json and msgpack: a value comes back as it was, or is refused with the place of what would not."""

import sys
import threading

import pytest
from helpers.needed import need
from hypothesis import given

from memopickle.dataformats import JsonSerializer, MsgpackSerializer
from memopickle.exact import DEEPEST
from memopickle.unstorable import UnstorableError
from tests.serializers.samples import IMPOSTORS, Color, Name, Point, Row, identical, plain, values

need("msgpack")

JSON, MSGPACK = JsonSerializer(), MsgpackSerializer()
BOTH = pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=["json", "msgpack"])


def again(serializer, value):
    data = serializer.dumps(value)
    assert type(data) is bytes
    return serializer.loads(data)


def refusal(serializer, value):
    with pytest.raises(UnstorableError) as caught:
        serializer.dumps(value)
    return str(caught.value)


@BOTH
@given(values)
def test_a_value_comes_back_as_it_was_or_is_refused(serializer, value):
    try:
        data = serializer.dumps(value)
    except UnstorableError as error:
        assert "result" in str(error)
        return
    assert identical(serializer.loads(data), value)


@BOTH
@given(plain)
def test_what_both_have_is_never_refused(serializer, value):
    assert identical(again(serializer, value), value)


@BOTH
@pytest.mark.parametrize("impostor", IMPOSTORS, ids=lambda value: type(value).__name__)
def test_what_it_has_not_is_refused_wherever_it_is(serializer, impostor):
    for value, path in [
        (impostor, "result: "),
        ([1, impostor], "result[1]: "),
        ({"rows": [0, {"a": impostor}]}, "result['rows'][1]['a']: "),
    ]:
        assert refusal(serializer, value).startswith(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"rows": [0, 0, 0, [0, (1,)]]}, "result['rows'][3][1]: a tuple would come back as a list"),
        ([Point(1, 2)], "result[0]: a Point would come back as a list"),
        (Color.RED, "result: a Color would come back as an int"),
        ({"a": Name("b")}, "result['a']: a Name would come back as a str"),
        (Row(a=1), "result: a Row would come back as a dict"),
        (b"a", "result: JSON can't hold a bytes"),
        ([{1}], "result[0]: JSON can't hold a set"),
        ({"a": {1: 2}}, "a key of result['a']: it is of type int, and JSON gives back as keys only: str"),
        ({Name("a"): 2}, "a key of result: it is of type Name, and JSON gives back as keys only: str"),
        ({True: 2}, "a key of result: it is of type bool, and JSON gives back as keys only: str"),
        (["a\ud800"], "result[0]: text with a lone surrogate can't be written as UTF-8"),
        ({"\ud800": 1}, "a key of result: text with a lone surrogate can't be written as UTF-8"),
        ((x for x in "a"), "result: JSON can't hold a generator; return a list of what it gives"),
    ],
)
def test_what_json_says(value, message):
    assert refusal(JSON, value) == message


def test_json_refuses_an_int_that_python_would_not_read_back():
    message = refusal(JSON, {"n": [10**5000]})
    assert message.startswith("result['n'][0]: an int of 16,610 bits is too long for text")
    assert again(JSON, 10**4000) == 10**4000


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**5000], ids=["above", "below", "far"])
def test_msgpack_refuses_an_int_of_more_than_64_bits(value):
    assert refusal(MSGPACK, [value]) == "result[0]: MessagePack has no room for an int of more than 64 bits"
    assert refusal(MSGPACK, {value: 1}).startswith("a key of result: MessagePack has no room")


def test_msgpack_refuses_its_own_types():
    import msgpack

    for value in (msgpack.ExtType(1, b"a"), msgpack.Timestamp(1, 2)):
        assert refusal(MSGPACK, [value]).startswith("result[0]: ")


def test_msgpack_takes_bytes_and_keys_of_any_leaf():
    value = {1: b"a", b"b": 2, None: "c", True * 3: 1.5, 2.5: [], False: {}}
    assert identical(again(MSGPACK, value), value)
    assert refusal(MSGPACK, {(1,): 2}).startswith("a key of result: it is of type tuple")


@BOTH
@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "dicts"])
def test_what_is_nested_too_deep_is_refused(serializer, make):
    value = 1
    for _ in range(DEEPEST):
        value = make(value)
    assert identical(again(serializer, value), value)
    assert "nested more than" in refusal(serializer, make(value))
    for _ in range(100_000):
        value = make(value)
    message = refusal(serializer, value)
    assert len(message) < 400
    while value != 1:  # taken apart one by one: older Pythons can't let go of it at once
        (value,) = value.values() if type(value) is dict else value


@BOTH
def test_what_holds_itself_is_refused(serializer):
    value = {"a": [1]}
    value["a"].append(value)
    assert "without end" in refusal(serializer, value)


@BOTH
def test_what_grows_without_measure_because_it_is_shared_is_refused(serializer):
    value = [1]
    for _ in range(60):
        value = [value, value]
    assert "too often" in refusal(serializer, value)


@BOTH
def test_what_is_shared_is_written_each_time(serializer):
    row = {"a": [1]}
    assert identical(again(serializer, [row, row]), [row, row])


@BOTH
def test_a_leaf_within_many_is_found(serializer):
    assert refusal(serializer, [[{"n": n} for n in range(5000)], {"odd": {3, 4}}]).startswith("result[1]['odd']: ")


@BOTH
def test_a_long_key_does_not_make_a_long_message(serializer):
    assert len(refusal(serializer, {"k" * 10_000: {"l" * 10_000: {1}}})) < 300


@BOTH
def test_what_is_read_at_the_end_of_the_stack_is_read(serializer):
    """Little stack is left to whoever reads: half a megabyte, and a few frames."""
    value = 1
    for _ in range(DEEPEST):
        value = [value]
    data = serializer.dumps(value)
    found = []

    def deeper(frames):
        return deeper(frames - 1) if frames else found.append(serializer.loads(data))

    size = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=deeper, args=(sys.getrecursionlimit() - DEEPEST - 150,))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert identical(found, [value])
