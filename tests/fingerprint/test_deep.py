"""``track_code="deep"``: which edits elsewhere make results stale."""

import os

import pytest

import memopickle

PACKAGE_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(memopickle.__file__)))

HELPER = "def helper(x):\n    return {}\n"
JOB = """
{imports}
from memopickle.fingerprint import fingerprint

{text}

if __name__ == "__main__":
    import sys
    mode = (sys.argv[1:] or ["deep"])[0]
    print(fingerprint(f, track_code=mode, warn=print).code.hex())
"""


def job(text, imports=""):
    return JOB.format(text=text, imports=imports)


@pytest.fixture
def changes(write, run):
    """Whether the digest of ``f`` changes when a file is written anew, and is back when the old one is."""

    def changes(files, changed, mode="deep", **environment):
        digests = []
        for version in ({}, changed, {}):
            write({**files, **version})
            digests.append(run("-B", "job.py", mode, **environment))
        assert digests[0] == digests[2]
        return digests[0] != digests[1]

    return changes


USES = {
    "imported function": ("from helpers import helper", "def f(x): return helper(x)"),
    "under another name": ("from helpers import helper as h", "def f(x): return h(x)"),
    "through the module": ("import helpers", "def f(x): return helpers.helper(x)"),
    "through a package": ("import pkg.helpers", "def f(x): return pkg.helpers.helper(x)"),
    "of a package": ("from pkg import helpers", "def f(x): return helpers.helper(x)"),
    "in a comprehension": ("from helpers import helper", "def f(x): return [helper(y) for y in x]"),
    "in a lambda": ("from helpers import helper", "def f(x): return lambda: helper(x)"),
    "in an inner function": ("from helpers import helper", "def f(x):\n    def g(): return helper(x)\n    return g"),
    "as a value": ("from helpers import helper", "def f(x): return map(helper, x)"),
    "in turn": ("from helpers import helper", "def g(x): return helper(x)\ndef f(x): return g(x)"),
    "in a cycle": ("from helpers import helper", "def g(x): return f(x), helper(x)\ndef f(x): return g(x)"),
    "in a method": (
        "from helpers import helper",
        "class C:\n    def m(self): return helper(1)\ndef f(x): return C().m()",
    ),
    "in a method of a base": (
        "from helpers import helper",
        "class B:\n    def m(self): return helper(1)\nclass C(B): pass\ndef f(x): return C().m()",
    ),
    "in a static method": (
        "from helpers import helper",
        "class C:\n    @staticmethod\n    def m(): return helper(1)\ndef f(x): return C.m()",
    ),
    "in a property": (
        "from helpers import helper",
        "class C:\n    @property\n    def m(self): return helper(1)\ndef f(x): return C().m",
    ),
    "in a class's instance": (
        "from helpers import helper",
        "class C:\n    def m(self): return helper(1)\nc = C()\ndef f(x): return c.m()",
    ),
    "in a cell": (
        "from helpers import helper",
        "def make(g):\n    def f(x): return g(x)\n    return f\nf = make(lambda x: helper(x))",
    ),
    "in a wrapper": (
        "from helpers import helper\nimport functools",
        "def d(g):\n    @functools.wraps(g)\n    def w(x): return helper(g(x))\n    return w\n@d\ndef f(x): return x",
    ),
    "in what is wrapped": (
        "from helpers import helper\nimport functools",
        "@functools.lru_cache\ndef g(x): return helper(x)\ndef f(x): return g(x)",
    ),
    "in a partial": (
        "from helpers import helper\nimport functools",
        "g = functools.partial(helper, 1)\ndef f(x): return g()",
    ),
    "in a table": ("from helpers import helper", "TABLE = {'h': helper}\ndef f(x): return TABLE[x](x)"),
    "cached itself": (
        "from helpers import helper\nfrom memopickle import cached",
        "@cached\ndef g(x): return helper(x)\ndef f(x): return g(x)",
    ),
    "imported inside": ("", "def f(x):\n    from helpers import helper\n    return helper(x)"),
    "module imported inside": ("", "def f(x):\n    import helpers\n    return helpers.helper(x)"),
    "package imported inside": ("", "def f(x):\n    from pkg.helpers import helper\n    return helper(x)"),
    "submodule imported inside": ("", "def f(x):\n    from pkg import helpers\n    return helpers.helper(x)"),
    "imported inside and loaded": ("import helpers", "def f(x):\n    from helpers import helper\n    return helper(x)"),
}


@pytest.mark.parametrize(("imports", "text"), USES.values(), ids=USES)
def test_edit_of_a_helper_is_seen(changes, imports, text):
    place = "pkg/helpers.py" if "pkg" in imports + text else "helpers.py"
    files = {"job.py": job(text, imports), "pkg/__init__.py": "", place: HELPER.format(1)}
    assert changes(files, {place: HELPER.format(2)})


