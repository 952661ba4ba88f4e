"""An exact list of what a stored result may name: nothing else is loaded, and nothing else stored."""

import collections
import copyreg
import decimal
import fractions
import os
import pickle
import sys
from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from helpers.needed import need

from memopickle import BadPayloadError, Cache, ConfigurationError, DirectoryStore, Secret
from memopickle.codec import Codec
from memopickle.events import BadEntry
from memopickle.header import Facts
from memopickle.serializers import PICKLE, PickleSerializer
from memopickle.testing import store_key

PLAIN = [None, True, 1, 2**100, 1.5, "text", b"bytes", bytearray(b"x"), (1, [2]), {"a": {1, 2}}, frozenset({1})]


class Order:
    """A class of the user's."""

    def __init__(self, number):
        self.number = number

    class Line:
        pass


class Hostile:
    """Makes a directory when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def joined(encoded):
    """The stream in one piece, and the buffers."""
    stream, buffers = encoded
    return b"".join(stream), buffers


def loaded(allowed, value):
    """The value, written by the plain serializer and read by one with a list."""
    return PickleSerializer(allowed=allowed).decode(*joined(PICKLE.encode(value)))


def refused(allowed, value):
    with pytest.raises(BadPayloadError) as caught:
        loaded(allowed, value)
    return str(caught.value)


def test_plain_values_name_nothing():
    assert loaded([], PLAIN) == PLAIN


def test_what_is_allowed_is_loaded():
    value = [decimal.Decimal("1.5"), date(2020, 1, 2), Order(3).number]
    assert loaded([decimal.Decimal, date], value) == value
    assert loaded([Order], Order(3)).number == 3
    assert isinstance(loaded(["tests.test_serializers:Order.Line", Order.Line], Order.Line()), Order.Line)


@pytest.mark.parametrize("form", [lambda: [collections.OrderedDict], lambda: ["collections:OrderedDict"]])
def test_a_class_may_be_given_as_object_or_by_name(form):
    assert loaded(form(), collections.OrderedDict(a=1)) == {"a": 1}


def test_what_is_not_allowed_is_refused_by_name():
    assert "decimal:Decimal, which is not among allowed=" in refused([date], decimal.Decimal(1))


def test_neither_subclasses_nor_neighbours_nor_parts_of_what_is_allowed_are():
    assert "datetime:datetime" in refused([date, "datetime:timedelta"], datetime(2020, 1, 2))
    assert "Order.Line" in refused([Order], Order.Line())
    assert "Order" in refused([Order.Line], Order(1))


def test_a_hostile_pickle_is_not_run(tmp_path):
    marker = tmp_path / "marker"
    assert "posix:mkdir" in refused([Order, decimal.Decimal], [Order(1), Hostile(marker)]).replace("nt:", "posix:")
    assert not marker.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_under_the_list(tmp_path, protocol):
    data = pickle.dumps(Hostile(tmp_path / "marker"), protocol)
    with pytest.raises(BadPayloadError):
        PickleSerializer(allowed=[Order]).decode(data)
    assert os.listdir(tmp_path) == []


def test_nothing_is_imported_for_what_is_refused(tmp_path, monkeypatch):
    (tmp_path / "module_not_wanted.py").write_text("class Thing: pass")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadPayloadError, match="module_not_wanted:Thing"):
        PickleSerializer(allowed=[Order]).decode(b"\x80\x05cmodule_not_wanted\nThing\n.")
    assert "module_not_wanted" not in sys.modules


def test_a_dotted_name_does_not_lead_past_the_list():
    with pytest.raises(BadPayloadError, match=r"Order\.__init__"):
        PickleSerializer(allowed=[Order]).decode(pickle.dumps(Order.__init__))


def test_classes_registered_by_number_are_under_the_list():
    copyreg.add_extension("fractions", "Fraction", 240)
    try:
        data = pickle.dumps(fractions.Fraction(1, 2), 5)
        assert b"fractions" not in data
        pickle.loads(data)  # from here on Python knows the number without asking for the name
        with pytest.raises(BadPayloadError, match="fractions:Fraction"):
            PickleSerializer(allowed=[Order]).decode(data)
    finally:
        copyreg.remove_extension("fractions", "Fraction", 240)


@pytest.mark.parametrize(
    "value", [PLAIN, decimal.Decimal("1.5"), [Order, len, timedelta(1)]], ids=["plain", "", "names"]
)
def test_the_bytes_are_those_of_the_plain_serializer(value):
    allowed = PickleSerializer(allowed=[decimal.Decimal, Order, timedelta, len])
    assert allowed.encode(value) == PICKLE.encode(value)
    assert allowed.encode_whole(value) == PICKLE.encode_whole(value)
    assert allowed.name == PICKLE.name


def test_large_buffers_stay_out_of_band():
    numpy = need("numpy")
    array = numpy.arange(4096)
    serializer = PickleSerializer(allowed=[array.__reduce_ex__(5)[0], numpy.dtype, numpy.ndarray])
    stream, buffers = joined(serializer.encode(array))
    assert (len(buffers), buffers[0].nbytes) == (1, array.nbytes)
    assert serializer.decode(stream, buffers).tolist() == array.tolist()


def test_what_could_not_be_loaded_is_not_written():
    with pytest.raises(BadPayloadError, match="decimal:Decimal"):
        PickleSerializer(allowed=[Order]).encode([1, {"a": decimal.Decimal(1)}])
    with pytest.raises(BadPayloadError, match="mkdir"):
        PickleSerializer(allowed=[Order]).encode_whole(Hostile("unused"))


def test_an_entry_written_without_a_list_is_read_with_one_and_the_other_way_round(secret):
    def codec(serializer):
        return Codec([Secret(secret).signer], "a namespace", serializer)

    plain, strict = codec(PICKLE), codec(PickleSerializer(allowed=[decimal.Decimal]))
    for writer, reader in ((plain, strict), (strict, plain)):
        data = b"".join(writer.encode(store_key(), decimal.Decimal("1.5"), Facts(0)))
        assert reader.decode(store_key(), data).value() == decimal.Decimal("1.5")
    data = b"".join(plain.encode(store_key(), date(2020, 1, 2), Facts(0)))
    with pytest.raises(BadPayloadError, match="datetime:date"):
        strict.decode(store_key(), data).value()


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        (["decimal.Decimal"], "'module:qualname'"),
        ([""], "'module:qualname'"),
        (["decimal:"], "'module:qualname'"),
        ([lambda: 1], "class or function"),
        ([3], "class or function"),
        ([decimal], "class or function"),
        ("decimal:Decimal", "a list"),
        (decimal.Decimal, "a list"),
    ],
)
def test_what_is_no_list_of_names_is_an_error(allowed, message):
    with pytest.raises(ConfigurationError, match=message):
        PickleSerializer(allowed=allowed)


def test_it_pickles_with_its_list_and_shows_it():
    copy = pickle.loads(pickle.dumps(PickleSerializer(allowed=[decimal.Decimal])))
    assert repr(copy) == "PickleSerializer(allowed=['decimal:Decimal'])"
    assert repr(PICKLE) == "PickleSerializer()"
    with pytest.raises(BadPayloadError):
        copy.decode(pickle.dumps(date(2020, 1, 2)))


def test_a_stored_result_of_a_class_that_is_no_longer_allowed_is_a_miss_with_one_event(tmp_path):
    events = []
    cache = Cache(DirectoryStore(tmp_path), secret="s" * 32, on_event=events.append)
    cache.cached(make_fraction)(3)
    strict = cache.cached(make_fraction, serializer=PickleSerializer(allowed=[]))
    assert strict(3) == Fraction(3)
    assert ["fractions:Fraction" in event.reason for event in events if isinstance(event, BadEntry)] == [True]


def test_what_is_allowed_hits_under_the_same_key(tmp_path):
    cache = Cache(DirectoryStore(tmp_path), secret="s" * 32)
    cache.cached(make_fraction)(3)
    strict = cache.cached(make_fraction, serializer=PickleSerializer(allowed=[Fraction]))
    assert strict.cache_contains(3)
    assert (strict(3), strict.cache_info().hits) == (Fraction(3), 1)


def test_an_unknown_serializer_is_an_error_when_decorating(tmp_path):
    with pytest.raises(ConfigurationError, match="serializer='marshal'"):
        Cache(DirectoryStore(tmp_path)).cached(make_fraction, serializer="marshal")


def make_fraction(x):
    return Fraction(x)
