"""Where code comes from: its module's name, the folder that it was imported from, whose code it is."""

from __future__ import annotations

import os
import sys

from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FunctionType

__all__ = [
    "is_memopickle",
    "is_partial",
    "is_project",
    "is_project_file",
    "is_standard_library",
    "module_name_of",
    "source_root",
]

_MAIN = ("__main__", "__mp_main__")  # the second: the script in a spawned child of multiprocessing
_OURS = __name__.partition(".")[0]


def module_name_of(obj: object) -> str:
    """Return the module of a function or class by the name that it has when imported.

    ``__main__`` becomes the name that its file would have: of ``python -m pkg.mod`` that is ``pkg.mod``, of a
    script its file name without ``.py``. An interactive session or a notebook stays ``__main__``.
    """
    name = getattr(obj, "__module__", None)
    if not isinstance(name, str):
        owner = getattr(obj, "__objclass__", None)
        return module_name_of(owner) if owner is not None else type(obj).__module__
    return _imported_name(_namespace(obj, name)) if name in _MAIN else name


def source_root(function: Any) -> str:
    """Return the real path of the folder from which the top-level package of a function was imported.

    For a script it is the script's folder; for code without a file (interactive, a notebook, ``exec``, built
    into the interpreter) the working directory.
    """
    while is_partial(function):
        function = function.func
    name = getattr(function, "__module__", None) or type(function).__module__
    namespace = _namespace(function, name)
    file = namespace.get("__file__")
    if not isinstance(file, str):
        return os.path.realpath(os.curdir)
    module = _imported_name(namespace) if name in _MAIN else name
    return os.path.realpath(_above(file, module))


def is_project(module: str) -> bool:
    """Tell whether a module is the user's own: not memopickle, installed, built in, or of the standard library."""
    if module.partition(".")[0] == _OURS or module in sys.builtin_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return not isinstance(file, str) or is_project_file(file)


def is_project_file(file: str) -> bool:
    """Tell whether a file lies outside the standard library and every folder of installed packages."""
    real = os.path.realpath(file)
    return not _is_installed(real) and not _is_standard(real)


def is_standard_library(obj: FunctionType | type) -> bool:
    """Tell whether code comes with Python, whatever module a function says it is of."""
    home = obj.__module__ if isinstance(obj, type) else str(obj.__globals__.get("__name__"))
    path = getattr(sys.modules.get(home), "__file__", None)
    return home in sys.builtin_module_names or (isinstance(path, str) and _is_standard(os.path.realpath(path)))


def is_memopickle(obj: Any) -> bool:
    """Tell whether an object is memopickle's own: the package, its functions and classes, instances of those."""
    if isinstance(obj, type(sys)):
        return _is_ours(obj.__name__)
    kinds = obj.__mro__ if isinstance(obj, type) else type(obj).__mro__
    own = getattr(obj, "__module__", None) if callable(obj) else None
    return _is_ours(own) or any(_is_ours(kind.__module__) for kind in kinds)


def is_partial(obj: object) -> bool:
    """Tell whether an object is a ``functools.partial``, without importing functools."""
    return any(kind.__module__ == "functools" and kind.__qualname__ == "partial" for kind in type(obj).__mro__)


def _is_installed(path: str) -> bool:
    return f"{os.sep}site-packages{os.sep}" in path or f"{os.sep}dist-packages{os.sep}" in path


def _is_standard(path: str) -> bool:
    return path.startswith(_STANDARD_LIBRARY) and not _is_installed(path)


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == _OURS


def _namespace(obj: object, module: str) -> Mapping[str, object]:
    """Return the globals in which an object was defined; those of a function whose ``__module__`` was copied aren't."""
    own = getattr(obj, "__globals__", None)
    if isinstance(own, dict) and own.get("__name__") == module:
        return own
    return getattr(sys.modules.get(module), "__dict__", {})


def _imported_name(main: Mapping[str, object]) -> str:
    """Return the name under which the module that runs as ``__main__`` would be imported."""
    name = getattr(main.get("__spec__"), "name", None)
    if isinstance(name, str):
        return name
    file = main.get("__file__")
    return os.path.splitext(os.path.basename(file))[0] if isinstance(file, str) else "__main__"


def _above(file: str, module: str) -> str:
    """Return the folder in which the top-level package of this module lies."""
    parts = module.split(".")
    path = os.path.splitext(os.path.abspath(file))[0]
    if os.path.basename(path) == "__init__" and parts[-1] != "__init__":
        path = os.path.dirname(path)
    for part in reversed(parts):
        if os.path.basename(path) != part:  # loaded from elsewhere under a name of its own
            return os.path.dirname(os.path.abspath(file))
        path = os.path.dirname(path)
    return path


_STANDARD_LIBRARY = os.path.join(os.path.dirname(os.path.realpath(os.__file__)), "")
