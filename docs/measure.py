"""Measure the house: write the figures of docs/reference/numbers.md.

    python docs/measure.py               what the sources say, in a second or two
    python docs/measure.py --types       also asks pyright which names have a type that it knows
    python docs/measure.py --duplicates  also asks pylint which lines are there twice
    python docs/measure.py --coverage    also runs all tests and sees which lines run, in child processes too
    python docs/measure.py --mutants     also removes one guard after the other and runs the tests that must notice
    python docs/measure.py --check       writes nothing; exits with 1 if the house breaks a rule, or the page is old;
                                         with --types also if a type is not known

What stands between ``<!-- measured: ... -->`` and ``<!-- end -->`` is replaced for what is measured now.
"""

import argparse
import ast
import importlib
import importlib.util
import inspect
import io
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import tokenize
from datetime import date
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "reference" / "numbers.md"
PACKAGE = Path(importlib.util.find_spec("memopickle").origin).parent
BLOCK = re.compile(r"<!-- measured: (?P<what>\w+) -->\n(?P<text>.*?)<!-- end -->", re.DOTALL)

#: The rules: what a figure of the house may be at most.
LONGEST_FUNCTION = 40
MEDIAN_FUNCTION = 8
#: How far the sources may be from the page before it must be written anew: a part of a figure, of small ones this much.
DRIFT, SLACK = 0.1, 10
#: How many of the longest are named.
NAMED = 5


class Module(NamedTuple):
    """A module: its name, its lines by what they are, and its syntax tree."""

    name: str
    lines: dict[str, int]
    tree: ast.Module

    @property
    def length(self):
        return sum(self.lines.values())


class Function(NamedTuple):
    """A function or method, and the lines of its body without the docstring."""

    name: str
    length: int


# -- modules and functions ---------------------------------------------------------------------------------------------


def modules():
    """Return every module of the package."""
    return [module(path) for path in sorted(PACKAGE.rglob("*.py"))]


def module(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts), kinds_of_lines(text, tree), tree)


def kinds_of_lines(text, tree):
    """Count lines: a line with code and a comment is code, one within a docstring is docstring."""
    kinds = dict.fromkeys(range(1, len(text.splitlines()) + 1), "blank")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and kinds[token.start[0]] == "blank":
            kinds[token.start[0]] = "comments"
        elif token.string.strip() and token.type != tokenize.COMMENT:
            kinds.update(dict.fromkeys(range(token.start[0], token.end[0] + 1), "code"))
    for node in ast.walk(tree):
        if is_documented(node):
            kinds.update(dict.fromkeys(range(node.body[0].lineno, node.body[0].end_lineno + 1), "docstrings"))
    return {kind: list(kinds.values()).count(kind) for kind in ("code", "docstrings", "comments", "blank")}


def is_documented(node):
    has_one = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    return has_one and ast.get_docstring(node, clean=False) is not None


def functions(found):
    """Yield every function that does something; not those of a protocol or an overload, whose body is ``...``."""
    for one in found:
        for name, node in definitions(one.tree):
            body = node.body[is_documented(node) :]
            if body and not (isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)):
                yield Function(f"{one.name}:{name}", body[-1].end_lineno - body[0].lineno + 1)


def definitions(node, prefix=""):
    """Yield every function below a node, by its name within the module."""
    for child in ast.iter_child_nodes(node):
        is_named = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_named and not isinstance(child, ast.ClassDef):
            yield prefix + child.name, child
        yield from definitions(child, f"{prefix}{child.name}." if is_named else prefix)


# -- imports -----------------------------------------------------------------------------------------------------------


def circles(found, *further):
    """Return the groups of modules that lead to each other.

    Counted are the imports that run when a module is imported; ``further`` ones are those in ``"functions"`` and those
    for ``"types"``.
    """
    names = {one.name for one in found}
    below = {one.name: set(imported(one.tree, names, further)) - {one.name} for one in found}
    reached = {name: reachable(name, below) for name in names}
    groups = {frozenset(other for other in reached[name] if name in reached[other]) for name in names}
    return [group for group in groups if group]


