"""Functions, classes and what is made of them, as arguments."""

from __future__ import annotations

import dataclasses
import enum
import functools
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

from memopickle.keys import digest, encode
from tests.keys import samples

if TYPE_CHECKING:
    from collections.abc import Callable


def _defined(text: str, name: str = "f", **names: object) -> Callable[..., object]:
    """A function made by exec: no source to be read, as in a notebook or a template."""
    namespace: dict[str, object] = {"__name__": "made", **names}
    exec(compile(text, "<ipython-input-1-abc>", "exec"), namespace)
    return namespace[name]  # type: ignore[return-value]


def test_a_function_defined_twice_alike_has_one_key() -> None:
    text = "def f(x):\n    return x + 1\n"
    assert digest(_defined(text)) == digest(_defined(text))


def test_another_body_is_another_key() -> None:
    assert digest(_defined("def f(x): return x + 1")) != digest(_defined("def f(x): return x + 2"))


def test_another_name_is_another_key() -> None:
    assert digest(samples.function) != digest(samples.same_text)


def test_lambdas_of_one_line_have_keys_of_their_own() -> None:
    one, two = lambda x: x + 1, lambda x: x + 2
    assert digest(one) != digest(two)


def test_captured_values_count() -> None:
    assert digest(samples.make_adder(1)) == digest(samples.make_adder(1))
    assert len({digest(samples.make_adder(n)) for n in (1, 2, 1.0, True)}) == 4


def test_defaults_count_as_they_are_now() -> None:
    f = _defined("def f(x, seen=[]): return seen")
    before = digest(f)
    f.__defaults__[0].append(1)  # type: ignore[attr-defined]
    assert digest(f) != before


def test_keyword_defaults_count() -> None:
    assert digest(_defined("def f(*, x=1): pass")) != digest(_defined("def f(*, x=N): pass", N=2))


def test_attributes_of_a_function_count() -> None:
    one, two = _defined("def f(): pass"), _defined("def f(): pass")
    two.threshold = 3  # type: ignore[attr-defined]
    assert digest(one) != digest(two)


def test_a_variable_without_a_value_yet_is_no_obstacle() -> None:
    def outer() -> tuple[bytes, bytes]:
        def inner() -> object:
            return later

        before = digest(inner)
        later = 1
        return before, digest(inner)

    before, after = outer()
    assert before != after


def test_bound_methods_are_keyed_by_their_objects_state() -> None:
    assert digest(samples.Plain(a=1).method) == digest(samples.Plain(a=1).method)
    assert digest(samples.Plain(a=1).method) != digest(samples.Plain(a=2).method)


def test_partials_are_keyed_by_function_and_arguments() -> None:
    f = samples.function
    keys = [digest(functools.partial(*args)) for args in ((f,), (f, 1), (f, 2), (samples.same_text, 1))]
    assert len(set(keys)) == 4
    assert digest(functools.partial(f, 1)) == keys[1]


def test_methods_of_built_in_objects_are_keyed_by_their_contents() -> None:
    assert len({digest([].append), digest([1].append), digest([1].pop)}) == 3


def test_a_remembered_function_is_keyed_by_what_it_wraps() -> None:
    wrapped = functools.lru_cache(samples.function)
    assert digest(wrapped) == digest(functools.lru_cache(maxsize=3)(samples.function))
    assert digest(wrapped) != digest(functools.lru_cache(samples.same_text))


def test_what_stands_for_a_function_is_keyed_by_it() -> None:
    assert digest(samples.StandsFor(samples.function)) == digest(samples.StandsFor(samples.function))
    assert digest(samples.StandsFor(samples.function)) != digest(samples.StandsFor(samples.same_text))


def test_a_class_with_another_body_has_another_key() -> None:
    one = _defined("class A:\n    def f(self): return 1", "A")
    two = _defined("class A:\n    def f(self): return 2", "A")
    assert digest(one) != digest(two)


