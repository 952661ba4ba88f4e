"""The pages about the command line: complete, current, and their snippets run."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import SECRET
from cli.test_operating import commands
from helpers.needed import tool

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference" / "command-line"
NAMES = [name for name, _ in commands()]


def refresher():
    spec = importlib.util.spec_from_file_location("refresh", DOCS / "refresh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page_of(name):
    return REFERENCE / f"{name.replace(' ', '-')}.md"


def test_each_command_has_its_page_and_no_other_page_is_there():
    assert {page.name for page in REFERENCE.iterdir()} == {page_of(name).name for name in NAMES} | {"index.md"}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_all_its_parts(name):
    text = page_of(name).read_text()
    assert text.startswith(f"# memopickle {name}\n")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Usage", "What it prints", "Exit code", "See also"]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_commands_present_help(name):
    assert refresher().refresh(page_of(name), check=True), "run: python docs/refresh.py"


def test_the_index_names_each_command():
    text = (REFERENCE / "index.md").read_text()
    assert [name for name in NAMES if f"[`memopickle {name}`]({page_of(name).name})" not in text] == []


def test_the_sessions_are_what_is_printed_now():
    assert refresher().refresh(DOCS / "how-to" / "operate.md", check=True), "run: python docs/refresh.py"


def test_a_changed_session_is_noticed(tmp_path):
    text = page_of("prune").read_text().replace("--missing-ok", "--missing-okay")
    (tmp_path / "page.md").write_text(text)
    assert not refresher().refresh(tmp_path / "page.md", check=True)


@pytest.mark.parametrize(
    "page", [*REFERENCE.glob("*.md"), *(DOCS / "how-to" / f"{name}.md" for name in ("clear", "operate"))]
)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_benchmark_of_the_commands_runs(tmp_path):
    script = DOCS.parent / "benchmarks" / "operate.py"
    command = [sys.executable, str(script), "--entries", "400"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "| 400 entries good: cache |" in done.stdout
    assert list(tmp_path.iterdir()) == []


# -- docs/how-to/clear.md ----------------------------------------------------------------------------------------------

EVERYTHING = ["price"] * 4 + ["quote"] * 4 + ["rate"] * 4


def snippet(kind, path):
    """The one block of this kind on the page, about the cache at ``path``."""
    (found,) = re.findall(
        rf"^```{kind}\n(.*?)^```$", (DOCS / "how-to" / "clear.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return found.replace("/var/cache/app", str(path))


@pytest.fixture
def shell(settings, tmp_path):
    """Run a script with the command at hand; without a secret, which clearing does not need."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "memopickle").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m memopickle "$@"\n')
    (programs / "memopickle").chmod(0o755)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MEMOPICKLE_", "GIT_"))}
    environment = {**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}

    def run(script, *, program="sh", cwd=tmp_path, **more):
        return subprocess.run(
            [program, "-c", script], cwd=cwd, env={**environment, **more}, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    return run


def test_by_cron(shell, filled, path, names):
    lines = [re.fullmatch(r"(?:[\d*]+ +){5}(.+)", line)[1] for line in snippet("crontab", path).splitlines()]
    ended = [shell(line) for line in lines]
    assert [(done.returncode, done.stdout, done.stderr) for done in ended] == [(0, "", "")] * 2
    assert names() == ["price"] * 4 + ["quote"] * 2 + ["rate"] * 2


def test_by_cron_before_the_first_run_there_is_no_mail(shell, path):
    for line in snippet("crontab", path).splitlines():
        done = shell(re.fullmatch(r"(?:[\d*]+ +){5}(.+)", line)[1])
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not path.exists()


def ci_step(path):
    return re.sub(r"^ {4}", "", snippet("yaml", path).partition("run: |\n")[2], flags=re.MULTILINE)


def test_by_a_ci_step(shell, filled, path, names):
    done = shell(ci_step(path), program="bash", MEMOPICKLE_SECRET=SECRET)
    assert done.returncode == 0, done.stderr
    assert names() == ["price"] * 4 + ["quote"] * 2 + ["rate"] * 4


def test_by_a_ci_step_a_bad_entry_fails_the_build(shell, damaged, path):
    assert shell(ci_step(path), program="bash", MEMOPICKLE_SECRET=SECRET).returncode == 1


def test_by_a_ci_step_without_a_cache(shell, path):
    assert shell(ci_step(path), program="bash").returncode == 0


@pytest.mark.parametrize(("changed", "left"), [("data/rates.csv", ["price"] * 4), ("README", EVERYTHING)])
def test_by_a_git_hook(shell, filled, path, names, tmp_path, changed, left):
    tool("git")
    identity = "-c user.name=me -c user.email=me@example.org"
    made = shell(f"""
        set -e
        git init -q -b main origin && cd origin && mkdir data && touch data/rates.csv README && git add .
        git {identity} commit -qm first && cd .. && git clone -q origin clone && cd origin
        echo new > {changed} && git {identity} commit -qam second
    """)
    assert made.returncode == 0, made.stderr
    hook = tmp_path / "clone" / ".git" / "hooks" / "post-merge"
    hook.write_text(snippet("sh", path))
    hook.chmod(0o755)
    done = shell("git pull -q", cwd=tmp_path / "clone")
    assert done.returncode == 0, done.stderr
    assert names() == left


def test_at_deploy(shell, filled, path, names):
    done = shell(snippet("bash", path), program="bash", MEMOPICKLE_SECRET=SECRET)
    assert done.returncode == 0, done.stderr
    assert names() == ["quote"] * 4 + ["rate"] * 4
    assert done.stdout.startswith(f"Removed 4 entries from {path}.\n")
    assert "Nothing is wrong." in done.stdout
