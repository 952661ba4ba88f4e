"""Names and code: which functions are one, and when their results are stale."""

import functools
import json
import operator
import os

import pytest

from memopickle.errors import ConfigurationError
from memopickle.fingerprint import NO_CODE

WRAPPED = """
import functools
def decorate(f):
    @functools.wraps(f)
    def wrapper(x):
        return {wrapper}
    return wrapper
@decorate
def f(x):
    return {wrapped}
"""


def test_name_is_module_and_qualname(load, identify):
    module = load("class C:\n    def m(self): pass\n")
    assert identify(module.C.m).name == "m:C.m"


def test_name_of_a_wrapper_is_that_of_what_it_wraps(load, identify):
    assert identify(load(WRAPPED.format(wrapper="f(x)", wrapped="x")).f).name == "m:f"


def test_name_of_a_partial_is_that_of_its_function(load, identify):
    assert identify(functools.partial(load("def f(x): pass\n").f, 1)).name == "m:f"


def test_name_of_a_callable_object_is_that_of_its_class(load, identify):
    assert identify(load("class C:\n    def __call__(self): pass\n").C()).name == "m:C"


def test_name_of_a_lambda_in_a_list_is_the_same_on_every_python(load, identify):
    module = load("fs = [lambda: n for n in range(2)]\ndef make(): return [lambda: n for n in range(2)]\n")
    assert [identify(f).name for f in (module.fs[0], module.make()[0])] == ["m:<lambda>", "m:make.<locals>.<lambda>"]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (len, "builtins:len"),
        (operator.add, "_operator:add"),
        (str.upper, "builtins:str.upper"),
        (int, "builtins:int"),
        (json.dumps, "json:dumps"),
        (operator.itemgetter(1), "operator:itemgetter"),
    ],
)
def test_functions_of_python_have_a_fingerprint(identify, function, name):
    assert identify(function).name == name


def test_functions_of_python_differ(identify):
    assert (
        len({identify(f).code + identify(f).captured for f in (len, max, str.upper, str.lower, int, json.dumps)}) == 6
    )


def test_edit_changes_the_code(load, identify):
    one, other = (identify(load(f"def f(x): return {n}\n").f).code for n in (1, 2))
    assert one != other


def test_undone_edit_gives_the_old_code(load, identify):
    assert identify(load("def f(x): return 1\n").f).code == identify(load("def f(x): return 1  # one\n").f).code


def test_edit_of_a_wrapper_changes_the_code(load, identify):
    one, other = (identify(load(WRAPPED.format(wrapper=n, wrapped=1)).f).code for n in ("f(x)", "-f(x)"))
    assert one != other


def test_edit_of_what_is_wrapped_changes_the_code(load, identify):
    one, other = (identify(load(WRAPPED.format(wrapper="f(x)", wrapped=n)).f).code for n in (1, 2))
    assert one != other


def test_edit_of_what_lru_cache_wraps_changes_the_code(load, identify):
    text = "import functools\n@functools.lru_cache\ndef f(x): return {}\n"
    one, other = (identify(load(text.format(n)).f).code for n in (1, 2))
    assert one != other


def test_edit_of_a_callable_objects_class_changes_the_code(load, identify):
    text = "class C:\n    def __call__(self): return {}\n"
    one, other = (identify(load(text.format(n)).C()).code for n in (1, 2))
    assert one != other


def test_wrappers_of_python_count_by_name(load, identify):
    text = "import contextlib\n@contextlib.contextmanager\ndef f(x):\n    yield {}\n"
    one, other = (identify(load(text.format(n)).f).code for n in (1, 2))
    assert one != other


def test_code_is_constant_when_it_is_off(load, identify):
    assert identify(load("def f(x): return 1\n").f, track_code="off").code == NO_CODE


def test_unknown_track_code_is_refused(load, identify):
    with pytest.raises(ConfigurationError, match="'of'"):
        identify(load("def f(x): return 1\n").f, track_code="of")


# -- depends_on ------------------------------------------------------------------------------------------------------

F = "def f(x): return 1\n"
MAKE = "def make(n):\n    def d(): return n\n    return d\n"
CACHED = "from memopickle import cached\n@cached\n"
STATIC = "class C:\n    @staticmethod\n    def d(): return {}\nd = C.__dict__['d']"


@pytest.mark.parametrize("mode", ["function", "off"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def d(): return 1", "def d(): return 2"),
        ("class d:\n    x = 1", "class d:\n    x = 2"),
        ("d = {'a': 1}", "d = {'a': 2}"),
        ("d = 1", "d = 1.0"),
        ("d = lambda n=1: n", "d = lambda n=2: n"),
        ("import functools\nd = functools.partial(print, 1)", "import functools\nd = functools.partial(print, 2)"),
        (f"{MAKE}d = make(1)", f"{MAKE}d = make(2)"),
        (f"{CACHED}def d(): return 1", f"{CACHED}def d(): return 2"),
        (STATIC.format(1), STATIC.format(2)),
    ],
)
def test_changed_dependency_changes_the_code(load, identify, one, other, mode):
    found = []
    for text in (one, other, one):
        module = load(F + text + "\n")
        found.append(identify(module.f, track_code=mode, depends_on=(module.d,)).code)
    assert (found[0] == found[1], found[0] == found[2]) == (False, True)


