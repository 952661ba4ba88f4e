"""Results that are no values: which kinds of objects work only once, or only where they were opened."""

from __future__ import annotations

from memopickle.errors import UNPICKLABLE as PAGE

__all__ = ["PAGE", "UnstorableError", "cure", "named"]

#: What such an object can do, and what to return instead; the first that fits counts.
_CURES = (
    (("__await__",), "return what awaiting it gives"),
    (("__anext__",), "return a list of what it gives"),
    (("fileno",), "return what was read through it, or what it was opened with"),
    (("__next__",), "return a list of what it gives"),
    (("acquire", "release"), "make it anew where it is needed"),
    (("cursor", "commit"), "return what was read through it, or what it was opened with"),
)


class UnstorableError(TypeError):
    """A result, or a part of it, can't be stored; the message names the part, and what to do."""


def cure(value: object) -> str:
    """Return what to return instead of a generator, coroutine, file, socket, lock or connection; ``""`` for others."""
    for names, advice in _CURES:
        if all(_has(value, name) for name in names):
            return advice
    return ""


def named(value: object) -> str:
    """Return the value's type with its article: ``"a generator"``."""
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def _has(value: object, name: str) -> bool:
    # Without asking the value, which might be a proxy that has every attribute.
    return hasattr(type(value), name) or name in getattr(value, "__dict__", ())
