"""The house: imports run one way, without a cycle, and a module can be seen whole."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

import memopickle

PACKAGE = Path(memopickle.__file__).parent

#: From the ground up. A module imports, when it is imported itself, from its own layer and from those above it here.
#: CONTRIBUTING.md says what belongs where.
LAYERS = {
    "ground": """
        errors notices events expiry forking logs mounts pages counts context valuepath failures tomllines tally typed
        trouble listener switch gil locks exact unstorable pattern files folders replacing
    """,
    "entries": """
        signing secret secretfile outofband pickling serializers allowed formats dataformats byvalue culprit
        compression buffers header entry encoder codec entrystream storekey purpose wrapping
    """,
    "stores": "lockfile stores stores.*",
    "keys": "canonical canonical.* keys binder code code.* deep deep.* identity fingerprint",
    "options": "optionchecks options projectfile projecttable settings freshness",
    "calls": """
        flight background lookup keeper steps alone quick callkey faces tieredface memo runner opening evictions
        migration
        aio.loops aio.turns aio.workers aio.flight aio.reads aio.quick aio.runner aio.memo aio.privateloop aio.store aio
    """,
    "what is stored": "catalog selection stats statsfile figures transfer rotation audit health explain",
    "cache": "cache function aio.function decorator config effective .",
    "beside it": "signed snapshots snapshots.* pytest_plugin pytest_plugin.* testing testing.*",
    "command line": "cli cli.* __main__",
}

#: Imports against the order, by who and whom, and why they stay.
EXCEPTIONS: dict[tuple[str, str], str] = {}

#: Modules of 300 lines or more, and why.
LONG = {
    "cache": "the public class, most of it docstrings",
}


def module_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "."


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def is_for_types_only(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node):
    """Yield what runs when a module is imported: not the bodies of functions, nor what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if is_for_types_only(child):
            yield from child.orelse
            continue
        yield child
        yield from statements(child)


def imported(path):
    """Return the modules of the package that a module imports when it is imported."""
    found = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("memopickle.") in FILES else node.module for name in names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found.update(name.removeprefix("memopickle").removeprefix(".") or "." for name in names if is_ours(name))
    return found


def is_ours(name):
    return name == "memopickle" or name.startswith("memopickle.")


IMPORTS = {name: imported(path) - {name} for name, path in FILES.items()}


def layers_of(module):
    """Return the numbers of the layers that name a module; those with a pattern for it only where none names it."""
    tables = [patterns.split() for patterns in LAYERS.values()]
    named = [number for number, names in enumerate(tables) if module in names]
    return named or [number for number, names in enumerate(tables) if any(fnmatch(module, one) for one in names)]


@pytest.mark.parametrize("module", FILES)
def test_a_module_is_in_one_layer(module):
    assert len(layers_of(module)) == 1, "put it into the table above, and into the map in CONTRIBUTING.md"


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_from_its_own_layer_or_below(module):
    (mine,) = layers_of(module) or [None]
    above = {other for other in IMPORTS[module] if layers_of(other) and layers_of(other)[0] > mine}
    assert {other for other in above if (module, other) not in EXCEPTIONS} == set()


def test_each_exception_is_still_needed():
    assert {pair for pair in EXCEPTIONS if pair[1] not in IMPORTS.get(pair[0], ())} == set()


def test_no_module_imports_itself_in_a_circle():
    left = {name: set(others) for name, others in IMPORTS.items()}
    while done := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in done}
    assert sorted(left) == []


@pytest.mark.parametrize("module", FILES)
def test_a_module_can_be_seen_whole(module):
    lines = len(FILES[module].read_text(encoding="utf-8").splitlines())
    assert lines < 300 or module in LONG, f"{lines} lines: it holds two concepts, or say above why not"


def test_no_test_is_skipped_in_silence_where_everything_must_be_here():
    silent = "import" + "orskip("  # in place of tests/helpers/needed.py
    assert [path.name for path in Path(__file__).parent.rglob("*.py") if silent in path.read_text("utf-8")] == []


def test_what_type_checkers_see_is_no_import():
    tree = ast.parse(
        "if TYPE_CHECKING:\n    import one\nelse:\n    import two\ndef f():\n    import three\nimport four"
    )
    assert [node.names[0].name for node in statements(tree) if isinstance(node, ast.Import)] == ["two", "four"]
