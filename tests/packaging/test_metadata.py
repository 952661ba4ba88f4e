"""What the package says about itself: to an index, to pip, to a reader."""

import configparser
import io
import re
import tomllib

import pytest
from helpers.needed import missing
from helpers.pages import ROOT
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.version import Version
from readme_renderer import markdown
from trove_classifiers import classifiers

import memopickle
from memopickle import health

#: For those who work on memopickle; CONTRIBUTING.md and the pages of benchmarks tell what they are for.
OWN_EXTRAS = {"bench", "dev", "docs"}
EXTRAS_PAGE = "docs/reference/extras.md"


@pytest.fixture(scope="module")
def project(sdist):
    return tomllib.loads(sdist["pyproject.toml"].decode())["project"]


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    return wheel[name]


@pytest.fixture(scope="module")
def checked(metadata):
    """The metadata, each field checked by the rules of the standard."""
    return Metadata.from_email(metadata, validate=True)


def test_the_metadata_is_valid_and_says_what_and_for_whom(checked):
    assert checked.name == "memopickle"
    assert checked.summary == memopickle.__doc__
    assert checked.license_expression == "MIT"
    assert checked.license_files == ["LICENSE"]
    assert str(checked.requires_python) == ">=3.11"
    assert "cache" in checked.keywords


def test_the_sdist_says_the_same_as_the_wheel(metadata, sdist):
    assert sdist["PKG-INFO"] == metadata


# -- version ----------------------------------------------------------------------------------------------------------


def test_the_version_is_that_of_the_module_and_in_the_names_of_the_files(built, checked, sdist):
    version = memopickle.__version__
    assert str(checked.version) == version == str(Version(version))
    assert built.wheel.name == f"memopickle-{version}-py3-none-any.whl"
    assert built.sdist.name == f"memopickle-{version}.tar.gz"


def test_the_version_is_stated_in_one_place(project, sdist):
    assert "version" in project["dynamic"]
    stated = f'"{memopickle.__version__}"'.encode()
    places = [name for name, data in sdist.items() if name.startswith("memopickle/") and stated in data]
    assert places == ["memopickle/__init__.py"]
    assert stated not in sdist["pyproject.toml"]


# -- classifiers ------------------------------------------------------------------------------------------------------


def test_classifiers_are_known_and_each_there_once(checked):
    assert len(set(checked.classifiers)) == len(checked.classifiers)
    assert [
        name for name in checked.classifiers if name not in classifiers and not name.startswith("Private :: ")
    ] == []


def test_the_versions_of_python_in_the_classifiers_are_those_that_ci_tests(checked):
    named = re.findall(r"Programming Language :: Python :: (3\.\d+)$", "\n".join(checked.classifiers), re.MULTILINE)
    ci = ROOT / ".ci" / "run"
    if not ci.exists():
        missing(".ci/run, which is in a clone only,")
    tested = re.findall(r"^ *for version in ([\d. ]+); do$", ci.read_text(encoding="utf-8"), re.MULTILINE)
    assert {tuple(versions.split()) for versions in tested} == {tuple(named)}
    assert [version for version in named if Version(version) not in checked.requires_python] == []


# -- links ------------------------------------------------------------------------------------------------------------


def test_there_are_links_to_the_pages_the_source_the_issues_and_the_changes(checked):
    assert set(checked.project_urls) == {"Documentation", "Source", "Issues", "Changelog"}


def test_links_that_lead_nowhere_are_never_published(checked):
    """An index refuses what has a Private classifier: as long as the project has no home, or the release forgot it."""
    invalid = [url for url in checked.project_urls.values() if re.match(r"https://[^/]*\.invalid/", url)]
    assert bool(invalid) is ("Private :: Do Not Upload" in checked.classifiers)
    assert all(url.startswith("https://") for url in checked.project_urls.values())


# -- description ------------------------------------------------------------------------------------------------------


def test_the_readme_is_the_description_and_renders(checked, sdist):
    assert checked.description_content_type == "text/markdown"
    assert checked.description.strip() == sdist["README.md"].decode().strip()
    told = io.StringIO()
    rendered = markdown.render(checked.description, stream=told)
    assert rendered, told.getvalue()
    assert "<h1" in rendered
    assert rendered.count("<pre") == len(re.findall(r"^```\w+$", checked.description, re.MULTILINE))


def test_what_the_readme_links_to_is_in_the_sdist(checked, sdist):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", checked.description)
    assert targets
    assert [target for target in targets if target.removeprefix("./") not in sdist] == []


# -- requirements and extras ------------------------------------------------------------------------------------------


def test_three_packages_are_needed_and_no_more(checked):
    base = [requirement for requirement in checked.requires_dist if requirement.marker is None]
    assert {requirement.name for requirement in base} == {"blake3", "filelock", "platformdirs"}


def test_every_requirement_says_from_which_version_on(project):
    optional = [text for texts in project["optional-dependencies"].values() for text in texts]
    for requirement in map(Requirement, [*project["dependencies"], *optional]):
        if requirement.name != "memopickle":
            assert [one.operator for one in requirement.specifier] == [">="], requirement


def test_the_command_that_looks_for_trouble_knows_the_same_versions(project):
    needed = {one.name: str(one.specifier) for one in map(Requirement, project["dependencies"])}
    known = {name: ">=" + ".".join(map(str, version)) for name, version in health._NEEDED.items()}
    for name, found in known.items():
        assert needed[name].startswith(found), name
    assert needed.keys() == known.keys()


def test_each_extra_is_on_its_page_with_what_it_installs(project):
    page = (ROOT / EXTRAS_PAGE).read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    extras = project["optional-dependencies"]
    assert set(rows) == set(extras)
    for name in extras.keys() - OWN_EXTRAS - {"all"}:
        assert re.findall(r"`([\w.]+)`", rows[name]) == [Requirement(text).name for text in extras[name]]


def test_the_extra_all_has_every_extra_for_users(project):
    extras = project["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == extras.keys() - OWN_EXTRAS - {"all"}


def test_dev_has_all_that_the_tests_need(project):
    (first, *_) = map(Requirement, project["optional-dependencies"]["dev"])
    assert (first.name, first.extras) == ("memopickle", {"all", "docs"})


# -- entry points -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def entry_points(wheel):
    parser = configparser.ConfigParser(delimiters=["="])
    (name,) = (name for name in wheel if name.endswith("/entry_points.txt"))
    parser.read_string(wheel[name].decode())
    return {section: dict(parser[section]) for section in parser.sections()}


def test_the_wheel_installs_the_command_and_the_pytest_plugin(entry_points):
    assert entry_points == {
        "console_scripts": {"memopickle": "memopickle.cli:main"},
        "pytest11": {"memopickle.pytest_plugin": "_memopickle_pytest"},
    }


def test_entry_points_lead_to_what_is_there(entry_points):
    from importlib.metadata import EntryPoint

    for group, points in entry_points.items():
        for name, value in points.items():
            assert EntryPoint(name, value, group).load()
