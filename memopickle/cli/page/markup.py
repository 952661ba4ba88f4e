"""Elements of HTML and SVG. What is not made here is text, and is escaped: names in entries may come from anybody."""

from __future__ import annotations

from html import escape

from memopickle.cli.units import clean

__all__ = ["Markup", "element", "fragment"]

#: Elements that have no content, and so no end tag.
_VOID = frozenset({"meta", "wbr"})


class Markup(str):
    """Text that is HTML already: made by this module, or our own style sheet."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: object) -> Markup:
    """Return an element; in the names of attributes, ``_`` stands for ``-``, and one at the end for nothing."""
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{_text(str(of))}"' for key, of in attributes.items())
    end = "" if name in _VOID else f"</{name}>"
    return Markup(f"<{name}{named}>{fragment(*content)}{end}")


def fragment(*content: str) -> Markup:
    """Return content after content."""
    return Markup("".join(part if isinstance(part, Markup) else _text(part) for part in content))


def _text(text: str) -> str:
    return escape(clean(text))
