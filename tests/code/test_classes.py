"""The digests of classes."""

import types

import pytest

from memopickle.code import code_digest

DIFFERENT = {
    "method": ("class f:\n    def m(self): return 1\n", "class f:\n    def m(self): return 2\n"),
    "attribute": ("class f:\n    rate = 1\n", "class f:\n    rate = 2\n"),
    "computed attribute": ("class f:\n    rate = len('a')\n", "class f:\n    rate = len('b')\n"),
    "annotation": ("class f:\n    rate: int\n", "class f:\n    rate: float\n"),
    "base": ("class f(dict):\n    pass\n", "class f(list):\n    pass\n"),
    "code of a base": ("class b:\n    x = 1\nclass f(b):\n    pass\n", "class b:\n    x = 2\nclass f(b):\n    pass\n"),
    "static method": (
        "class f:\n    @staticmethod\n    def m(): pass\n",
        "class f:\n    @classmethod\n    def m(): pass\n",
    ),
    "property": ("class f:\n    @property\n    def m(self): pass\n", "class f:\n    def m(self): pass\n"),
    "decorator": (
        "def d(n): return lambda c: c\n@d(1)\nclass f: pass\n",
        "def d(n): return lambda c: c\n@d(2)\nclass f: pass\n",
    ),
    "metaclass": ("class f:\n    x = 1\n", "import abc\nclass f(metaclass=abc.ABCMeta):\n    x = 1\n"),
    "dataclass default": (
        "from dataclasses import dataclass\n@dataclass\nclass f:\n    x: int = 1\n",
        "from dataclasses import dataclass\n@dataclass\nclass f:\n    x: int = 2\n",
    ),
}

