"""The loaded code is the truth, whatever stands in the file by now."""

import doctest
import linecache
import os
import py_compile
import sys
import zipfile

import pytest

from memopickle.code import code_digest
from memopickle.code.bytecode import bytecode_digest


def edit(module, old, new):
    path = module.__file__
    with open(path) as file:
        text = file.read()
    assert old in text
    with open(path, "w") as file:
        file.write(text.replace(old, new))


def test_body_edited_after_the_import_does_not_give_the_new_digest(load, digest_of):
    module = load("def f(x):\n    return x + 1\n")
    edit(module, "+ 1", "+ 2")
    assert code_digest(module.f) != digest_of("def f(x):\n    return x + 2\n")


def test_body_edited_after_the_import_is_known_by_its_bytecode(load):
    module = load("def f(x):\n    return x + 1\n")
    edit(module, "+ 1", "+ 2")
    assert code_digest(module.f) == bytecode_digest(module.f.__code__)


def test_digest_of_a_loaded_function_outlives_an_edit(load):
    module = load("def f(x):\n    return x + 1\n")
    before = code_digest(module.f)
    edit(module, "+ 1", "+ 2")
    assert code_digest(module.f) == before


def test_edit_of_same_length_and_time_is_noticed(load, digest_of):
    module = load("def g(x):\n    return x\ndef f(x):\n    return x + 1\n")
    code_digest(module.g)
    times = os.stat(module.__file__)
    replacement = module.__file__ + ".new"
    with open(replacement, "w") as file:
        file.write("def g(x):\n    return x\ndef f(x):\n    return x + 2\n")
    os.replace(replacement, module.__file__)
    os.utime(module.__file__, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert code_digest(module.f) != digest_of("def f(x):\n    return x + 2\n")


def test_lines_put_above_after_the_import_do_not_matter(load, digest_of):
    module = load("def f(x):\n    return x + 1\n")
    edit(module, "def f", "import os\n\ndef g(x):\n    return x + 1\n\ndef f")
    assert code_digest(module.f) == digest_of("def f(x):\n    return x + 1\n")


def test_docstring_edited_after_the_import_does_not_matter(load, digest_of):
    module = load('def f(x):\n    """Old."""\n    return x + 1\n')
    edit(module, "Old", "New")
    assert code_digest(module.f) == digest_of("def f(x):\n    return x + 1\n")


def test_text_that_is_docstring_and_result_is_noticed(load, digest_of):
    module = load('def f():\n    """Old."""\n    return "Old."\n')
    edit(module, "Old", "New")
    assert code_digest(module.f) != digest_of('def f():\n    """New."""\n    return "New."\n')


def test_default_edited_after_the_import_does_not_give_the_new_digest(load, digest_of):
    module = load("def f(x=1):\n    return x\n")
    edit(module, "x=1", "x=2")
    assert code_digest(module.f) != digest_of("def f(x=2):\n    return x\n")


def test_keyword_default_edited_after_the_import_does_not_give_the_new_digest(load, digest_of):
    module = load("def f(*, x=1):\n    return x\n")
    edit(module, "x=1", "x=2")
    assert code_digest(module.f) != digest_of("def f(*, x=2):\n    return x\n")


def test_unrelated_import_added_after_the_import_does_not_matter(load, digest_of):
    module = load("import math\ndef f(x):\n    return math.sqrt(x)\n")
    edit(module, "import math\n", "import math, os\n")
    assert code_digest(module.f) == digest_of("import math\ndef f(x):\n    return math.sqrt(x)\n")


def test_deleted_file_leaves_the_bytecode(load):
    module = load("def f(x):\n    return x + 1\n")
    os.unlink(module.__file__)
    assert code_digest(module.f) == bytecode_digest(module.f.__code__)


def test_file_that_is_no_python_any_more_leaves_the_bytecode(load):
    module = load("def f(x):\n    return x + 1\n")
    edit(module, "return", "retrun retrun")
    assert code_digest(module.f) == bytecode_digest(module.f.__code__)


def test_warning_about_the_source_is_neither_repeated_nor_raised(tmp_path, run):
    (tmp_path / "odd.py").write_text("def f(x):\n    return x is 1\n")
    program = """
import warnings
warnings.simplefilter("ignore")
import odd
warnings.resetwarnings()
warnings.simplefilter("error")
from memopickle.code.bytecode import bytecode_digest
from memopickle.code import code_digest
print(code_digest(odd.f) != bytecode_digest(odd.f.__code__))
"""
    assert run(program) == ["True"]


def made_by_exec(text, filename="<string>", **names):
    namespace = {"__name__": "made", **names}
    exec(compile(text, filename, "exec", dont_inherit=True), namespace)
    return namespace["f"]


def test_function_made_by_exec_has_a_digest():
    assert code_digest(made_by_exec("def f(x): return x + 1")) != code_digest(made_by_exec("def f(x): return x + 2"))


def test_bytecode_digest_does_not_depend_on_file_and_line():
    one = made_by_exec("def f(x): return x + 1")
    other = made_by_exec("\n\n\ndef f(x):\n\n  return x + 1", "elsewhere.py")
    assert bytecode_digest(one.__code__) == bytecode_digest(other.__code__)


def test_bytecode_digest_does_not_depend_on_the_docstring():
    one, other = (made_by_exec(f"def f(x):\n '''{text}'''\n return x + 1") for text in ("One.", "Other."))
    assert bytecode_digest(one.__code__) == bytecode_digest(other.__code__)


def test_bytecode_digest_depends_on_text_that_is_loaded():
    one, other = (made_by_exec(f"def f(x):\n '''{text}'''\n return '{text}'") for text in ("One.", "Other."))
    assert bytecode_digest(one.__code__) != bytecode_digest(other.__code__)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1", "True"),
        ("(1,)", "(1.0,)"),
        ("0.0", "-0.0"),
        ("x in {1, 2}", "x in {1, 2.0}"),
        ("x.a", "x.b"),
    ],
)
def test_bytecode_digest_depends_on_the_types_of_constants(one, other):
    first, second = (made_by_exec(f"def f(x): return {text}") for text in (one, other))
    assert bytecode_digest(first.__code__) != bytecode_digest(second.__code__)