@pytest.mark.parametrize("mode", ["function", "off"])
def test_edit_of_a_helper_is_seen_in_deep_mode_only(changes, mode):
    files = {"job.py": job("def f(x): return helper(x)", "from helpers import helper"), "helpers.py": HELPER.format(1)}
    assert not changes(files, {"helpers.py": HELPER.format(2)}, mode)


@pytest.mark.parametrize(
    "new",
    [
        "# A comment.\n" + HELPER.format(1),
        HELPER.format(1) + "def unused():\n    return 5\n",
        "UNUSED = 1\n" + HELPER.format(1),
    ],
)
def test_edit_of_what_is_not_named_is_not_seen(changes, new):
    files = {"job.py": job("def f(x): return helper(x)", "from helpers import helper"), "helpers.py": HELPER.format(1)}
    assert not changes(files, {"helpers.py": new})


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "2"), ("1", "1.0"), ("{'a': [1]}", "{'a': [2]}"), ("(1, 2)", "(1, 3)"), ("{1}", "{2}"), ("None", "0")],
)
def test_value_of_a_global_counts(changes, one, other):
    files = {"job.py": job("def f(x): return x * RATE", "from settings import RATE"), "settings.py": f"RATE = {one}\n"}
    assert changes(files, {"settings.py": f"RATE = {other}\n"})


def test_value_in_a_module_counts(changes):
    files = {"job.py": job("def f(x): return x * settings.RATE", "import settings"), "settings.py": "RATE = 1\n"}
    assert changes(files, {"settings.py": "RATE = 2\n"})


def test_global_that_cannot_be_keyed_keeps_nothing_from_being_found(write, run):
    write({"job.py": job("import threading\nLOCK = threading.Lock()\ndef f(x):\n    with LOCK: return x")})
    assert run("job.py") == run("job.py")


@pytest.mark.parametrize(
    ("imports", "name"),
    [("import os", "os.environ"), ("from os import environ", "environ"), ("import sys", "sys.argv")],
)
def test_surroundings_of_the_process_do_not_count(write, run, imports, name):
    write({"job.py": job(f"def f(x): return x, {name}", imports)})
    assert run("job.py") == run("job.py", "deep", "more", SOMETHING="1")


def test_code_of_installed_packages_is_not_followed(changes, tmp_path):
    place = "site-packages/installed.py"
    files = {"job.py": job("def f(x): return helper(x)", "from installed import helper"), place: HELPER.format(1)}
    search = os.pathsep.join((str(tmp_path / "site-packages"), PACKAGE_ROOT))
    assert not changes(files, {place: HELPER.format(2)}, PYTHONPATH=search)


def test_other_function_of_an_installed_package_is_another(changes):
    files = {"job.py": job("def f(x): return h(x)", "from json import dumps as h")}
    assert changes(files, {"job.py": job("def f(x): return h(x)", "from json import loads as h")})


def test_standard_library_is_not_followed(write, run):
    write({"job.py": job("def f(x): return json.dumps(collections.OrderedDict(x))", "import collections, json")})
    program = (
        "import job, json\nfrom memopickle.fingerprint import fingerprint\n"
        "before = fingerprint(job.f, track_code='deep', warn=print).code\n"
        "json.dumps.__code__ = json.loads.__code__\n"
        "print(before == fingerprint(job.f, track_code='deep', warn=print).code)"
    )
    assert run("-c", program) == ["True"]


def test_predicate_decides_what_is_followed(load):
    from memopickle.deep.walk import deep_form

    text = "import sys\n{}\ndef f(x): return helper(x)\n"
    one, other = (load(text.format(HELPER.format(n))).f for n in (1, 2))
    none, own = ((lambda name: False), (lambda name: name == "m"))
    assert (deep_form([one], none) == deep_form([other], none), deep_form([one], own) == deep_form([other], own)) == (
        True,
        False,
    )


def test_nothing_is_imported_to_look_at_it(write, run):
    write({"job.py": job("def f(x):\n    import loud\n    return loud.y"), "loud.py": "print('loud')\ny = 1\n"})
    assert len(run("job.py")) == 1


def test_property_of_a_global_object_is_not_run(write, run):
    text = "class C:\n    @property\n    def p(self): print('run')\nc = C()\ndef f(x): return c.p"
    write({"job.py": job(text)})
    assert len(run("job.py")) == 1


def test_dependency_is_followed_too(load, identify):
    text = HELPER + "def d(x): return helper(x)\ndef f(x): return x\n"
    found = []
    for n in (1, 2):
        module = load(text.format(n))
        found.append(identify(module.f, track_code="deep", depends_on=(module.d,)).code)
    assert found[0] != found[1]


def test_large_cycle_is_visited_once(load, identify):
    lines = [f"def f{n}(x): return f{(n + 1) % 300}(x), f{(n * 7) % 300}(x)" for n in range(300)]
    module = load("\n".join(lines) + "\n")
    assert identify(module.f0, track_code="deep").code == identify(module.f0, track_code="deep").code
