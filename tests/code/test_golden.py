"""Digests that must not move: a cache outlives an upgrade of Python and of memopickle."""

import importlib.util
import json
import os
import sys

import pytest

from memopickle.code import code_digest

HERE = os.path.dirname(__file__)
with open(os.path.join(HERE, "..", "formats", "code.json")) as file:
    GOLDEN = json.load(file)


@pytest.fixture(scope="module")
def samples():
    spec = importlib.util.spec_from_file_location("samples", os.path.join(HERE, "samples.py"))
    module = sys.modules["samples"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.SAMPLES
    del sys.modules["samples"]


@pytest.mark.parametrize("name", GOLDEN)
def test_digest_of_a_sample_has_not_moved(samples, name):
    assert code_digest(samples[name]).hex() == GOLDEN[name]


def test_every_sample_is_pinned(samples):
    assert sorted(samples) == sorted(GOLDEN)
