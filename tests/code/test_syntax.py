"""Which edits of a source text change a function's digest."""

import pytest

SAME = {
    "comment": ("def f(x):\n    return x\n", "# above\ndef f(x):  # here\n    # and here\n    return x\n"),
    "docstring": ('def f(x):\n    """Old."""\n    return x\n', 'def f(x):\n    """New."""\n    return x\n'),
    "no docstring": ("def f(x):\n    return x\n", 'def f(x):\n    """New."""\n    return x\n'),
    "only a docstring": ("def f():\n    pass\n", 'def f():\n    """Doc."""\n'),
    "only an ellipsis": ("def f():\n    pass\n", "def f(): ...\n"),
    "needless pass": ("def f(x):\n    return x\n", "def f(x):\n    pass\n    return x\n"),
    "else pass": ("def f(x):\n    if x: x = 1\n", "def f(x):\n    if x: x = 1\n    else: pass\n"),
    "line breaks": (
        "def f(x, y):\n    return g(x, y)\n",
        "def f(\n    x,\n    y,\n):\n    return (\n        g(x, y)\n    )\n",
    ),
    "indentation": ("def f(x):\n    return x\n", "def f(x):\n  return x\n"),
    "semicolons": ("def f(x):\n    x = 1\n    return x\n", "def f(x): x = 1; return x\n"),
    "parentheses": ("def f(x):\n    return x + 1 * 2\n", "def f(x):\n    return (x + (1 * 2))\n"),
    "quotes": ("def f(x):\n    return 'a'\n", 'def f(x):\n    return """a"""\n'),
    "joined texts": ("def f(x):\n    return 'ab'\n", "def f(x):\n    return 'a' 'b'\n"),
    "unicode prefix": ("def f(x):\n    return 'ab'\n", "def f(x):\n    return u'ab'\n"),
    "hexadecimal": ("def f(x):\n    return 255_000\n", "def f(x):\n    return 0x3e418\n"),
    "f-string without fields": ("def f(x):\n    return 'ab'\n", "def f(x):\n    return f'ab'\n"),
    "empty f-string": ("def f(x):\n    return ''\n", "def f(x):\n    return f''\n"),
    "debug": ("def f(x):\n    return True\n", "def f(x):\n    return __debug__\n"),
    "split f-string": ("def f(x):\n    return f'a{x}bc'\n", "def f(x):\n    return 'a' f'{x}b' 'c'\n"),
    "empty format": ("def f(x):\n    return f'{x}'\n", "def f(x):\n    return f'{x:}'\n"),
    "local annotation": ("def f(x):\n    y = x\n    return y\n", "def f(x):\n    y: int = x\n    return y\n"),
    "type comment": ("def f(x):\n    return x\n", "def f(x):  # type: (int) -> int\n    return x\n"),
    "place in the file": ("def f(x):\n    return x\n", "import os\n\ndef g(): pass\n\ndef f(x):\n    return x\n"),
    "future annotations": (
        "def f(x):\n    return x\n",
        "from __future__ import annotations\ndef f(x):\n    return x\n",
    ),
    "string as comment": (
        "def f(x):\n    return x\n",
        "def f(x):\n    x\n    return x\n".replace("    x\n", "    'note'\n", 1),
    ),
}

DIFFERENT = {
    "body": ("return x", "return y"),
    "operator": ("return x is y", "return x == y"),
    "float for int": ("return 1", "return 1.0"),
    "bool for int": ("return 1", "return True"),
    "text for int": ("return 1", "return '1'"),
    "bytes for text": ("return '1'", "return b'1'"),
    "complex for float": ("return 1.0", "return (1+0j)"),
    "none for nothing": ("return None", "return ..."),
    "sign of zero": ("return 0.0", "return -0.0"),
    "big integers": (f"return {10**50}", f"return {10**50 + 1}"),
    "order": ("x = 1; y = 2", "y = 2; x = 1"),
    "conversion": ("return f'{x!r}'", "return f'{x!s}'"),
    "format": ("return f'{x:2}'", "return f'{x:3}'"),
    "text of an f-string": ("return f'{x}a'", "return f'{x}b'"),
    "slice": ("return x[1:2]", "return x[1:2:1]"),
    "star": ("return g(x, *y)", "return g(x, y)"),
    "double star": ("return g(**y)", "return g(y=y)"),
    "keyword": ("return g(a=x)", "return g(b=x)"),
    "handler": ("try: x()\n    except ValueError: pass", "try: x()\n    except TypeError: pass"),
    "exception group": ("try: x()\n    except ValueError: pass", "try: x()\n    except* ValueError: pass"),
    "finally for else": ("for i in x: i\n    else: y()", "for i in x: i\n    y()"),
    "set for dict": ("return {x, y}", "return {x: y}"),
    "tuple for list": ("return (x, y)", "return [x, y]"),
    "capture for value": ("match x:\n     case y: return y", "match x:\n     case 1: return y"),
    "or-pattern": ("match x:\n     case 1 | 2: return y", "match x:\n     case 1 | 3: return y"),
    "name of a local": ("a = x; return a", "b = x; return b"),
    "declared local": ("return a", "a: int; return a"),
    "inner class's annotation": (
        "class C:\n        a: int = 1\n    return C",
        "class C:\n        a: str = 1\n    return C",
    ),
    "inner function": ("def g(): return 1\n    return g", "def g(): return 2\n    return g"),
    "lambda": ("return lambda a: a", "return lambda a: -a"),
    "global": ("global a; a = x", "a = x"),
    "nested text": ("return 'ab', 'c'", "return 'a', 'bc'"),
    "walrus": ("return (a := x)", "a = x; return a"),
}

