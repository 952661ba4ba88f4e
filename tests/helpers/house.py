"""The programs in docs/ that write pages, as modules."""

import importlib.util

from helpers.pages import DOCS

__all__ = ["program"]


def program(name):
    """Return docs/NAME.py as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
