"""Try a wheel as those who install it would: in empty environments, with nothing of this tree in reach.

    python tests/packaging/try_wheel.py dist/memopickle-*.whl --python python3.11 --python python3.12 --extras --lowest

Under each Python: the wheel installs with what it needs and nothing else, the README's quickstart prints what it says,
every module can be imported, and what needs an extra names it. ``--extras``: each extra alone, under the first Python,
really used; with ``cli`` the tutorial as printed. ``--lowest``: the same uses, with the oldest versions of everything
that the metadata allow.

Needs the package index that pip is configured for, and ``redis-server`` for ``redis``: without it the extra shows only
that the function outlives the server (where MEMOPICKLE_REQUIRE_TOOLS is 1, that is an error).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for helpers

from helpers.pages import DOCS, ROOT, run_page

# -- what is done with each extra --------------------------------------------------------------------------------------

#: Run in two processes, one after the other: the first computes and stores, the second takes what is stored.
FUNCTION = """
    import sys
    from memopickle import *

    cache = Cache({store})

    @cache.cached({options})
    def made(number):
        return {result}

    assert {check}
    assert made.cache_info().hits == int(sys.argv[1]), made.cache_info()
    assert made.cache_info().misses == 1 - int(sys.argv[1]), made.cache_info()
"""


def function(options="", result="[number, str(number)]", check="made(3) == [3, '3']", store="DirectoryStore('cache')"):
    return FUNCTION.format(options=options, result=result, check=check, store=store)


SHORTER = "made(3) == 'text' * 30_000 and {entry.size < 60_000 for entry in cache.entries()} == {True}"
USES = {
    "cloudpickle": function("serializer='cloudpickle'", "lambda other: number + other", "made(3)(4) == 7"),
    "dill": function("serializer='dill'", "lambda other: number + other", "made(3)(4) == 7"),
    "lz4": function("compress='lz4'", "'text' * number * 10_000", SHORTER),
    "msgpack": function("serializer='msgpack'", "{'number': number, 'bytes': b'*'}", "made(3)['bytes'] == b'*'"),
    "object": function(store="ObjectStore('file://{folder}/bucket')"),
    "redis": function(store="RedisStore('{redis}')"),
    "zstd": function("compress='zstd'", "'text' * number * 10_000", SHORTER),
}
#: The result is right, and nothing is remembered, whichever process it is.
SERVER_IS_DOWN = """
    import logging
    from memopickle import Cache, RedisStore

    logging.disable()
    cache = Cache(RedisStore("unix://{folder}/nobody-listens"))

    @cache.cached
    def doubled(number):
        return number * 2

    assert [doubled(3), doubled(3)] == [6, 6]
    assert doubled.cache_info().hits == 0
"""
#: Which modules can't be imported, and what they miss.
IMPORT_ALL = """
    import importlib, json, pkgutil, memopickle

    def missing(name):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            return error.name

    names = [module.name for module in pkgutil.walk_packages(memopickle.__path__, "memopickle.")]
    names = [name for name in names if not name.endswith("__main__")]
    print(json.dumps({name: missing(name) for name in ["_memopickle_pytest", *names] if missing(name)}))
"""
#: What may be missing, and who may miss it: the command line, and what runs in tests.
MAY_MISS = {"click": "memopickle.cli", "rich": "memopickle.cli", "pytest": r"_?memopickle[._](pytest|testing)"}

#: For those who work on memopickle; .ci/run installs and uses ``dev``, which has ``docs`` and ``all``.
OWN_EXTRAS = {"all", "bench", "dev", "docs"}
#: blake3 needs typing_extensions too, before Python 3.12.
NEEDED = {"memopickle", "blake3", "filelock", "platformdirs"}


# -- environments ------------------------------------------------------------------------------------------------------


class Environment:
    """A virtual environment with nothing but the wheel, some of its extras, and what those need.

    ``other`` is an environment whose pip installs into this one, which has none then: that is faster.
    """

    def __init__(self, folder, python, wheel, other=None, constraints=()):
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        self.python = self.bin / "python"
        done([python, "-m", "venv", *(["--without-pip"] if other else []), folder / "venv"])
        self.pip = [(other or self).python, "-m", "pip", "--python", self.python, "--disable-pip-version-check"]
        done([*self.pip, "install", "--quiet", wheel, *constraints])
        done([*self.pip, "check"])

    def run(self, *command):
        """Run a program of the environment, as a new user would, and return how it ended."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment = {"HOME": home, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
        return subprocess.run(
            list(map(str, command)), cwd=home, env={name: str(value) for name, value in environment.items()},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def run_program(self, program, *arguments):
        (self.folder / "program.py").write_text(textwrap.dedent(program), encoding="utf-8")
        return self.run("python", "-W", "error", self.folder / "program.py", *arguments)

    def run_page(self, page):
        """Run a page in an empty folder, and compare what it prints."""
        place = Path(tempfile.mkdtemp(dir=self.folder))
        run_page(page, place, self.python)


def done(command):
    ended = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")},
    )  # fmt: skip
    assert ended.returncode == 0, f"{' '.join(map(str, command))}\n{ended.stdout}"
    return ended.stdout


def succeeded(ended):
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


# -- what is tried -----------------------------------------------------------------------------------------------------