def imported(node, names, further):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom):
            for alias in child.names:
                yield from {f"{child.module}.{alias.name}", child.module} & names
        elif isinstance(child, ast.Import):
            yield from {alias.name for alias in child.names} & names
        elif kind_of_place(child) in {"", *further}:
            yield from imported(child, names, further)


def kind_of_place(node):
    """Tell when the imports below a node run: in a function's call, never ("types"), or when the module's do ("")."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return "functions"
    return "types" if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else ""


def reachable(name, below):
    seen, left = set(), list(below[name])
    while left:
        other = left.pop()
        if other not in seen:
            seen.add(other)
            left.extend(below[other])
    return seen


# -- public names ------------------------------------------------------------------------------------------------------


def public_names():
    """Return each public name and its docstring, "" if it has none.

    Public is what ``memopickle.__all__`` and the pages of docs/reference/api name, and the members of public classes
    that have no underscore in front. A field of a record has its own line, or a mention, in the docstring of its class.
    """
    import memopickle

    listed = {f"memopickle.{name}" for name in memopickle.__all__} | set(named_in_the_reference())
    found = {}
    for path in sorted(listed):
        public = resolved(path)
        found[path] = inspect.getdoc(public) or ""
        if inspect.isclass(public):
            found.update({f"{path}.{name}": doc for name, doc in members(public)})
    return found


def named_in_the_reference():
    for page in (DOCS / "reference" / "api").glob("*.md"):
        for path, options in re.findall(r"^::: (\S+)\n((?:    .*\n)*)", page.read_text(encoding="utf-8"), re.MULTILINE):
            chosen = re.search(r"members: \[(.*?)\]", options)
            if inspect.ismodule(resolved(path)):
                names = chosen[1].split(",") if chosen else resolved(path).__all__
                yield from (f"{path}.{name.strip()}" for name in names)
            else:
                yield path


def resolved(path):
    """Return what a dotted path leads to."""
    parts, found = path.split("."), None
    for count in range(1, len(parts) + 1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            for name in parts[count - 1 :]:
                found = getattr(found, name)
            break
    return found


def members(public):
    """Yield the members of a public class, its own and inherited ones of ours, with their docstrings."""
    fields = getattr(public, "_fields", ())
    for name in dir(public):
        owner = next(one for one in public.__mro__ if name in vars(one)) if not name.startswith("_") else object
        if name in fields:
            yield name, mention(name, public)
        elif (
            owner.__module__.startswith("memopickle") and is_method(vars(owner)[name]) and not name.startswith("test_")
        ):
            yield name, inspect.getdoc(getattr(public, name)) or ""


def mention(name, public):
    """Return the line of a docstring that names a field; that of the module tells of all its records together."""
    texts = [inspect.getdoc(public), inspect.getdoc(sys.modules[public.__module__])]
    lines = [line for text in texts for line in text.splitlines() if re.search(rf"\b{name}\b", line)]
    return next(iter(lines), "")


def is_method(member):
    return callable(member) or isinstance(member, property | classmethod | staticmethod)


# -- what others measure -----------------------------------------------------------------------------------------------


def run(command, **options):
    print("$", *command, file=sys.stderr)
    return subprocess.run(command, cwd=ROOT, text=True, check=False, stdout=subprocess.PIPE, **options)


def types():
    """Return how many names other packages can see, and those whose type pyright does not know for certain."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it asks the Python found there
    command = [sys.executable, "-m", "pyright", "--verifytypes", "memopickle", "--ignoreexternal", "--outputjson"]
    ended = run(command, env={**os.environ, "PATH": path})
    symbols = json.loads(ended.stdout)["typeCompleteness"]["symbols"]
    if not symbols:
        raise SystemExit(f"pyright found no memopickle in the environment of {sys.executable}")
    visible = [one for one in symbols if one["isExported"]]
    return len(visible), [one["name"] for one in visible if not one["isTypeKnown"] or one["isTypeAmbiguous"]]


