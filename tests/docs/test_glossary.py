"""One word for each concept: public names, commands, messages and pages against docs/reference/glossary.md."""

import inspect
import re

import pytest
from helpers.house import program
from helpers.needed import need
from helpers.pages import DOCS

from memopickle.options import OptionValues
from memopickle.projecttable import _SETTINGS

ROWS = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]*?) ?\|$", (DOCS / "reference" / "glossary.md").read_text(), re.M)
WORDS = [word for word, *_ in ROWS[1:] if not word.startswith("-")]
AVOIDED = {word: kept for kept, _, others in ROWS[1:] for word in others.split(", ") if word}

#: Avoided words that pages also use in another sense, or of another library.
SAID_ELSEWHERE = {"body", "checkpoint", "dogpile", "flush", "item", "layer", "level", "record", "signal", "validate"}

#: Pages that speak of other libraries, in their words; and the glossary itself.
OF_OTHERS = ("coming-from", "comparison", "glossary")

#: Words of public names that mean what they mean in English or in Python, and so are in no glossary.
_PLAIN = """
    age algorithm args as async at bytes chunks client clock close compress config configuration configure contains
    copy data deep demo detail differ dir directory disable doctor drop dry dump early ended equal error every
    everything exception extent file first force format get good history if info iter jobs json keep kwargs larger
    last least load ls make max memopickle memory message mmap name nearest newer newest not now obj object of ok old
    older oldest only open options or other path peek pickle prefix protocol raised raises rate raw read real redis
    report revalidate reverse run seconds self session set settings share shelve show single size smaller sort source
    state stats summary target tell tests than time timeout tmp to total type unkeyable unknown url user wait while
    work yes
"""
PLAIN = frozenset(_PLAIN.split())
#: Those of functools, and the coroutines of a store.
ELSEWHERE = {"cache_clear", "cache_info", "cache_parameters", "currsize", "maxsize"}
ELSEWHERE |= {"aclose", "adelete", "aget", "akeys", "aopen", "aset"}


def public_names():
    """Return every public name: of the package, of parameters, options, commands, variables and settings."""
    measure = program("measure")
    variables = re.findall(r"\bMEMOPICKLE_[A-Z_]+", (DOCS / "reference" / "configuration.md").read_text())
    found = {*OptionValues.__annotations__, *_SETTINGS, *variables}
    for path, doc in measure.public_names().items():
        if not doc.rstrip().endswith("Internal."):
            found.update((path.rpartition(".")[2], *parameters(measure.resolved(path))))
    return sorted(found - ELSEWHERE)


def parameters(public):
    try:
        return list(inspect.signature(public).parameters)
    except (TypeError, ValueError):
        return []


def words_of(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_").split("_")


def is_known(word):
    """Tell whether a word, or the one that it is a form of, is in the glossary or plain English."""
    known = {part for kept in WORDS for part in re.split("[ -]", kept)} | PLAIN
    forms = [word, *(word.removesuffix(end) + put for end, put in ENDINGS if word.endswith(end))]
    return any(form in known for form in forms)


#: What makes another form of a word, and what is to be put in its place.
ENDINGS = [("s", ""), ("es", ""), ("ies", "y"), ("d", ""), ("ed", ""), ("ion", ""), ("ion", "e"), ("ations", "e")]
ENDINGS += [("er", "e"), ("ification", "ify"), ("anation", "ain"), ("ature", ""), ("ing", "")]


def forms_of(word):
    """Return a pattern of an avoided word in all its forms."""
    return rf"(?<![\w-]){re.escape(word).removesuffix('e')}(e|s|es|d|ed|ing)?\b"


def avoided(text, but=()):
    """Return the avoided words of a text, and what to say; what stands in backquotes is code."""
    prose = re.sub(r"```.*?```|``?[^`]*``?", "", text, flags=re.DOTALL)
    return {word: kept for word, kept in AVOIDED.items() if word not in but and re.search(forms_of(word), prose, re.I)}


def commands():
    need("click")
    from cli.test_operating import commands

    return list(commands())


def test_the_glossary_is_sorted_and_says_each_word_once():
    assert sorted(set(WORDS)) == WORDS
    assert len(WORDS) > 50


def test_no_word_is_both_kept_and_avoided():
    assert set(WORDS) & set(AVOIDED) == set()


def test_no_plain_word_is_in_the_glossary_or_avoided():
    assert PLAIN & (set(WORDS) | set(AVOIDED)) == set()


@pytest.mark.parametrize("name", public_names())
def test_each_word_of_a_public_name_is_in_the_glossary_or_plain_english(name):
    assert [word for word in words_of(name) if not is_known(word)] == []


def test_each_word_of_a_command_is_in_the_glossary_or_plain_english():
    names = {name for command, one in commands() for name in (command, *(parameter.name for parameter in one.params))}
    assert {name for name in names for word in re.split("[ _-]", name) if not is_known(word)} == set()


def test_a_word_that_nobody_defined_is_noticed():
    assert [word for word in words_of("purgeStaleBlobs") if not is_known(word)] == ["purge", "blobs"]


def test_a_plain_word_is_there_because_a_name_has_it():
    options = {parameter.name for _, one in commands() for parameter in one.params}
    names = {*public_names(), *options, *(name for name, _ in commands())}
    used = {word for name in names for word in re.split("[ _-]", " ".join(words_of(name)))}
    assert {word for word in PLAIN if not any(one.startswith(word) for one in used)} == set()


def test_commands_say_no_avoided_word():
    told = [
        (name, text) for name, one in commands() for text in (one.help, *(getattr(p, "help", "") for p in one.params))
    ]
    assert {(name, word): kept for name, text in told for word, kept in avoided(text or "").items()} == {}


def test_docstrings_of_public_names_say_no_avoided_word():
    told = program("measure").public_names()
    but = {"flush", "record", "body", "layer", "item"}
    assert {(name, word): kept for name, doc in told.items() for word, kept in avoided(doc, but).items()} == {}


def test_messages_say_no_avoided_word():
    told = [one.text for one in program("messages").messages()]
    assert len(told) > 100
    # That of data which is too deeply nested, and of a file system.
    assert {(text, word): kept for text in told for word, kept in avoided(text, {"level"}).items()} == {}


@pytest.mark.parametrize("word", sorted(set(AVOIDED) - SAID_ELSEWHERE))
def test_no_page_says_an_avoided_word(word):
    pages = [page for page in DOCS.rglob("*.md") if not page.name.startswith(OF_OTHERS)]
    saying = [str(page.relative_to(DOCS)) for page in pages if word in avoided(page.read_text(encoding="utf-8"))]
    assert saying == [], f"say {AVOIDED[word]}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It purges them.", {"purge"}),
        ("It was recomputed.", {"recompute"}),
        ("A background job runs.", set()),
        ("Call `purge()` of the other library, or ``purge``.", set()),
        ("```python\npurge()\n```", set()),
        ("The max age of a page", {"max age"}),
    ],
)
def test_an_avoided_word_is_found_in_each_form_but_not_in_code(text, words):
    assert avoided(text).keys() == words
