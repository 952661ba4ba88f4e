"""benchmarks/stampede.py: what docs/explanation/freshness.md shows is what it gives."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "freshness.md"
PICTURE = ROOT / "docs" / "pictures" / "stampede.svg"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The page and the picture, made anew."""
    folder = tmp_path_factory.mktemp("made")
    page, picture = folder / "page.md", folder / "picture.svg"
    shutil.copyfile(PAGE, page)
    command = [sys.executable, "-B", ROOT / "benchmarks" / "stampede.py", "--svg", picture, "--markdown", page]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    return page.read_text(), picture.read_text()


@pytest.fixture(scope="module")
def rows():
    """The figures of the page, by policy: computations, most at once, waited, served expired."""
    cells = re.findall(
        r"^\| (.+?) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| [\d.]+ s \| ([\d,]+) \|$", PAGE.read_text(), re.M
    )
    return {name.replace("`", ""): [int(number.replace(",", "")) for number in numbers] for name, *numbers in cells}


def test_the_table_of_the_page_is_what_the_command_gives(made):
    assert made[0] == PAGE.read_text()


def test_the_picture_of_the_page_is_what_the_command_draws(made):
    assert made[1] == PICTURE.read_text()


def test_the_picture_is_well_formed_and_has_a_strip_for_each_policy(rows):
    picture = ElementTree.fromstring(PICTURE.read_text())
    names = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text") if text.get("class") == "name"]
    assert names == list(rows)


def test_single_flight_computes_once_where_a_thousand_would(rows):
    assert rows["ttl, single_flight=False"][1] > 900
    assert rows["ttl"][1] == 1
    assert rows["ttl"][2] > 900 * rows["ttl"][0]


def test_early_refresh_makes_only_those_wait_who_compute(rows):
    computations, at_once, waited, expired = rows["early_refresh=True"]
    assert (at_once, waited, expired) == (1, computations, 0)
    assert 1 < rows["XFetch as published: no single flight"][1] < 10


def test_with_both_nobody_waits_and_nobody_gets_an_expired_value(rows):
    assert rows["early_refresh and stale_while_revalidate"][2:] == [0, 0]
    assert rows["stale_while_revalidate"][2] == 0
    assert rows["stale_while_revalidate"][3] > 900