SIGNATURES = {
    "default": ("def f(x=1): pass", "def f(x=2): pass"),
    "type of a default": ("def f(x=1): pass", "def f(x=True): pass"),
    "keyword default": ("def f(*, x=1): pass", "def f(*, x=2): pass"),
    "no default": ("def f(*, x, y=1): pass", "def f(*, x=1, y): pass"),
    "kind": ("def f(x, y): pass", "def f(x, *, y): pass"),
    "positional only": ("def f(x, y): pass", "def f(x, /, y): pass"),
    "annotation": ("def f(x: int): pass", "def f(x: float): pass"),
    "result annotation": ("def f(x) -> int: pass", "def f(x) -> float: pass"),
    "annotations as text": ("def f(x: int): pass", "from __future__ import annotations\ndef f(x: int): pass"),
    "async": ("def f(x): pass", "async def f(x): pass"),
    "generator": ("def f(x): return x", "def f(x): yield x"),
    "decorator": ("def d(f): return f\n@d\ndef f(x): pass", "def e(f): return f\n@e\ndef f(x): pass"),
    "no decorator": ("def d(f): return f\n@d\ndef f(x): pass", "def f(x): pass"),
    "decorator's argument": (
        "def d(n): return lambda f: f\n@d(1)\ndef f(x): pass",
        "def d(n): return lambda f: f\n@d(2)\ndef f(x): pass",
    ),
    "lambda for def": ("f = lambda x: x", "def f(x): return x"),
    "parameter of a lambda": ("f = lambda x, y=1: x", "f = lambda x, y=2: x"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_edit_without_effect_keeps_the_digest(digest_of, one, other):
    assert digest_of(one) == digest_of(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_edit_of_the_body_changes_the_digest(digest_of, one, other):
    assert digest_of(f"def f(x, y):\n    {one}\n") != digest_of(f"def f(x, y):\n    {other}\n")


@pytest.mark.parametrize(("one", "other"), SIGNATURES.values(), ids=SIGNATURES)
def test_edit_of_the_signature_changes_the_digest(digest_of, one, other):
    assert digest_of(one + "\n") != digest_of(other + "\n")


def test_undone_edit_gives_the_first_digest_again(digest_of):
    first = digest_of("def f(x):\n    return x + 1\n")
    digest_of("def f(x):\n    return x + 2\n")
    assert digest_of("def f(x):\n    return x + 1\n") == first


def test_very_long_expression_has_a_digest_from_its_syntax(digest_of):
    long = " + ".join(["x"] * 900)
    assert digest_of(f"def f(x): return {long}\n") == digest_of(f"def f(x):\n    # long\n    return ({long})\n")


def test_text_with_a_lone_surrogate_has_a_digest(digest_of):
    assert digest_of("def f(): return '\\ud800'\n") != digest_of("def f(): return '\\ud801'\n")


OURS = {
    "option": ("@cached(ttl=1)", "@cached(ttl=2)"),
    "bare or called": ("@cached", "@cached()"),
    "added": ("", "@cached"),
    "through the module": ("@cached", "@memopickle.cached(version=3)"),
    "under another name": ("@cached", "@remember(ttl=5)"),
    "preset": ("@cached", "@preset"),
    "method of a cache": ("@cached", "@cache.cached(ttl=5)"),
    "cache in an object": ("@cached", "@holder.cache.cache"),
    "decorator above": ("@cached", "@other\n@cached"),
}

PRELUDE = """
import functools, types
import memopickle
from memopickle import Cache, MemoryStore, cached
from memopickle import cached as remember
preset = functools.partial(cached, ttl=9)
cache = Cache(MemoryStore())
holder = types.SimpleNamespace(cache=cache)
def other(f): return f
"""


def inner(cached_function):
    return getattr(cached_function, "__wrapped__", cached_function)


@pytest.mark.parametrize(("one", "other"), OURS.values(), ids=OURS)
def test_options_of_memopickle_are_not_code(load, one, other):
    from memopickle.code import code_digest

    found = [
        code_digest(inner(load(f"{PRELUDE}\n{decorators}\ndef f(x):\n    return x\n").f)) for decorators in (one, other)
    ]
    assert found[0] == found[1]


def test_option_of_a_cache_that_is_a_local_variable_is_not_code(load):
    from memopickle.code import code_digest

    text = (
        PRELUDE + "def make(store):\n    @store.cached(ttl={})\n    def f(x): return x\n    return f\nf = make(cache)\n"
    )
    assert code_digest(inner(load(text.format(1)).f)) == code_digest(inner(load(text.format(2)).f))


def test_decorator_below_memopickle_is_code(load):
    from memopickle.code import code_digest

    with_other = load(PRELUDE + "@cached\n@other\ndef f(x): return x\n").f
    without = load(PRELUDE + "@cached\ndef f(x): return x\n").f
    assert code_digest(inner(with_other)) != code_digest(inner(without))


def test_other_decorator_named_cache_is_code(digest_of):
    text = "def cache(n): return lambda f: f\n@cache({})\ndef f(x): return x\n"
    assert digest_of(text.format(1)) != digest_of(text.format(2))
