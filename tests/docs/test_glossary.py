"""One word for each concept: public names, options and commands against docs/reference/glossary.md."""

import re

import pytest
from helpers.pages import DOCS

import memopickle
from memopickle import Cache, CachedFunction, events
from memopickle.options import OptionValues

ROWS = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]*?) ?\|$", (DOCS / "reference" / "glossary.md").read_text(), re.M)
WORDS = [word for word, *_ in ROWS[1:] if not word.startswith("-")]
AVOIDED = {word: kept for kept, _, others in ROWS[1:] for word in others.split(", ") if word and " " not in word}

#: Words of functools, pickle, logging or another library, and those that pages also use in another sense.
SAID_ELSEWHERE = {
    "item",
    "delete",
    "layer",
    "level",
    "record",
    "body",
    "checkpoint",
    "validate",
    "dogpile",
    "signal",
    "flush",
}


def public_names():
    """Return every public name: of the package, its Cache and functions, options and events."""
    names = {*memopickle.__all__, *OptionValues.__annotations__, *events.__all__}
    for kind in (Cache, CachedFunction):
        names.update(name for name in vars(kind) if not name.startswith("_"))
    return sorted(names)


def words_of(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_")


def test_the_glossary_is_sorted_and_says_each_word_once():
    assert sorted(set(WORDS)) == WORDS
    assert len(WORDS) > 50


def test_no_word_is_both_kept_and_avoided():
    assert set(WORDS) & set(AVOIDED) == set()


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_uses_no_avoided_word(name):
    assert {word: AVOIDED[word] for word in words_of(name) if word in AVOIDED} == {}


def test_commands_and_their_options_use_no_avoided_word():
    click = pytest.importorskip("click")
    from cli.test_operating import commands

    found = {
        (name, word): AVOIDED[word]
        for name, command in commands()
        for one in (name, *(parameter.name for parameter in command.params if isinstance(parameter, click.Option)))
        for word in re.split(r"[ _-]", one or "")
        if word in AVOIDED and word not in {"delete"}  # --delete-bad removes one entry after the other
    }
    assert found == {}


@pytest.mark.parametrize("option", sorted(OptionValues.__annotations__))
def test_each_word_of_an_option_is_in_the_glossary_or_plain_english(option):
    plain = {
        "on",
        "if",
        "while",
        "error",
        "early",
        "exceptions",
        "exception",
        "timeout",
        "single",
        "compress",
        "revalidate",
    }
    known = {part for word in WORDS for part in word.split()} | plain
    assert [word for word in words_of(option) if word not in known] == []


@pytest.mark.parametrize("word", sorted(set(AVOIDED) - SAID_ELSEWHERE))
def test_no_page_uses_an_avoided_word(word):
    pages = [
        page for page in DOCS.rglob("*.md") if not page.name.startswith("coming-from") and page.name != "glossary.md"
    ]
    saying = [
        str(page.relative_to(DOCS))
        for page in pages
        if re.search(rf"\b{word}(s|ed|es)?\b", re.sub(r"`[^`]*`|```.*?```", "", page.read_text(), flags=re.S), re.I)
    ]
    assert saying == [], f"say {AVOIDED[word]}"
