"""What the fuzzers began with and found stays refused, also where atheris is not installed."""

import os

import pytest

from tests.fuzz import targets

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def kept(kind):
    return sorted(os.listdir(os.path.join(CORPUS, kind)))


def read(kind, name):
    with open(os.path.join(CORPUS, kind, name), "rb") as file:
        return file.read()


@pytest.fixture
def directory():
    directory = targets.Directory()
    yield directory
    directory.close()


@pytest.mark.parametrize("name", kept("entry"))
def test_bytes_are_an_entry_as_it_was_written_or_refused(name):
    targets.entry(read("entry", name))


@pytest.mark.parametrize("name", sorted(targets.CODECS))
def test_golden_entries_are_good(name):
    with open(os.path.join(targets.FORMATS, name), "rb") as file:
        targets.entry(file.read())


@pytest.mark.parametrize("name", kept("directory"))
def test_bytes_in_a_directory_change_no_result(name, directory):
    directory.entry(read("directory", name))


@pytest.mark.parametrize("name", kept("directory"))
def test_names_in_a_directory_change_no_result(name, directory):
    directory.names(read("directory", name))


def test_the_entry_of_a_directory_is_good(directory):
    directory.entry(directory.good)
