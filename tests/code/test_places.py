"""Functions in all the places where they can be written."""

import pytest

from memopickle.code import code_digest
from memopickle.code.bytecode import bytecode_digest


def from_syntax(function):
    return code_digest(function) != bytecode_digest(function.__code__)


def test_lambdas_on_one_line_differ(load):
    module = load("f, g = lambda: 1, lambda: 2\n")
    assert code_digest(module.f) != code_digest(module.g)


def test_lambdas_on_one_line_are_known_by_their_syntax(load):
    module = load("f, g, h = lambda: 1, lambda x: lambda y: x, [lambda i=i: i for i in (1, 2)]\n")
    assert all(map(from_syntax, (module.f, module.g, module.g(1), *module.h)))


def test_equal_lambdas_on_one_line_are_told_apart_by_their_defaults(load, digest_of):
    module = load("f, g = lambda x=1: x, lambda x=2: x\n")
    assert [code_digest(module.f), code_digest(module.g)] == [
        digest_of("f = lambda x=1: x\n"),
        digest_of("f = lambda x=2: x\n"),
    ]


def test_lambda_is_the_same_wherever_it_stands(load, digest_of):
    module = load("def keep(f, *rest): return f\nf = keep(lambda x: (x,\n    1), lambda: 2, lambda x: (x, 1, 1))\n")
    assert code_digest(module.f) == digest_of("f = lambda x: (x, 1)\n")


def test_lambda_as_decorator_is_known_by_its_syntax(load):
    module = load("@(lambda g: lambda x: g)\ndef f(x): return x\n")
    assert from_syntax(module.f)


def test_functions_of_one_name_are_told_apart_by_place(load):
    module = load("if True:\n    def f(x): return 1\ng = f\nif True:\n    def f(x): return 2\n")
    assert code_digest(module.f) != code_digest(module.g)


def test_functions_of_one_name_with_equal_code_are_told_apart_by_place(load, digest_of):
    module = load("def d(n): return lambda f: f\n@d(1)\ndef f(x): return 1\ng = f\n@d(2)\ndef f(x): return 1\n")
    assert code_digest(module.g) == digest_of("def d(n): return lambda f: f\n@d(1)\ndef f(x): return 1\n")


def test_nested_function_is_known_by_its_syntax(load):
    module = load("def outer(n):\n    def inner(x):\n        return x + n\n    return inner\nf = outer(1)\n")
    assert from_syntax(module.f)


def test_inner_functions_of_one_name_with_different_bodies_differ(load):
    text = "def make(n):\n    if n:\n        def g(x): return x\n    else:\n        def g(x): return -x\n    return g\n"
    module = load(text)
    assert code_digest(module.make(0)) != code_digest(module.make(1))


def test_captured_values_are_not_code(load):
    module = load("def make(n):\n    def g(x): return x + n\n    return g\n")
    assert code_digest(module.make(1)) == code_digest(module.make(2))


def test_async_function_and_generators_are_known_by_their_syntax(load):
    text = "async def f(x):\n    return [y async for y in x]\ndef g(x):\n    yield x\nasync def h(x):\n    yield x\n"
    module = load(text)
    assert all(map(from_syntax, (module.f, module.g, module.h)))


def test_methods_properties_and_private_names_are_known_by_their_syntax(load):
    text = "class C:\n"
    text += "    def a(self): return super().__hash__()\n"
    text += "    @property\n    def b(self): return self.__x\n"
    text += "    @b.setter\n    def b(self, v): self.__x = v\n"
    text += "    @staticmethod\n    def __c(): return C.__x\n"
    text += "    @classmethod\n    def d(cls): return cls.__c()\n"
    cls = load(text).C
    assert all(map(from_syntax, (cls.a, cls.b.fget, cls.b.fset, cls._C__c, cls.d.__func__)))


def test_call_through_an_import_is_known_by_its_syntax(load):
    # The compiler treats methods of imported names in a way of its own.
    text = "import math\ntry:\n    import json\nexcept ImportError:\n    json = None\n"
    module = load(text + "def f(x):\n    return math.sqrt(x) + json.loads('1') + x.real.conjugate()\n")
    assert from_syntax(module.f)


def test_method_in_a_module_that_mentions_super_is_known_by_its_syntax(load):
    module = load("names = {super: 1}\nclass C:\n    def f(self): return super().__hash__()\n")
    assert from_syntax(module.C.f)


def test_function_in_a_branch_of_a_module_is_known_by_its_syntax(load):
    module = load("if not True:\n    pass\nelse:\n    def f(x):\n        return x\n")
    assert from_syntax(module.f)


def test_function_that_holds_a_text_at_the_margin_is_known_by_its_syntax(load):
    module = load('def f(x):\n    y = """\ntext\n"""\n    return x + y\n')
    assert from_syntax(module.f)


def test_function_that_looks_like_part_of_a_text_is_known_by_its_syntax(load):
    text = 't = """\ndef f(x):\n    return x\n"""\ndef g(x):\n    return x\n'
    module = load(text + "@g\n\n# Why.\n@(\n    g\n)\ndef f(x):\n    return x\n")
    assert from_syntax(module.f)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_function_of_a_module_in_another_encoding_is_known_by_its_syntax(load, tmp_path, encoding):
    text = f"# -*- coding: {encoding} -*-\n\n\ndef f(x):\n    return 'é' + x\n"
    path = tmp_path / "m.py"
    path.write_bytes(text.encode(encoding))
    namespace = {}
    exec(compile(path.read_bytes(), path, "exec"), namespace)
    assert (from_syntax(namespace["f"]), namespace["f"]("")) == (True, "é")


def test_function_of_a_module_with_other_line_ends_is_known_by_its_syntax(tmp_path):
    path = tmp_path / "m.py"
    path.write_bytes(b"import os\r\n\r\n@staticmethod\r\ndef f(x):\r\n    return os.fspath(x)\r\n")
    namespace = {}
    exec(compile(path.read_bytes(), path, "exec"), namespace)
    assert from_syntax(namespace["f"].__func__)


def test_function_of_a_module_with_tabs_is_known_by_its_syntax(load):
    module = load("def f(x):\n\treturn 'abc'\n")
    assert from_syntax(module.f)


def test_generic_function_is_known_by_its_syntax(load):
    import sys

    parameters = "[T]" if sys.version_info >= (3, 12) else ""
    module = load(f"def f{parameters}(x):\n    return x\n")
    assert from_syntax(module.f)


def test_function_whose_name_was_changed_keeps_its_digest(load):
    module = load("def f(x):\n    return x\n")
    before = code_digest(module.f)
    module.f.__name__, module.f.__qualname__, module.f.__module__ = "g", "other.g", "elsewhere"
    assert code_digest(module.f) == before


def test_replaced_code_is_noticed(load):
    module = load("def f(x):\n    return x\ndef g(x):\n    return -x\n")
    before = code_digest(module.f)
    module.f.__code__ = module.g.__code__
    assert code_digest(module.f) != before


def test_threads_get_the_same_digests(load):
    from concurrent.futures import ThreadPoolExecutor

    lines = "".join(f"f{n}, g{n} = lambda x: x + {n}, lambda x: x - {n}\n" for n in range(40))
    module = load(lines)
    functions = [getattr(module, f"{kind}{n}") for n in range(40) for kind in "fg"]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(code_digest, functions * 4))
    assert found == [code_digest(function) for function in functions] * 4
