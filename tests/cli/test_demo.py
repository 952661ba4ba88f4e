"""``memopickle demo`` as a user runs it: a process that starts processes."""

import json
import os

import pytest


@pytest.fixture(scope="module")
def finished(memopickle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tmp")
    return memopickle("demo", "--limit", "40", "--json", TMPDIR=str(folder)), folder


@pytest.fixture(scope="module")
def told(finished):
    return json.loads(finished[0].stdout)


@pytest.fixture(scope="module")
def shown(memopickle):
    # What a wide terminal or a colour-loving CI service sets must not get into a pipe.
    done = memopickle("demo", "--limit", "40", "--jobs", "2", COLUMNS="200", FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert done.returncode == 0, done.stderr
    return done


def test_it_ends_well_and_says_nothing_else(finished, told):
    assert (finished[0].returncode, finished[0].stderr) == (0, "")
    assert told["ok"] is True
    assert all(check["held"] for check in told["checks"])


def test_the_cold_run_computes_and_the_warm_one_does_not(told):
    assert (told["cold"]["computed"], told["cold"]["hits"]) == (40, 0)
    assert (told["warm"]["computed"], told["warm"]["hits"]) == (0, 40)


def test_it_tells_what_is_stored_and_saved(told):
    assert told["entries"] == 40
    assert told["bytes"] > 40 * 100
    assert 0 < told["saved_seconds"] <= told["cold"]["in_calls_seconds"]
    assert told["speed_up"] == pytest.approx(told["cold"]["seconds"] / told["warm"]["seconds"])


def test_it_finds_the_ten_most_complex_functions(told):
    numbers = [one["complexity"] for one in told["most_complex"]]
    assert len(numbers) == 10
    assert numbers == sorted(numbers, reverse=True)
    assert ("_pydecimal", "Decimal._power_exact") in {(one["module"], one["name"]) for one in told["most_complex"]}


def test_each_tampered_entry_is_refused_for_its_reason(told):
    assert {one["kind"]: one["refused"] for one in told["tampered"]} == {
        "one byte flipped": ["the signature does not match"],
        "hostile pickle": ["this is not an entry"],
        "forged entry": ["the signature does not match"],
    }


def test_each_refusal_is_logged_once_with_its_place(told):
    for one in told["tampered"]:
        assert len(one["warnings"]) == 1
        assert one["place"] in one["warnings"][0]


def test_no_planted_code_ran_though_it_would_have(told):
    assert (told["planted_code_ran"], told["hostile_pickle_runs_when_unverified"]) == (False, True)


def test_nothing_is_left_in_the_temporary_folder(finished):
    assert list(finished[1].iterdir()) == []


def test_piped_output_has_no_escape_codes(shown):
    assert "\x1b" not in shown.stdout + shown.stderr
    assert "\r" not in shown.stdout + shown.stderr


def test_no_line_is_wider_than_80_columns(shown):
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_the_tables_show_the_verdict(shown):
    assert shown.stdout.endswith("All 15 checks held.\n")


def test_it_can_be_shown_in_ascii(memopickle):
    done = memopickle("demo", "--limit", "3", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")


def test_switched_off_caching_and_foreign_secrets_do_not_reach_it(memopickle):
    done = memopickle("demo", "--limit", "3", "--json", MEMOPICKLE_DISABLE="1", MEMOPICKLE_SECRET="short")
    assert (done.returncode, done.stderr) == (0, "")


def test_keep_leaves_the_cache(memopickle, tmp_path):
    folder = tmp_path / "kept"
    done = memopickle("demo", "--limit", "3", "--json", "--keep", str(folder))
    assert done.returncode == 0
    assert (folder / "cache" / "CACHEDIR.TAG").exists()
    assert os.stat(folder).st_mode & 0o777 == 0o700


def test_keep_refuses_a_folder_with_something_in_it(memopickle, tmp_path):
    (tmp_path / "mine").touch()
    done = memopickle("demo", "--limit", "3", "--keep", str(tmp_path))
    assert done.returncode == 2
    assert "is not empty" in done.stderr


@pytest.mark.parametrize("arguments", [("--limit", "2"), ("--limit", "many"), ("--jobs", "0"), ("--colour",)])
def test_wrong_usage(memopickle, arguments):
    done = memopickle("demo", *arguments)
    assert done.returncode == 2
    assert arguments[0] in done.stderr


def test_an_unusable_folder_is_one_clear_line(memopickle, tmp_path):
    (tmp_path / "file").touch()
    done = memopickle("demo", "--limit", "3", "--keep", str(tmp_path / "file" / "below"))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the demo could not be run to its end: ")
    assert done.stderr.count("\n") == 1


UNVERIFIED = "import memopickle.codec\nmemopickle.codec.same_digest = lambda one, other: True\n"


@pytest.fixture(scope="module")
def sabotaged(memopickle, tmp_path_factory):
    """The demo with a memopickle whose signatures all match, in every process."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(UNVERIFIED)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return memopickle("demo", "--limit", "3", "--json", PYTHONPATH=path)


def test_a_cache_that_does_not_verify_fails_the_demo(sabotaged):
    assert (sabotaged.returncode, sabotaged.stderr) == (1, "")


def test_code_that_ran_is_told(sabotaged):
    told = json.loads(sabotaged.stdout)
    assert told["planted_code_ran"] is True
    failed = [check["claim"] for check in told["checks"] if not check["held"]]
    assert "through memopickle no planted code ran" in failed
    assert "forged entry: refused, with one warning" in failed