#: These stop a process at each of its system calls, of which coverage makes thousands.
NOT_COVERED = ["tests/faults/test_crashes.py", "tests/snapshots/test_crashes.py"]
#: For coverage. Of what is started with another environment, or killed, no figure is known.
SETTINGS = """[run]
branch = true
parallel = true
source = {package}
data_file = {folder}/data
concurrency = thread, multiprocessing
patch = subprocess, fork, _exit
sigterm = true
disable_warnings = no-data-collected, module-not-imported, couldnt-parse, module-not-measured
"""


def coverage():
    """Run the tests under coverage; return its summary of the package, and how pytest ended."""
    with tempfile.TemporaryDirectory(prefix="numbers-") as folder:
        settings = Path(folder, "settings")
        settings.write_text(SETTINGS.format(package=PACKAGE, folder=folder))
        measure = [sys.executable, "-m", "coverage"]
        left_out = [f"--ignore={path}" for path in NOT_COVERED]
        tests = ["-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *left_out]
        ended = run([*measure, "run", f"--rcfile={settings}", *tests])
        run([*measure, "combine", "-q", f"--rcfile={settings}"], stderr=subprocess.DEVNULL)
        run([*measure, "json", "-q", f"--rcfile={settings}", "-o", f"{folder}/json"])
        return json.loads(Path(folder, "json").read_text()), ended.stdout.strip().splitlines()[-1]


def duplicates():
    """Return how many blocks of at least four lines pylint finds in two modules."""
    command = [sys.executable, "-m", "pylint", "--disable=all", "--enable=duplicate-code", "--output-format=json2"]
    limits = ["--min-similarity-lines=4", "--ignore-imports=y", "--ignore-signatures=y"]
    ended = run([*command, *limits, str(PACKAGE)])
    if not ended.stdout:
        raise SystemExit("--duplicates needs pylint: pip install pylint")
    return len(json.loads(ended.stdout)["messages"])


def mutants():
    """Run tests/mutants.py; return what it sums up, such as ``88 of 88 caught``."""
    ended = run([sys.executable, "tests/mutants.py"])
    return re.search(r"^(\d+) of (\d+) caught", ended.stdout, re.MULTILINE).groups()


# -- the page ----------------------------------------------------------------------------------------------------------


def house():
    """Return the table of what the sources say."""
    found = modules()
    bodies = list(functions(found))
    lines = {kind: sum(one.lines[kind] for one in found) for kind in found[0].lines}
    public = public_names()
    return table(
        {
            "modules": len(found),
            "lines": sum(lines.values()),
            **{f"of these {kind}": count for kind, count in lines.items()},
            "longest modules": longest(found),
            "functions and methods": len(bodies),
            "lines of a function, median": f"{statistics.median(one.length for one in bodies):g}",
            "longest functions": longest(bodies),
            "circles of imports": len(circles(found)),
            "modules in circles, if imports within functions count": in_circles(found, "functions"),
            "modules in circles, if those for type checkers count": in_circles(found, "types"),
            "public names": len(public),
            "public names without a docstring": sum(not doc for doc in public.values()),
        }
    )


def in_circles(found, *further):
    return sum(map(len, circles(found, *further)))


def longest(found):
    chosen = sorted(found, key=lambda one: -one.length)[:NAMED]
    return ", ".join(f"`{one.name.removeprefix('memopickle.')}` {one.length}" for one in chosen)


def table(rows):
    text = "".join(f"| {name} | {figure(value)} |\n" for name, value in rows.items())
    return f"\n| | |\n|---|---|\n{text}\n"


def figure(value):
    return f"{value:,}" if isinstance(value, int) else value


def today():
    return f"{date.today().isoformat()}, Python {platform.python_version()}"


def typed_block():
    count, unknown = types()
    return table({"names that pyright can see": count, "without a known type": len(unknown)}) + f"{today()}.\n\n"


def coverage_block():
    return covered(*coverage())


def covered(found, ended):
    """Return the table of what coverage summed up, and pytest said."""
    sums = found["totals"]
    below = sorted(found["files"].items(), key=lambda item: item[1]["summary"]["percent_covered"])[:NAMED]
    rows = {
        "lines covered": percent(sums["covered_lines"], sums["num_statements"]),
        "branches covered": percent(sums["covered_branches"], sums["num_branches"]),
        "the least covered modules": ", ".join(
            f"`{Path(ROOT, name).relative_to(PACKAGE)}` {one['summary']['percent_covered']:.0f} %"
            for name, one in below
        ),
        "tests that passed": int(re.search(r"(\d+) passed", ended)[1]),
    }
    return table(rows) + f"{today()}.\n\n"


def percent(part, whole):
    return f"{part / whole:.1%} ({part:,} of {whole:,})"


def mutants_block():
    caught, made = mutants()
    return (
        table({"guards removed, one after the other": int(made), "noticed by a test": int(caught)}) + f"{today()}.\n\n"
    )


def duplicates_block():
    return table({"blocks of four lines or more in two modules": duplicates()}) + f"{today()}.\n\n"


BLOCKS = {
    "house": house,
    "types": typed_block,
    "duplicates": duplicates_block,
    "coverage": coverage_block,
    "mutants": mutants_block,
}


def write(chosen):
    made = {what: BLOCKS[what]() for what in chosen}
    page = PAGE.read_text(encoding="utf-8")  # now: measuring may have taken long
    page = BLOCK.sub(
        lambda block: f"<!-- measured: {block['what']} -->\n{made.get(block['what'], block['text'])}<!-- end -->", page
    )
    PAGE.write_text(page, encoding="utf-8")


# -- the rules ---------------------------------------------------------------------------------------------------------


def broken():
    """Yield what is wrong with the house or the page."""
    found = modules()
    bodies = list(functions(found))
    yield from (f"{one.name} has {one.length} lines" for one in bodies if one.length > LONGEST_FUNCTION)
    if (median := statistics.median(one.length for one in bodies)) > MEDIAN_FUNCTION:
        yield f"half of all functions have more than {median} lines"
    yield from (f"a circle of imports: {sorted(group)}" for group in circles(found))
    yield from (f"{name} has no docstring" for name, doc in public_names().items() if not doc)
    yield from outdated(PAGE.read_text(encoding="utf-8"))


def outdated(page):
    """Yield the figures of the page that are missing, or far from what the sources say."""
    shown = {block["what"]: block["text"] for block in BLOCK.finditer(page)}
    for what in BLOCKS:
        if "|" not in shown.get(what, ""):
            yield f"{PAGE} has no figures for {what!r}"
    now, then = figures(house()), figures(shown.get("house", ""))
    for name in now:
        if name not in then or abs(now[name] - then[name]) > max(DRIFT * now[name], SLACK):
            yield f"{PAGE}: {name} is {then.get(name)}, now {now[name]}; run python docs/measure.py"


def figures(text):
    """Return the rows whose value is one number."""
    rows = re.findall(r"^\| ([^|]+) \| ([\d,.]+) \|$", text, re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("types", "duplicates", "coverage", "mutants", "check"):
        parser.add_argument(f"--{option}", action="store_true")
    chosen = parser.parse_args()
    if chosen.check:
        wrong = [*broken(), *(f"{name} has no known type" for name in (types()[1] if chosen.types else ()))]
        print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
        return int(bool(wrong))
    write([what for what in BLOCKS if what == "house" or getattr(chosen, what)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
