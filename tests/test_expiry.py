"""The forms of a ttl, and whether an entry of some age may be used."""

import math
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memopickle import Cache, ConfigurationError, DirectoryStore, MemoryStore, ShelveStore, cached
from memopickle.expiry import NEVER, SECOND, SKEW, expires_at, is_fresh, microseconds, parse_duration, parse_ttl

UNITS = {"ms": 1_000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND, "w": 604800 * SECOND}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0), (0.0, 0), (-0.0, 0), (1, 1), (90, 90), (0.25, 0.25), (1e-6, 1e-6), (timedelta(hours=2), 7200),
        (timedelta(microseconds=1), 1e-6), ("90s", 90), ("1h30m", 5400), ("1h 30m", 5400), (" 7d ", 604800),
        ("2w", 1209600), ("250ms", 0.25), ("1.5h", 5400), ("0s", 0), ("1D", 86400), ("1H30M", 5400),
    ],
)  # fmt: skip
def test_every_form_is_understood(value, seconds):
    assert parse_ttl(value) == round(seconds * SECOND)


def test_none_is_for_ever():
    assert parse_ttl(None) is None


def test_a_callable_stays_what_it_is():
    assert parse_ttl(len) is len


@pytest.mark.parametrize(
    "value",
    [
        -1, -1e-9, -math.inf, math.inf, math.nan, True, False, timedelta(seconds=-1), "", " ", "90", "1x", "-5s", "+5s",
        "1h,2m", "h", "1 hour", "five", "1e3s", "NaN s", "inf", b"90s", [90], {}, object(), Decimal(5), 1j,
        "9" * 400 + "s",
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_what_is_no_ttl_is_an_error_that_shows_it_and_the_forms(value):
    with pytest.raises(ConfigurationError) as caught:
        parse_ttl(value)
    assert "ttl=" in str(caught.value)
    assert '"1h30m"' in str(caught.value)


def test_an_int_too_large_for_a_float_is_an_error():
    with pytest.raises(ConfigurationError, match="too large"):
        parse_ttl(10**400)


def test_the_name_of_the_option_is_in_the_error():
    with pytest.raises(ConfigurationError, match=r"^lock_timeout=-1"):
        parse_duration(-1, "lock_timeout")


@pytest.mark.parametrize("value", [1e13, 1e300, 10**300, 1.7e308, "999999999999999w"])
def test_huge_times_are_as_long_as_there_is(value):
    assert parse_ttl(value) == NEVER


@given(st.integers(0, 2**53 // SECOND))
def test_whole_seconds_are_exact(seconds):
    assert parse_ttl(seconds) == seconds * SECOND


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_timedeltas_are_exact_to_the_microsecond(delta):
    assert parse_ttl(delta) == delta // timedelta(microseconds=1)


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from(sorted(UNITS))), min_size=1, max_size=5))
def test_text_is_the_sum_of_its_parts(parts):
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_ttl(text) == sum(number * UNITS[unit] for number, unit in parts)
    assert parse_ttl(text.upper().replace("MS", "ms")) == parse_ttl(text)


@given(st.text(alphabet="0123456789.smhdw -+e", max_size=12) | st.text(max_size=8))
@example("1.5.5h")
@example("\u0661h")
def test_any_text_is_a_time_or_a_clear_error(text):
    try:
        found = parse_ttl(text)
    except ConfigurationError:
        return
    assert 0 <= found <= NEVER


@given(st.floats() | st.integers() | st.booleans() | st.none() | st.text() | st.binary() | st.complex_numbers())
def test_any_value_is_a_time_or_a_clear_error(value):
    try:
        found = parse_ttl(value)
    except ConfigurationError:
        return
    assert found is None or 0 <= found <= NEVER


@pytest.mark.parametrize("make", [DirectoryStore, ShelveStore, lambda path, ttl: MemoryStore(ttl=ttl)])
def test_a_store_checks_its_ttl_when_it_is_made(make, tmp_path):
    assert make(tmp_path / "place", ttl="1m").ttl == 60 * SECOND
    assert make(tmp_path / "place", ttl=None).ttl is None
    for wrong in (-1, True, "soon", math.nan, len):
        with pytest.raises(ConfigurationError, match="ttl="):
            make(tmp_path / "place", ttl=wrong)


@pytest.mark.parametrize("wrong", [-1, True, "soon", math.nan, math.inf])
def test_a_function_checks_its_ttl_when_it_is_decorated(wrong, store):
    with pytest.raises(ConfigurationError, match="ttl="):
        cached(ttl=wrong)
    with pytest.raises(ConfigurationError, match="ttl="):
        Cache(store).cached(ttl=wrong)
    with pytest.raises(ConfigurationError, match="ttl="):
        Cache(store, ttl=wrong)


# -- is_fresh --------------------------------------------------------------------------------------------------------

times = st.integers(0, 2**62)


@given(created=times, ttl=st.integers(1, 2**62))
def test_an_entry_is_fresh_until_one_microsecond_before_its_ttl(created, ttl):
    assert is_fresh(created, ttl, created)
    assert is_fresh(created, ttl, created + ttl - 1)
    assert not is_fresh(created, ttl, created + ttl)
    assert not is_fresh(created, ttl, created + ttl + 1)


@given(created=times, age=times)
def test_without_a_ttl_an_entry_is_fresh_for_ever(created, age):
    assert is_fresh(created, None, created + age)


@given(created=times, ttl=st.none() | st.integers(1, 2**62), ahead=st.integers(1, 2**40))
def test_an_entry_from_the_future_is_fresh_up_to_five_minutes(created, ttl, ahead):
    assert is_fresh(created, ttl, created - ahead) == (ahead <= SKEW)


def test_the_skew_is_five_minutes():
    assert SKEW == 300 * SECOND


@given(created=times, now=times)
def test_a_ttl_of_0_is_never_fresh(created, now):
    assert not is_fresh(created, 0, now)


@given(created=times, ttl=st.integers(0, NEVER))
def test_the_recorded_expiry_fits_the_header(created, ttl):
    assert expires_at(created, ttl) == min(created + ttl, NEVER)
    assert expires_at(created, None) == NEVER


@given(st.integers(0, 2**51))  # until the year 2041
def test_times_of_a_clock_are_whole_microseconds(time):
    assert microseconds(lambda: time / SECOND) == time