def test_bytecode_digest_depends_on_nested_code():
    one, other = (made_by_exec(f"def f(x): return lambda y: {n}") for n in (1, 2))
    assert bytecode_digest(one.__code__) != bytecode_digest(other.__code__)


def test_bytecode_digest_does_not_depend_on_the_hash_seed(run):
    program = """
from memopickle.code.bytecode import bytecode_digest
def f(x): return x in {"a", "b", "c", "d", ("e", 1)}
print(bytecode_digest(f.__code__).hex())
"""
    assert len({word for seed in ("1", "2", "3", "4") for word in run(program, PYTHONHASHSEED=seed)}) == 1


def test_running_a_function_does_not_change_its_bytecode_digest():
    function = made_by_exec("def f(x):\n  t = 0\n  for i in range(x): t += i\n  return t")
    before = bytecode_digest(function.__code__)
    for _ in range(100):
        function(100)
    assert bytecode_digest(function.__code__) == before


def test_traced_function_keeps_its_bytecode_digest(load):
    module = load("def f(x):\n    t = 0\n    for i in range(x): t += i\n    return t\n")
    plain = bytecode_digest(module.f.__code__)
    previous = sys.gettrace()
    sys.settrace(lambda *_: lambda *_: None)
    try:
        module.f(10)
        assert bytecode_digest(module.f.__code__) == plain
    finally:
        sys.settrace(previous)


def test_module_without_source_file_has_a_digest(tmp_path, monkeypatch):
    (tmp_path / "only_pyc.py").write_text("def f(x):\n    return x + 1\n")
    py_compile.compile(str(tmp_path / "only_pyc.py"), cfile=str(tmp_path / "only_pyc.pyc"))
    os.unlink(tmp_path / "only_pyc.py")
    monkeypatch.syspath_prepend(tmp_path)
    import only_pyc

    monkeypatch.delitem(sys.modules, "only_pyc")
    assert code_digest(only_pyc.f) == bytecode_digest(only_pyc.f.__code__)


def test_module_in_a_zip_file_is_known_by_its_syntax(tmp_path, monkeypatch, digest_of):
    text = "def f(x):\n    return x + 1\n"
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("zipped.py", "# A comment.\n" + text)
    monkeypatch.syspath_prepend(tmp_path / "lib.zip")
    import zipped

    monkeypatch.delitem(sys.modules, "zipped")
    assert code_digest(zipped.f) == digest_of(text)


def test_notebook_cell_is_known_by_its_syntax(monkeypatch, digest_of):
    text = "def f(x):\n    return x + 1\n"
    cell = "# A comment.\n" + text
    name = "<ipython-input-1-abc>"
    monkeypatch.setitem(linecache.cache, name, (len(cell), None, cell.splitlines(keepends=True), name))
    assert code_digest(made_by_exec(cell, name)) == digest_of(text)


def test_cell_with_await_outside_of_functions_is_known_by_its_syntax(monkeypatch, digest_of):
    text = "def f(x):\n    return x + 1\n"
    cell = "await something()\n" + text
    name = "<ipython-input-2-abc>"
    monkeypatch.setitem(linecache.cache, name, (len(cell), None, cell.splitlines(keepends=True), name))
    assert code_digest(made_by_exec("something = 0\n" + text, name)) == digest_of(text)


def test_function_of_a_doctest_is_known_by_its_syntax(digest_of):
    example = ">>> def f(x):\n...     return x + 1  # a comment\n>>> found.append(code_digest(f))\n"
    found = []
    test = doctest.DocTestParser().get_doctest(example, {"found": found, "code_digest": code_digest}, "t", None, 0)
    doctest.DocTestRunner(verbose=False).run(test)
    assert found == [digest_of("def f(x):\n    return x + 1\n")]


def test_assert_counts_only_where_it_runs(tmp_path, run):
    (tmp_path / "asserting.py").write_text("def f(x):\n    assert x\n    return x\n\ndef g(x):\n    return x\n")
    program = "import asserting as m\nfrom memopickle.code import code_digest\n"
    program += "print(code_digest(m.f).hex(), code_digest(m.g).hex())"
    plain, optimized = run(program), run(program, "-O")
    assert (plain[0] == optimized[0], plain[1] == optimized[1]) == (False, True)


def test_source_without_docstrings_in_memory_gives_the_same_digest(tmp_path, run):
    (tmp_path / "documented.py").write_text('def f(x):\n    """Doc."""\n    return x\n')
    program = "import documented\nfrom memopickle.code import code_digest\nprint(code_digest(documented.f).hex())"
    assert run(program) == run(program, "-OO")


def test_interpreter_without_columns_gives_the_same_digest(tmp_path, run):
    (tmp_path / "lambdas.py").write_text("f, g = lambda: 1, lambda: 2\n")
    program = "import lambdas\nfrom memopickle.code import code_digest\nprint(code_digest(lambdas.f).hex())"
    assert run(program) == run(program, "-X", "no_debug_ranges")
