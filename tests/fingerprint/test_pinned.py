"""Fingerprints that must not move: a cache outlives an upgrade of Python and of memopickle."""

import importlib.util
import os
import sys

import pytest


@pytest.fixture
def price(monkeypatch):
    path = os.path.join(os.path.dirname(__file__), "pinned.py")
    spec = importlib.util.spec_from_file_location("pinned", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "pinned", module)
    spec.loader.exec_module(module)
    return module.price


CAPTURED = "48ca818f273c9ef826d45a4fab074e56f627320b9fa4f937f8b1fa40ef69f3e9"
CODE = {
    "function": "973b8843cf1b7d7bd60d8a5f4084e0cddf3ccd2f24cdec14a0ef4406db739db1",
    "deep": "b884017085bec6b3c5de8b28953a173d5f3ccb8ddfd6eec7ae2f7ddf31677ee6",
}


@pytest.mark.parametrize("mode", CODE)
def test_fingerprint_has_not_moved(identify, price, mode):
    found = identify(price, track_code=mode)
    assert (found.name, found.code.hex(), found.captured.hex()) == ("pinned:make.<locals>.price", CODE[mode], CAPTURED)
