"""Captured values: what closures of one factory do not share."""

import functools
import threading

import pytest

from memopickle import cached
from memopickle.fingerprint import NO_VALUES, fingerprint

FACTORY = """
def make(n):
    def f(x):
        return x, n
    return f
"""


def warned(function, **options):
    messages = []
    return fingerprint(function, warn=messages.append, **options), messages


def test_closures_with_different_values_differ_in_what_they_captured(load, identify):
    make = load(FACTORY).make
    assert identify(make(1)).captured != identify(make(2)).captured


def test_closures_with_equal_values_are_one(load, identify):
    make = load(FACTORY).make
    one, other = identify(make([1, {"a": 2}])), identify(make([1, {"a": 2}]))
    assert (one.name, one.code, one.captured) == (other.name, other.code, other.captured)


def test_closures_with_different_values_have_the_same_code(load, identify):
    make = load(FACTORY).make
    assert identify(make(1)).code == identify(make(2)).code


def test_captured_values_count_when_code_does_not(load, identify):
    make = load(FACTORY).make
    assert identify(make(1), track_code="off").captured != identify(make(2), track_code="off").captured


def test_function_without_captured_values_has_the_constant(load, identify):
    assert identify(load("def f(x): return x\n").f).captured == NO_VALUES


def test_names_of_captured_variables_count(load, identify):
    text = "def make(a, b):\n    def f(): return {}, {}\n    return f\n"
    one = load(text.format("a", "b")).make
    text = "def make(b, a):\n    def f(): return {}, {}\n    return f\n"
    other = load(text.format("a", "b")).make
    assert identify(one(1, 2)).captured != identify(other(1, 2)).captured


def test_captured_functions_count_by_code(load, identify):
    make = load(FACTORY).make
    assert identify(make(lambda: 1)).captured != identify(make(lambda: 2)).captured


def test_captured_functions_count_by_code_when_code_does_not(load, identify):
    make = load(FACTORY).make
    found = [identify(make(n), track_code="off").captured for n in (lambda: 1, lambda: 2)]
    assert found[0] != found[1]


def test_captured_functions_count_by_what_they_captured(load, identify):
    make = load(FACTORY).make
    assert identify(make(make(1))).captured != identify(make(make(2))).captured


def test_captured_functions_count_by_their_defaults(load, identify):
    make = load(FACTORY).make
    one, other = [lambda x, n=n: n for n in (1, 2)]
    assert identify(make(one)).captured != identify(make(other)).captured


def test_default_that_cannot_be_keyed_does_not_matter_in_a_captured_function(load, identify):
    make = load(FACTORY).make
    lock = threading.Lock()
    assert identify(make(lambda x=lock: x)).captured == identify(make(lambda x=lock: x)).captured


RECURSIVE = """
def make({decorator}):
    {use}
    def f(n):
        return n if n < 2 else f(n - 1) + f(n - 2)
    return f
"""


def test_closure_that_captured_itself_has_a_fingerprint(load, identify):
    make = load(RECURSIVE.format(decorator="", use="")).make
    assert identify(make()).captured == identify(make()).captured


def test_closure_that_captured_itself_cached_is_the_same_as_plain(load, identify):
    make = load(RECURSIVE.format(decorator="decorate", use="@decorate")).make
    decorated, plain = make(cached), make(lambda f: f)
    assert identify(decorated.__wrapped__).captured == identify(plain).captured


def test_cached_function_is_identified_by_what_it_wraps(load, identify):
    make = load(FACTORY).make
    function = make(1)
    one, other = identify(cached(function)), identify(function)
    assert (one.name, one.code, one.captured) == (other.name, other.code, other.captured)


def test_closures_that_captured_each_other_have_a_fingerprint(load, identify):
    text = "def make(k):\n    def f(n): return n and g(n - 1)\n    def g(n): return k and f(n - 1)\n    return f, g\n"
    make = load(text).make
    assert identify(make(1)[0]).captured == identify(make(1)[0]).captured != identify(make(2)[0]).captured


def test_variable_not_assigned_yet_differs_from_one_that_is_none(load, identify):
    text = "def make(k):\n    def f(): return x\n    if k: x = None\n    return f\n"
    make = load(text).make
    assert identify(make(0)).captured != identify(make(1)).captured


