"""CONTRIBUTING.md: its map names every module of the package, in its layer, and nothing that is not there."""

import re
import runpy
from pkgutil import resolve_name

import pytest
from helpers.pages import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAP, _, WALK = (
    PAGE.partition("## The map of the house")[2].partition("Decorating and hits")[0].partition("A call, and where")
)
LAYERS = runpy.run_path(str(ROOT / "tests" / "test_layers.py"))["LAYERS"]


def mapped():
    """Return the modules of the map by layer: a row without a name continues the layer above it."""
    layers, layer = {}, None
    for name, modules in re.findall(r"^\| ([^|]*?) ?\| (`[^|]+) \|", MAP, re.MULTILINE):
        layer = name or layer
        layers.setdefault(layer, []).extend(re.findall(r"`(\w+)/?`", modules))
    return layers


def modules_of(layer):
    """Return the top-level modules and packages of a layer; what a package adds to another layer is not named again."""
    names = {name.partition(".")[0] for name in LAYERS[layer].split()} - {"", "."}
    return names - {"aio"} if layer == "cache" else names


def test_the_map_has_the_layers_of_the_imports_in_their_order():
    assert list(mapped()) == list(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_map_names_each_module_of_a_layer_once(layer):
    assert sorted(mapped()[layer]) == sorted(modules_of(layer)), "bring the map in CONTRIBUTING.md up to date"


def test_a_package_is_told_from_a_module():
    folders = {path.parent.name for path in (ROOT / "memopickle").glob("*/__init__.py")}
    assert set(re.findall(r"`(\w+)/`", MAP)) - {"memopickle"} == folders


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z][\w.]*)`", WALK)) - {"os.replace"}))
def test_what_the_walk_of_a_call_names_is_there(name):
    assert resolve_name(f"memopickle.{name}")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:[\w-]+/)*[\w.-]+(?:\.py|/))`", PAGE))))
def test_paths_lead_somewhere(path):
    assert (ROOT / path).exists() or (ROOT / "memopickle" / path).exists()
