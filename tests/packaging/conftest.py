"""The distribution files, built once from a copy of the tree, whichever test or worker asks first."""

import fnmatch
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest
from filelock import FileLock
from helpers.needed import missing
from helpers.pages import ROOT

#: What lies about in a tree in which somebody works, and belongs in no distribution file.
LITTER = (
    ".coverage",
    ".hypothesis/unicode_data/charmap",
    ".memopickle/entry",
    ".mypy_cache/cache.json",
    ".pytest_cache/README.md",
    ".venv/bin/python",
    "benchmarks/__pycache__/litter.cpython-311.pyc",
    "dist/memopickle-0.0.1.tar.gz",
    "memopickle.egg-info/PKG-INFO",
    "memopickle/__pycache__/litter.cpython-311.pyc",
    "memopickle/stores/litter.pyc",
    "notes.txt",
    "site/index.html",
    "tests/.pytest_cache/litter",
    "tests/__pycache__/litter.cpython-311.pyc",
)


class Built(NamedTuple):
    """The files that ``python -m build`` made."""

    #: The names of the files of the tree, before litter was thrown into it.
    tree: frozenset[str]
    wheel: Path
    sdist: Path
    #: The wheel that was built from the sdist.
    second_wheel: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory, worker_id):
    if not (ROOT / "memopickle").is_dir():
        missing("the source of the package")
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    place = shared / "distribution"
    with FileLock(shared / "distribution.lock"):
        if not (place / "files.txt").exists():
            build(place)
    tree = frozenset((place / "files.txt").read_text(encoding="utf-8").splitlines())
    (wheel,), (sdist,), (second_wheel,) = (
        place.glob(pattern) for pattern in ("wheel/*.whl", "sdist/*.tar.gz", "second/*.whl")
    )
    return Built(tree, wheel, sdist, second_wheel)


def build(place):
    """Build wheel, sdist, and a wheel from the sdist; without a network, by the build backend that is installed."""
    tree = place / "tree"
    shutil.copytree(ROOT, tree, ignore=ignored)
    files = [path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()]
    for name in LITTER:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("litter")
    run_build("--wheel", "--outdir", place / "wheel", tree)
    run_build("--sdist", "--outdir", place / "sdist", tree)
    (sdist,) = (place / "sdist").iterdir()
    with tarfile.open(sdist) as archive:
        archive.extractall(place / "unpacked", filter="data")
    (unpacked,) = (place / "unpacked").iterdir()
    run_build("--wheel", "--outdir", place / "second", unpacked)
    (place / "files.txt").write_text("\n".join(files), encoding="utf-8")


def ignored(folder, names):
    """What a clone would not have: the names that .gitignore lists."""
    patterns = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    return {name for name in names for pattern in (".git", *patterns) if fnmatch.fnmatch(name, pattern)}


def run_build(*arguments):
    command = [sys.executable, "-m", "build", "--no-isolation", *map(str, arguments)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.fixture(scope="session")
def wheel(built):
    """The contents of the wheel, by name."""
    return contents_of_wheel(built.wheel)


@pytest.fixture(scope="session")
def sdist(built):
    """The contents of the sdist, by name below its only folder."""
    with tarfile.open(built.sdist) as archive:
        files = [member for member in archive.getmembers() if not member.isdir()]
        roots = {PurePosixPath(member.name).parts[0] for member in files}
        assert roots == {built.sdist.name.removesuffix(".tar.gz")}
        return {member.name.partition("/")[2]: archive.extractfile(member).read() for member in files}


def contents_of_wheel(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