def test_empty_cells_are_equal(load, identify):
    text = "def make(k):\n    def f(): return x\n    if k: x = None\n    return f\n"
    make = load(text).make
    assert identify(make(0)).captured == identify(make(0)).captured


def test_method_that_uses_super_counts_its_class_by_name(load, identify):
    text = "class {}:\n    def f(self): return super().f()\n"
    assert identify(load(text.format("A")).A.f).captured != identify(load(text.format("B")).B.f).captured


def test_edit_of_another_method_does_not_matter_to_one_that_uses_super(load, identify):
    text = "class A:\n    def f(self): return super().f()\n    def g(self): return {}\n"
    one, other = (identify(load(text.format(n)).A.f) for n in (1, 2))
    assert (one.code, one.captured) == (other.code, other.captured)


def test_value_that_cannot_be_keyed_is_shared_with_nobody(load):
    make = load(FACTORY).make
    lock = threading.Lock()
    (one, _), (other, _) = warned(make(lock)), warned(make(lock))
    assert one.captured != other.captured


def test_values_that_cannot_be_keyed_are_warned_of_once(load):
    text = "def make(a, b):\n    def f(): return a, b\n    return f\n"
    make = load(text).make
    assert len(warned(make(threading.Lock(), threading.Lock()))[1]) == 1


@pytest.mark.parametrize(
    "word", ["m:make.<locals>.f", "'n'", "lock", "ignore=", "global", "depends_on=", "key=", "version"]
)
def test_warning_names_function_variable_type_and_cures(load, word):
    _, (message,) = warned(load(FACTORY).make(threading.Lock()))
    assert word in message


def test_warning_names_the_function_that_captured_it(load):
    make = load(FACTORY).make
    _, (message,) = warned(make(make(threading.Lock())))
    assert "'n' of m:make.<locals>.f" in message or "'n' (a" in message


def test_partials_differ_by_their_bound_arguments(load, identify):
    f = load("def f(*a, **k): return a, k\n").f
    bound = [functools.partial(f, *a, **k) for a, k in [((), {}), ((1,), {}), ((2,), {}), ((1, 2), {}), ((), {"a": 1})]]
    assert len({identify(partial).captured for partial in bound}) == len(bound)


def test_order_of_bound_keywords_does_not_matter(load, identify):
    f = load("def f(*a, **k): return a, k\n").f
    assert identify(functools.partial(f, a=1, b=2)).captured == identify(functools.partial(f, b=2, a=1)).captured


def test_partial_counts_what_its_function_captured(load, identify):
    make = load(FACTORY).make
    found = [identify(functools.partial(make(n), 0)).captured for n in (1, 2)]
    assert found[0] != found[1]


def test_bound_methods_differ_by_the_state_of_their_object(load, identify):
    cls = load("class C:\n    def __init__(self, n): self.n = n\n    def m(self): return self.n\n").C
    assert identify(cls(1).m).captured != identify(cls(2).m).captured


def test_callable_objects_differ_by_their_state(load, identify):
    cls = load("class C:\n    def __init__(self, n): self.n = n\n    def __call__(self): return self.n\n").C
    assert identify(cls(1)).captured != identify(cls(2)).captured


def test_methods_of_built_in_objects_differ_by_their_object(identify):
    assert identify({"a": 1}.get).captured != identify({"a": 2}.get).captured


def test_wrappers_differ_by_what_their_decorator_was_given(load, identify):
    text = """
import functools
def scaled(n):
    def decorate(f):
        @functools.wraps(f)
        def wrapper(x):
            return n * f(x)
        return wrapper
    return decorate
def f(x):
    return x
"""
    module = load(text)
    assert identify(module.scaled(1)(module.f)).captured != identify(module.scaled(2)(module.f)).captured


def test_edit_of_what_is_wrapped_changes_code_not_values(load, identify):
    text = """
import functools
def decorate(f):
    @functools.wraps(f)
    def wrapper(x):
        return f(x)
    return wrapper
@decorate
def f(x):
    return {}
"""
    one, other = (identify(load(text.format(n)).f) for n in (1, 2))
    assert (one.code == other.code, one.captured == other.captured) == (False, True)
