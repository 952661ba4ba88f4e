"""What is in the wheel and in the sdist: all of what belongs there, and nothing else."""

import csv
import hashlib
import io
import re
import tomllib
from base64 import urlsafe_b64encode

from helpers.pages import ROOT, pages

#: What the wheel installs beside the package; ``*`` is name and version.
BESIDE = [
    "*.dist-info/METADATA",
    "*.dist-info/RECORD",
    "*.dist-info/WHEEL",
    "*.dist-info/entry_points.txt",
    "*.dist-info/licenses/LICENSE",
    "_memopickle_pytest.py",
]

#: What is in the package beside modules.
DATA = {"memopickle/cli/page/style.css", "memopickle/py.typed"}

#: What lies at the top of the sdist: files that are not here are not in it.
TOP = [
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "SECURITY.md",
    "_memopickle_pytest.py",
    "benchmarks",
    "docs",
    "memopickle",
    "mkdocs.yml",
    "pyproject.toml",
    "tests",
]


def test_the_wheel_has_every_module_the_marker_of_types_and_nothing_else(built, wheel):
    package = {name for name in built.tree if name.startswith("memopickle/")}
    assert package - {name for name in package if name.endswith(".py")} == DATA
    beside = {name for name in wheel if not name.startswith("memopickle/")}
    assert set(wheel) - beside == package
    assert sorted(re.sub(r"^memopickle-[^/]+(?=\.dist-info/)", "*", name) for name in beside) == BESIDE


def test_every_folder_of_the_package_is_a_package(wheel):
    folders = {name.rpartition("/")[0] for name in wheel if name.startswith("memopickle/")}
    assert [folder for folder in sorted(folders) if f"{folder}/__init__.py" not in wheel] == []


def test_what_the_wheel_installs_is_what_the_tree_has(built, wheel):
    tree = built.wheel.parents[1] / "tree"
    installed = [name for name in wheel if ".dist-info/" not in name]
    assert [name for name in installed if (tree / name).read_bytes() != wheel[name]] == []


def test_the_record_of_the_wheel_has_every_file_and_its_digest(wheel):
    (record,) = (name for name in wheel if name.endswith("/RECORD"))
    rows = {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(wheel[record].decode()))}
    assert rows.pop(record) == ("", "")
    digests = {name: urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=") for name, data in wheel.items()}
    assert rows == {
        name: (f"sha256={digests[name].decode()}", str(len(wheel[name]))) for name in wheel if name != record
    }


def test_the_sdist_has_all_that_the_tree_has_below_what_is_listed(built, sdist):
    assert sorted({name.partition("/")[0] for name in sdist}) == TOP
    assert set(sdist) == {name for name in built.tree if name.partition("/")[0] in TOP} | {"PKG-INFO"}


def test_what_the_sdist_leaves_out_is_for_this_repository_only(built):
    assert {name.partition("/")[0] for name in built.tree} - set(TOP) <= {".ci"}


def test_the_sdist_has_the_pages_tests_and_golden_files(sdist):
    assert {"docs/index.md", "tests/conftest.py", "tests/formats/plain-blake3.mpk", "benchmarks/speed.py"} <= set(sdist)
    assert {page.relative_to(ROOT).as_posix() for page in pages()} <= set(sdist)


def test_a_wheel_from_the_sdist_is_the_wheel_from_the_tree_byte_for_byte(built):
    assert built.second_wheel.name == built.wheel.name
    assert built.second_wheel.read_bytes() == built.wheel.read_bytes()


def test_no_file_tells_of_the_machine_that_built_it(built, wheel, sdist):
    place = str(built.wheel.parents[1]).encode()
    assert [name for name, data in (*wheel.items(), *sdist.items()) if place in data] == []


def test_the_backend_that_builds_here_is_one_that_pip_would_take(sdist):
    from importlib.metadata import version

    from packaging.requirements import Requirement

    (needed,) = map(Requirement, tomllib.loads(sdist["pyproject.toml"].decode())["build-system"]["requires"])
    assert needed.specifier.contains(version(needed.name))