SAME = {
    "docstring": ("class f:\n    def m(self): pass\n", 'class f:\n    """Doc."""\n    def m(self): pass  # why\n'),
    "slots and docstring of a dataclass": (
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass f:\n    x: int = 1\n",
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass f:\n    '''Doc.'''\n    x: int = 1\n",
    ),
    "options of memopickle": (
        "from memopickle import cached\nclass f:\n    @cached(ttl=1)\n    def m(self): pass\n",
        "from memopickle import cached\nclass f:\n    @cached(ttl=2)\n    def m(self): pass\n",
    ),
    "private names": (
        "class f:\n    __x = 1\n    def __m(self): pass\n",
        "class f:\n    __x = 1\n\n    def __m(self): pass\n",
    ),
    "enum": (
        "from enum import Enum\nclass f(Enum):\n    A = 1\n    def m(self): pass\n",
        "from enum import Enum\nclass f(Enum):\n    # First\n    A = 1\n    def m(self): pass\n",
    ),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_edit_of_a_class_changes_the_digest(digest_of, one, other):
    assert digest_of(one) != digest_of(other)


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_edit_without_effect_keeps_the_digest_of_a_class(digest_of, one, other):
    assert digest_of(one) == digest_of(other)


def test_method_that_a_decorator_keeps_in_a_closure_is_found(load, digest_of):
    text = "def lazy(g):\n    @property\n    def get(self): return g(self)\n    return get\n"
    text += "class f:\n    @lazy\n    def m(self): return 1\n"
    module = load(text)
    with open(module.__file__, "w") as file:
        file.write(text.replace("return 1", "return 2"))
    assert code_digest(module.f) != digest_of(text.replace("return 1", "return 2"))


def test_comment_in_a_class_whose_method_is_kept_in_a_closure_does_not_matter(digest_of):
    text = "def lazy(g):\n    @property\n    def get(self): return g(self)\n    return get\n"
    text += "class f:\n    @lazy\n    def m(self): return 1{}\n"
    assert digest_of(text.format("")) == digest_of(text.format("  # one"))


def test_classes_of_one_name_are_told_apart_by_place(load):
    text = "if True:\n    class f:\n        x = len('a')\n        def m(self): pass\ng = f\n"
    text += "if True:\n    class f:\n        x = len('ab')\n        def m(self): pass\n"
    module = load(text)
    assert code_digest(module.f) != code_digest(module.g)


CLASS = "class f:\n    rate = 1\n    def m(self): return 1\n"


@pytest.mark.parametrize(
    ("old", "new"), [("return 1", "return 2"), ("rate = 1", "rate = 2"), ("def m", "def n(self): pass\n    def m")]
)
def test_class_edited_after_the_import_does_not_give_the_new_digest(load, digest_of, old, new):
    module = load(CLASS)
    with open(module.__file__, "w") as file:
        file.write(CLASS.replace(old, new))
    assert code_digest(module.f) != digest_of(CLASS.replace(old, new))


def test_method_replaced_at_run_time_changes_the_digest(load):
    cls = load(CLASS).f
    before = code_digest(cls)
    cls.m = lambda self: 3
    assert code_digest(cls) != before


def test_code_of_a_method_replaced_at_run_time_changes_the_digest(load):
    cls = load(CLASS).f
    before = code_digest(cls)
    cls.m.__code__ = (lambda self: 3).__code__
    assert code_digest(cls) != before


def test_method_removed_and_put_back_gives_the_first_digest(load):
    cls = load(CLASS).f
    before, method = code_digest(cls), cls.m
    del cls.m
    without = code_digest(cls)
    cls.m = method
    assert (code_digest(cls) == before, without == before) == (True, False)


def test_attribute_replaced_at_run_time_changes_the_digest(load):
    cls = load(CLASS).f
    before = code_digest(cls)
    cls.rate = 5
    assert code_digest(cls) != before


def test_classes_of_one_factory_differ_by_what_their_methods_captured(load):
    module = load("def make(n):\n    class C:\n        def m(self): return n\n    return C\n")
    assert code_digest(module.make(1)) != code_digest(module.make(2))


def test_classes_of_one_factory_differ_by_their_attributes(load):
    module = load("def make(n):\n    class C:\n        rate = n\n        def m(self): pass\n    return C\n")
    assert code_digest(module.make(1)) != code_digest(module.make(2))


def test_dataclasses_of_one_factory_differ_by_their_defaults(load):
    text = "from dataclasses import dataclass\n"
    text += "def make(n):\n    @dataclass(slots=True)\n    class C:\n        rate: int = n\n    return C\n"
    module = load(text)
    assert code_digest(module.make(1)) != code_digest(module.make(2))


def test_classes_of_one_factory_with_equal_values_are_one(load):
    module = load(
        "def make(n):\n    class C:\n        rate = n\n        def m(self): return super(), n\n    return C\n"
    )
    assert code_digest(module.make(1)) == code_digest(module.make(1))


@pytest.mark.parametrize("changed", [{"x": 2}, {"y": 1}, {"x": [1]}, {"x": {"a": (1.0,)}}, {"x": lambda self: 1}])
def test_classes_made_by_type_differ_by_their_attributes(changed):
    one, other = (type("Made", (), attributes) for attributes in ({"x": 1}, changed))
    assert code_digest(one) != code_digest(other)


def test_equal_classes_made_by_type_are_one():
    one, other = (type("Made", (), {"x": {"a": [1, {2, 3}]}, "o": types.SimpleNamespace(z=1)}) for _ in range(2))
    assert code_digest(one) == code_digest(other)


def test_attribute_that_leads_back_to_its_class_is_no_trouble():
    cls = type("Made", (), {"x": []})
    before = code_digest(cls)
    cls.x.append(cls)
    assert code_digest(cls) != before


def test_classes_of_python_are_known_by_name():
    assert code_digest(dict) != code_digest(list)


def test_class_of_an_installed_package_is_known_by_its_code(tmp_path, run):
    program = (
        "import sys\nsys.path.insert(0, 'site-packages')\nimport installed\nfrom memopickle.code import code_digest\n"
    )
    program += "print(code_digest(installed.f).hex())"
    (tmp_path / "site-packages").mkdir()
    found = []
    for text in (CLASS, CLASS.replace("return 1", "return 2")):
        (tmp_path / "site-packages" / "installed.py").write_text(text)
        found += run(program, "-B")
    assert found[0] != found[1]
