"""docs/reference/numbers.md: the rules of the house hold, and the page says what docs/measure.py measures."""

import ast

import pytest
from helpers.house import program
from helpers.pages import DOCS

PAGE = DOCS / "reference" / "numbers.md"


@pytest.fixture(scope="module")
def measure():
    return program("measure")


def made(measure, text, name="program"):
    return measure.Module(name, measure.kinds_of_lines(text, ast.parse(text)), ast.parse(text))


def test_the_house_breaks_no_rule_and_the_page_is_of_today(measure):
    assert list(measure.broken()) == []


def test_a_page_without_a_figure_is_noticed(measure):
    page = PAGE.read_text(encoding="utf-8")
    assert any("'mutants'" in told for told in measure.outdated(page.replace("measured: mutants", "")))
    assert any("has no figures" in told for told in measure.outdated(""))


def test_a_page_that_is_far_off_is_noticed(measure):
    page = PAGE.read_text(encoding="utf-8").replace("| modules |", "| modules | 1 |\n|")
    assert any(": modules is 1.0, now " in told for told in measure.outdated(page))


def test_each_line_is_counted_once_as_what_it_is(measure):
    text = '"""Two\nlines."""\n\n# a reason\nx = 1  # beside\ny = """one\n\nthing"""\n'
    assert measure.kinds_of_lines(text, ast.parse(text)) == {"code": 4, "docstrings": 2, "comments": 1, "blank": 1}


def test_a_function_is_as_long_as_its_body_without_the_docstring(measure):
    text = 'class A:\n    def f(self):\n        """Two\n\n        lines."""\n        a = 1\n\n        return a\n'
    assert list(measure.functions([made(measure, text)])) == [measure.Function("program:A.f", 3)]


def test_a_function_of_a_protocol_is_none(measure):
    assert list(measure.functions([made(measure, 'def f():\n    ...\ndef g():\n    """Says so."""\n')])) == []


@pytest.mark.parametrize(
    ("text", "further", "is_a_circle"),
    [
        ("import two", (), True),
        ("from two import something", (), True),
        ("class A:\n    import two", (), True),
        ("def f():\n    import two", (), False),
        ("def f():\n    import two", ("functions",), True),
        ("if TYPE_CHECKING:\n    import two", ("functions",), False),
        ("if TYPE_CHECKING:\n    import two", ("types",), True),
        ("import three", (), False),
    ],
)
def test_modules_that_import_each_other_are_a_circle(measure, text, further, is_a_circle):
    found = [made(measure, text, "one"), made(measure, "import one", "two"), made(measure, "", "three")]
    assert measure.circles(found, *further) == ([{"one", "two"}] if is_a_circle else [])


def test_public_names_are_those_of_the_package_and_the_reference(measure):
    names = measure.public_names()
    assert {
        "memopickle.cached",
        "memopickle.Cache.clear",
        "memopickle.events.Hit.saved",
        "memopickle.signed.dumps",
    } <= names.keys()
    assert [name for name in names if "._" in name] == []


def test_a_record_whose_field_nothing_names_is_noticed(measure):
    from memopickle.catalog import Verification

    class Changed(Verification):
        """The outcome, with how many were good."""

        _fields = ("good", "worse")

    Changed.__module__ = Verification.__module__
    assert dict(measure.members(Changed))["good"] != ""
    assert measure.mention("worse", Changed) == ""
