"""What a test needs that may not be here: skipped without it, and a failure where MEMOPICKLE_REQUIRE_TOOLS is 1."""

import importlib.util
import os
import shutil
import warnings

import pytest

__all__ = ["do_without", "missing", "need", "need_installed", "tool"]


def do_without(why):
    """Skip the test, or at its top the module; where everything must be here, fail."""
    if os.environ.get("MEMOPICKLE_REQUIRE_TOOLS") == "1":
        pytest.fail(why)
    pytest.skip(why, allow_module_level=True)


def missing(what):
    """Do without the test, as it needs what is not here."""
    do_without(f"{what} is missing")


def need(module):
    """Import a module of another package, or do without the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError:
        return missing(module)


def need_installed(*modules):
    """Do without the test unless these are installed; nothing is imported."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            missing(module)


def tool(name):
    """Return the path of a program, or do without the test."""
    return shutil.which(name) or missing(name)