def test_dependency_counts_by_the_content_of_its_file(load, identify, tmp_path):
    f, path = load(F).f, tmp_path / "data.txt"
    found = []
    for text in ("one", "other", "one"):
        path.write_text(text)
        found.append(identify(f, depends_on=(path,)).code)
    assert (found[0] == found[1], found[0] == found[2]) == (False, True)


def test_place_of_a_file_does_not_matter(load, identify, tmp_path):
    f = load(F).f
    (tmp_path / "one.txt").write_text("same")
    (tmp_path / "other.txt").write_text("same")
    assert (
        identify(f, depends_on=(tmp_path / "one.txt",)).code == identify(f, depends_on=(tmp_path / "other.txt",)).code
    )


def test_text_is_a_value_not_a_file(load, identify):
    f = load(F).f
    assert identify(f, depends_on=("no-such-file",)).code != identify(f, depends_on=("neither",)).code


def test_missing_file_is_an_error_that_names_it(load, identify, tmp_path):
    f = load(F).f
    with pytest.raises(ConfigurationError, match=r"missing\.txt"):
        identify(f, depends_on=(tmp_path / "missing.txt",))


def test_folder_is_an_error_that_names_it(load, identify, tmp_path):
    f = load(F).f
    with pytest.raises(ConfigurationError, match=tmp_path.name):
        identify(f, depends_on=(tmp_path,))


def test_dependency_that_cannot_be_keyed_is_an_error_that_names_it(load, identify):
    f = load(F).f
    with pytest.raises(ConfigurationError, match=r"depends_on\[1\] of m:f: a .*generator"):
        identify(f, depends_on=(1, (n for n in "ab")))


def test_order_of_dependencies_counts(load, identify):
    f = load(F).f
    assert identify(f, depends_on=(1, 2)).code != identify(f, depends_on=(2, 1)).code


# -- one file, run and imported --------------------------------------------------------------------------------------

REPORT = """
from memopickle.code import source_root
from memopickle.fingerprint import fingerprint

{text}

def report():
    found = fingerprint(f, warn=print)
    print(found.name, found.code.hex(), found.captured.hex(), source_root(f))

if __name__ == "__main__":
    report()
"""
PLAIN = REPORT.format(text="def f(x): return x")


def test_script_is_one_run_and_imported(write, run):
    write({"job.py": PLAIN})
    assert run("job.py") == run("-c", "import job; job.report()")


def test_script_run_by_its_path_is_the_same_from_another_folder(write, run):
    folder = write({"job.py": PLAIN}, "project")
    assert run(folder / "job.py") == run("job.py", cwd=folder)


def test_module_is_one_run_and_imported(write, run):
    write({"pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/mod.py": PLAIN})
    assert run("-m", "pkg.sub.mod") == run("-c", "import pkg.sub.mod as m; m.report()")


def test_package_is_one_run_and_imported(write, run):
    write({"pkg/__init__.py": "", "pkg/__main__.py": PLAIN})
    assert run("-m", "pkg") == run("-c", "import pkg.__main__ as m; m.report()")


def test_function_of_a_package_itself_has_the_folder_above_as_root(write, run, tmp_path):
    write({"pkg/__init__.py": PLAIN})
    (line,) = run("-c", "import pkg; pkg.report()")
    assert line.split()[::3] == ["pkg:f", os.path.realpath(tmp_path)]


def test_package_without_init_has_the_folder_above_as_root(write, run, tmp_path):
    write({"space/pkg/mod.py": PLAIN})
    (line,) = run("-c", "import space.pkg.mod as m; m.report()")
    assert line.split()[::3] == ["space.pkg.mod:f", os.path.realpath(tmp_path)]


def test_modules_of_one_name_in_two_projects_differ_by_root_alone(write, run):
    found = [run("job.py", cwd=write({"job.py": PLAIN}, project))[0].split() for project in ("billing", "shipping")]
    assert (found[0][:3] == found[1][:3], found[0][3] == found[1][3]) == (True, False)


def test_link_to_a_project_is_the_project(write, run, tmp_path):
    folder = write({"job.py": PLAIN}, "project")
    os.symlink(folder, tmp_path / "link")
    through_link = run("-c", "import sys; sys.path.insert(0, sys.argv[1]); import job; job.report()", tmp_path / "link")
    assert through_link == run("job.py", cwd=folder)


SPAWNING = """
import multiprocessing
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=report)
    process.start()
    process.join()
"""


def test_script_in_a_spawned_process_is_the_same(write, run):
    write({"job.py": PLAIN.replace("source_root(f))", "source_root(f), flush=True)") + SPAWNING})
    lines = run("job.py")
    assert (len(lines), lines[0] == lines[1]) == (2, True)


def test_code_given_on_the_command_line_has_the_working_directory_as_root(run, tmp_path):
    program = "from memopickle.code import *\ndef f(): pass\nprint(module_name_of(f), source_root(f))"
    assert run("-c", program) == [f"__main__ {os.path.realpath(tmp_path)}"]


def test_fingerprint_does_not_depend_on_the_hash_seed(write, run):
    text = "y = {'a', 'b', 'c'}\ndef make(n):\n    def f(x): return x in {'a', 'b'}, y, n\n    return f\n"
    text += "f = make({'d', 'e', 'f'})"
    write({"job.py": REPORT.format(text=text).replace("f, warn", "f, track_code='deep', warn")})
    assert len({run("job.py", PYTHONHASHSEED=seed)[0] for seed in ("1", "2", "3")}) == 1
