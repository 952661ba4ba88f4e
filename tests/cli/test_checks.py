"""The demo's judgement: each way in which a run could go wrong fails the check that is about it, and no other."""

import os
from contextlib import nullcontext

import pytest

from memopickle.cli.demo.analysis import ModuleReport
from memopickle.cli.demo.checks import judge
from memopickle.cli.demo.library import modules
from memopickle.cli.demo.performance import perform
from memopickle.events import BadEntry, Hit, Miss, Stored


def unwatched(name, count):
    return nullcontext(lambda: None)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return perform(modules(5), str(tmp_path_factory.mktemp("demo")), 2, unwatched)


def failed(seen):
    return [check.claim for check in judge(seen) if not check.held]


def changed(run, index=0, **changes):
    outcomes = list(run.outcomes)
    outcomes[index] = outcomes[index]._replace(**changes)
    return run._replace(outcomes=outcomes)


def repaired(seen, kind, **changes):
    """Return what would have been seen, had the call for this tampered entry gone otherwise."""
    module = next(one.module for one in seen.tamperings if one.kind == kind)
    names = [one.module for one in seen.repair.outcomes]
    return seen._replace(repair=changed(seen.repair, names.index(module), **changes))


def wrong(report):
    return report._replace(tokens=report.tokens + 1)


def test_a_real_run_holds_in_every_point(seen):
    assert failed(seen) == []
    assert len(judge(seen)) == 15


def test_the_secret_is_gone_afterwards(seen):
    assert "MEMOPICKLE_SECRET" not in os.environ


def test_a_module_that_the_warm_run_computed(seen):
    events = (Miss("f", "k", "absent"), Stored("f", "k", 1, 0.1))
    assert failed(seen._replace(warm=changed(seen.warm, events=events))) == ["warm: every module a hit, none computed"]


def test_a_cold_run_that_found_something(seen):
    spoilt = seen._replace(cold=changed(seen.cold, events=(Hit("f", "k", 1.0, 1.0),)))
    assert failed(spoilt) == ["cold: every module computed and stored, none twice"]


def test_a_result_that_was_not_stored(seen):
    spoilt = seen._replace(cold=changed(seen.cold, events=(Miss("f", "k", "absent"),)))
    assert failed(spoilt) == ["cold: every module computed and stored, none twice"]


def test_a_warm_run_in_an_old_process(seen):
    process = seen.cold.outcomes[0].process
    assert failed(seen._replace(warm=changed(seen.warm, process=process))) == ["warm: in new processes"]


def test_a_wrong_value_from_the_cache(seen):
    spoilt = seen._replace(warm=changed(seen.warm, report=wrong(seen.warm.outcomes[0].report)))
    assert failed(spoilt) == ["warm: every result equal to the computed one"]


def test_a_module_that_nobody_analysed(seen):
    assert failed(seen._replace(modules=seen.modules | {"more"}))[0].startswith("cold: every module")


def test_an_entry_too_few(seen):
    spoilt = seen._replace(filled=seen.filled._replace(entries=seen.filled.entries - 1))
    assert failed(spoilt) == ["one entry for each module, every signature good"]


def test_a_bad_signature_before_anything_was_tampered_with(seen):
    spoilt = seen._replace(filled=seen.filled._replace(bad=1))
    assert failed(spoilt) == ["one entry for each module, every signature good"]


def test_tampering_that_verifying_overlooked(seen):
    spoilt = seen._replace(tampered=seen.tampered._replace(bad=2))
    assert failed(spoilt) == ["every tampered entry found by verifying, no other"]


def test_nothing_tampered_with(seen):
    assert failed(seen._replace(tamperings=())) == ["every tampered entry found by verifying, no other"]


KINDS = ["one byte flipped", "hostile pickle", "forged entry"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tampered_entry_that_was_served(seen, kind):
    served = repaired(seen, kind, events=(Hit("f", "k", 1.0, 1.0),), warnings=())
    assert failed(served) == [f"{kind}: refused, with one warning", f"{kind}: computed again, and right"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_without_a_warning(seen, kind):
    assert failed(repaired(seen, kind, warnings=())) == [f"{kind}: refused, with one warning"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_of_some_other_file(seen, kind):
    events = (BadEntry("f", "k", "elsewhere", "why"), Miss("f", "k", "bad entry"), Stored("f", "k", 1, 0.1))
    assert failed(repaired(seen, kind, events=events)) == [f"{kind}: refused, with one warning"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_value_after_a_refusal(seen, kind):
    module = next(one.module for one in seen.tamperings if one.kind == kind)
    report = ModuleReport(module, 0, 0, 0, (), "")
    assert failed(repaired(seen, kind, report=report)) == [f"{kind}: computed again, and right"]


def test_a_hostile_pickle_that_is_none_proves_nothing(seen):
    assert failed(seen._replace(hostile_is_hostile=False)) == ["the hostile pickle runs code when merely unpickled"]


def test_planted_code_that_ran(seen):
    assert failed(seen._replace(code_ran=True)) == ["through memopickle no planted code ran"]


def test_an_entry_that_stayed_bad(seen):
    spoilt = seen._replace(repaired=seen.repaired._replace(good=seen.repaired.good - 1, bad=1))
    assert failed(spoilt) == ["afterwards every entry is good again"]
