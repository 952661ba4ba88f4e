"""The charts that the benchmarks draw: lengths, scales, and words for who doesn't see them."""

import re
import sys
from xml.etree import ElementTree

import pytest
from helpers.benchmarks import PICTURES, ROOT

SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def charts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from suite import charts

    yield charts
    for name in [name for name in sys.modules if name.partition(".")[0] == "suite"]:
        del sys.modules[name]


def widths(picture):
    """The lengths of the bars, in order."""
    bars = [bar for bar in ElementTree.fromstring(picture).iter(f"{SPACE}rect") if bar.get("class") != "back"]
    return [float(bar.get("width")) for bar in bars]


def marks(picture):
    """What is written at the lines across."""
    texts = ElementTree.fromstring(picture).iter(f"{SPACE}text")
    return [text.text for text in texts if text.get("text-anchor") == "middle"]


def test_lengths_near_each_other_are_drawn_in_proportion(charts):
    picture = charts.bars("title", "times", [charts.Bar("a", 2.0, "2x"), charts.Bar("b", 6.0, "6x")])
    short, long = widths(picture)
    assert long == pytest.approx(3 * short, abs=0.2)
    assert marks(picture) == ["0", "1", "2", "3", "4", "5", "6"]


def test_lengths_far_apart_are_drawn_on_a_logarithmic_scale_which_is_said(charts):
    picture = charts.bars("title", "times", [charts.Bar(str(n), n, f"{n}x") for n in (1.0, 10.0, 100.0)])
    one, ten, hundred = widths(picture)
    assert hundred - ten == pytest.approx(ten - one, abs=0.2)
    assert "times, logarithmic" in picture


@pytest.mark.parametrize("longest", [0.013, 0.9, 1.0, 1.9, 2.1, 7, 10, 99.9])
def test_a_linear_scale_begins_at_nothing_and_has_some_marks_but_not_many(charts, longest):
    found = marks(charts.bars("title", "times", [charts.Bar("a", longest, "")]))
    assert found[0] == "0"
    assert 2 < len(found) < 9


def test_parts_of_a_bar_are_as_long_as_their_share(charts):
    picture = charts.shares("title", "said", ["fault"], ["right", "wrong"], {"a": [{"right": 30, "wrong": 10}]})
    right, wrong = [width for width in widths(picture) if width != 12]
    assert right == pytest.approx(3 * wrong, abs=0.2)


def test_names_are_escaped(charts):
    picture = charts.bars("<title>", "a & b", [charts.Bar("<b>", 1.0, "1 < 2")])
    assert ElementTree.fromstring(picture).findtext(f"{SPACE}title") == "<title>"


@pytest.mark.parametrize("name", ["speed-memory", "speed-disk", "speed-store", "speed-large", "faults"])
def test_a_picture_of_the_pages_has_a_title_a_description_and_colours_for_dark_pages(name):
    text = (PICTURES / f"{name}.svg").read_text()
    picture = ElementTree.fromstring(text)
    assert picture.findtext(f"{SPACE}title")
    assert "memopickle" in picture.findtext(f"{SPACE}desc")
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    assert set(re.findall(r"^(\.?\w+) \{", dark, re.M)) >= {"text", ".back", ".grid"}
    assert light.index(".back") > 0
