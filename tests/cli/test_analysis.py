"""What the demo's cached function makes of a module, and which modules there are."""

import os

import pytest

from memopickle import Cache, DirectoryStore
from memopickle.cli.demo.analysis import analyse
from memopickle.cli.demo.library import library_path, modules


def test_a_module_is_counted():
    report = analyse("m", b"# one\ndef f():  # two\n    return 1\n")
    # ENCODING COMMENT NL / NAME NAME ( ) : COMMENT NEWLINE / INDENT NAME NUMBER NEWLINE / DEDENT ENDMARKER
    assert report == ("m", 3, 16, 2, (("f", 2, 1),), "")


@pytest.mark.parametrize("source", [b"def f(:\n", b"x = '\xff'\n", b"# coding: nonsense\n", b"x = (\n", b"\0"])
def test_what_cannot_be_parsed_says_why(source):
    report = analyse("m", source)
    assert report.error
    assert (report.tokens, report.functions) == (0, ())


def test_the_source_may_say_its_encoding():
    assert analyse("m", "# coding: latin-1\nx = 'é'\n".encode("latin-1")).error == ""


def test_an_odd_escape_warns_nobody():
    assert analyse("m", b"x = '\\d'\n").error == ""


def test_an_edited_file_of_the_same_size_and_time_is_analysed_anew(tmp_path):
    cached = Cache(DirectoryStore(tmp_path / "cache"), secret="s" * 32).cached(analyse)
    file = tmp_path / "m.py"
    file.write_bytes(b"def f(): return a or b\n")
    before = file.stat()
    assert cached("m", file.read_bytes()).functions[0].complexity == 2
    file.write_bytes(b"def f(): return a is b\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert cached("m", file.read_bytes()).functions[0].complexity == 1


def test_the_library_has_its_modules_once_each():
    names = [module.name for module in modules()]
    assert {"ast", "json", "json.decoder", "concurrent.futures.process"} <= set(names)
    assert len(names) == len(set(names)) > 400


def test_tests_and_installed_packages_are_left_out():
    parts = {part for module in modules() for part in os.path.relpath(module.path, library_path()).split(os.sep)}
    assert not parts & {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}


def test_a_limit_takes_the_first_by_name():
    every = sorted(module.name for module in modules())
    assert sorted(module.name for module in modules(5)) == every[:5]


def test_the_largest_module_comes_first():
    sizes = [module.size for module in modules()]
    assert sizes == sorted(sizes, reverse=True)