def test_an_instance_is_keyed_by_the_name_of_a_class_that_can_be_imported(tmp_path: Path) -> None:
    """An edit of a method must not orphan the results for all instances."""
    keys = set()
    for body in ("return 1", "return 2"):
        (tmp_path / "shapes.py").write_text(f"class Shape:\n    def area(self):\n        {body}\n")
        code = (
            "import shapes, memopickle.keys as k; print(k.digest(shapes.Shape()).hex(), k.digest(shapes.Shape).hex())"
        )
        keys.add(_run(tmp_path, code))
    (instance, first), (again, second) = (line.split() for line in keys)
    assert instance == again
    assert first != second


def test_an_instance_of_a_class_in_the_main_module_is_keyed_by_its_code_too(tmp_path: Path) -> None:
    keys = set()
    for body in ("return 1", "return 2"):
        text = f"import memopickle.keys as k\nclass Shape:\n    def area(self):\n        {body}\n"
        (tmp_path / "script.py").write_text(text + "print(k.digest(Shape()).hex())\n")
        keys.add(_run(tmp_path, None))
    assert len(keys) == 2


def _run(folder: Path, code: str | None) -> str:
    command = [sys.executable, "-B", *(["-c", code] if code else ["script.py"])]
    environ = {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True).stdout.strip()


def test_classes_of_one_name_that_no_name_leads_to_are_told_apart_by_code() -> None:
    def make(body: str) -> object:
        return _defined(f"class A:\n    def f(self): return {body}", "A")()

    assert digest(make("1")) == digest(make("1"))
    assert digest(make("1")) != digest(make("2"))


def _made_class(captured: object, default: object = 0, attribute: object = 0) -> type:
    class Made:
        kind = attribute

        def f(self, x: object = default) -> object:
            return captured, x

        def g(self) -> object:
            return super().__init__

    return Made


def test_classes_made_by_one_function_are_told_apart_by_what_they_hold() -> None:
    made = [_made_class(1), _made_class(2), _made_class(1, default=1), _made_class(1, attribute=1)]
    assert len({digest(cls) for cls in made}) == len({digest(cls()) for cls in made}) == 4
    assert digest(_made_class(1)()) == digest(made[0]())


def _cached_class(number: int) -> type:
    class Made:
        plus = functools.partial(max, number)

        @functools.cached_property
        def late(self) -> int:
            return 1

        @classmethod
        def make(cls, x: int = number) -> int:
            return x

    return Made


def test_attributes_of_made_classes_are_looked_into() -> None:
    assert digest(_cached_class(1)) == digest(_cached_class(1)) != digest(_cached_class(2))


def test_a_users_module_of_the_name_of_one_of_pythons_is_keyed_by_code(tmp_path: Path) -> None:
    keys = set()
    for body in ("return 1", "return 2"):
        (tmp_path / "colorsys.py").write_text(f"def f():\n    {body}\n")
        keys.add(_run(tmp_path, "import colorsys, memopickle.keys as k; print(k.digest(colorsys.f).hex())"))
    assert len(keys) == 2


def test_dataclasses_and_enums_made_in_a_function_have_keys() -> None:
    def make() -> object:
        return dataclasses.make_dataclass("Made", ["x"])([1, 2]), enum.Enum("Color", "RED GREEN").RED

    assert digest(make()) == digest(make())


def test_no_reduction_is_executed() -> None:
    assert digest(samples.Reduced(1)) == digest(samples.Reduced(1))
    assert digest(samples.Reduced(1)) != digest(samples.Reduced(2))


def test_state_is_what_the_object_says_it_is() -> None:
    assert digest(samples.WithState(1)) == digest(samples.WithState(1))


def test_copyreg_is_asked_first() -> None:
    import copyreg

    class Registered:
        def __init__(self, secret: int) -> None:
            self.secret = secret

    assert digest(Registered(1)) != digest(Registered(2))
    copyreg.pickle(Registered, lambda value: (str, ("registered",)))  # type: ignore[arg-type,return-value]
    try:
        assert digest(Registered(1)) == digest(Registered(2))
    finally:
        del copyreg.dispatch_table[Registered]


def test_modules_are_keyed_by_name() -> None:
    assert digest(types) != digest(functools)


def test_encodings_do_not_change_what_they_encode() -> None:
    value = samples.Plain(a=[1, {2}], b={"c": 3})
    encode(value)
    assert vars(value) == {"a": [1, {2}], "b": {"c": 3}}