def try_alone(environment, redis):
    """The wheel with what it needs: enough for the quickstart, and what is missing says its name."""
    listed = {one["name"] for one in json.loads(done([*environment.pip, "list", "--format=json"]))}
    assert listed - {"pip", "setuptools", "typing_extensions"} == NEEDED, listed
    quickstart = environment.folder / "quickstart.md"
    quickstart.write_text(quickstart_of((ROOT / "README.md").read_text(encoding="utf-8")), encoding="utf-8")
    environment.run_page(quickstart)
    for name, needed in json.loads(succeeded(environment.run_program(IMPORT_ALL))).items():
        assert re.match(MAY_MISS.get(needed, "nothing"), name), f"{name} misses {needed}"
    try_command_alone(environment)
    for extra, program in USES.items():
        ended = environment.run_program(filled(program, environment, redis), 0)
        assert ended.returncode != 0, f"{extra} is not needed for what it is for"
        assert re.search(rf"ConfigurationError: .*pip install 'memopickle\[{extra}\]'$", ended.stderr), ended.stderr


def quickstart_of(readme):
    (found,) = (part for part in re.split(r"^## ", readme, flags=re.MULTILINE) if part.startswith("Quickstart\n"))
    return found


def try_command_alone(environment):
    for command in (["memopickle"], ["memopickle", "ls"], ["python", "-m", "memopickle"]):
        ended = environment.run(*command)
        assert (ended.returncode, ended.stdout) == (2, ""), ended
        assert ended.stderr == "memopickle: the command line needs rich; run: pip install 'memopickle[cli]'\n"


def try_extra(environment, extra, redis):
    """Use an extra for what it is for."""
    if extra == "cli":
        environment.run_page(DOCS / "tutorial" / "index.md")
        return
    if extra == "redis":
        succeeded(environment.run_program(filled(SERVER_IS_DOWN, environment, redis)))
    if extra != "redis" or redis:
        for hits in (0, 1):
            succeeded(environment.run_program(filled(USES[extra], environment, redis), hits))


def filled(program, environment, redis):
    return program.replace("{folder}", str(environment.folder)).replace("{redis}", redis or "redis://nobody")


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name).decode().partition("\n\n")[0]


def user_extras(fields):
    extras = set(re.findall(r"^Provides-Extra: (\S+)$", fields, re.MULTILINE)) - OWN_EXTRAS
    assert extras == USES.keys() | {"cli"}, "each extra has a use here"
    return sorted(extras)


def lowest(fields):
    """Constraints: each requirement of users in the oldest version that will do."""
    found = re.findall(r"^Requires-Dist: ([\w.-]+)>=([\d.]+)(?:;.*extra == '([\w]+)')?.*$", fields, re.MULTILINE)
    return "".join(f"{name}=={version}\n" for name, version, extra in found if extra not in OWN_EXTRAS)


@contextmanager
def redis_server(folder):
    """Give the URL of a server of this run's own, None where there is no redis-server."""
    if shutil.which("redis-server") is None:
        assert os.environ.get("MEMOPICKLE_REQUIRE_TOOLS") != "1", "redis-server is missing"
        yield None
        return
    place = folder / "socket"
    command = ["redis-server", "--port", "0", "--unixsocket", place, "--dir", folder, "--save", ""]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert any("eady to accept connections" in line for line in server.stdout), "redis-server ended"
            yield f"unix://{place}"
        finally:
            server.kill()


def timed(name, trial):
    begun = time.perf_counter()
    try:
        trial()
    except BaseException as error:
        error.add_note(f"The trial: {name}")
        raise
    print(f"{name}: {time.perf_counter() - begun:.1f} s", flush=True)


def trials(options, place, redis):
    """Yield each trial with its name; the first makes the environment whose pip those of the extras use."""
    wheel, pythons = options.wheel.resolve(), options.python or [sys.executable]
    fields = metadata(wheel)
    extras = user_extras(fields)
    environments = []

    def alone(number, python):
        environments.append(Environment(place / str(number), python, wheel))
        try_alone(environments[-1], redis)

    def with_extras(name, chosen, constraints=()):
        wanted = f"{wheel}[{','.join(chosen)}]"
        environment = Environment(place / name, pythons[0], wanted, environments[0], constraints)
        for extra in chosen:
            try_extra(environment, extra, redis)

    for number, python in enumerate(pythons):
        yield f"alone, {python}", partial(alone, number, python)
    for extra in extras if options.extras else ():
        yield f"with [{extra}]", partial(with_extras, extra, [extra])
    if options.lowest:
        constraints = place / "lowest.txt"
        constraints.write_text(lowest(fields), encoding="utf-8")
        name = f"with {' '.join(lowest(fields).split())}"
        yield name, partial(with_extras, "lowest", extras, ["--constraint", constraints])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", action="append", help="an interpreter; may be given several times")
    parser.add_argument("--extras", action="store_true", help="each extra alone, under the first interpreter")
    parser.add_argument("--lowest", action="store_true", help="all extras, in the oldest versions allowed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wheel-") as name, redis_server(Path(name)) as redis:
        first, *others = trials(options, Path(name), redis)
        timed(*first)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(timed, *zip(*others, strict=True)) if others else ())


if __name__ == "__main__":
    main()
