"""Pictures as inline SVG. Widths are parts of what there is, texts keep their size, so that each fits any screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.cli.page.markup import element, fragment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.cli.page.markup import Markup

__all__ = ["bar", "columns"]

_THICK = 12
#: Heights in a chart of columns: above the highest for its figure, of the highest, and below for the ticks.
_ABOVE, _TALL, _BELOW = 20, 200, 24
#: What is not nothing can be seen.
_LEAST = 2
_THOUSAND = 1000


def bar(part: float) -> Markup:
    """Draw a part of a whole, 0 to 1. The figure stands beside it as text: for a screen reader this is nothing new."""
    track = element("rect", class_="track", width="100%", height=_THICK, rx=2)
    width = f"{max(part, 0.005) * 100:.1f}%" if part > 0 else 0
    fill = element("rect", class_="fill", width=width, height=_THICK, rx=2)
    return element("svg", track, fill, class_="bar", width="100%", height=_THICK, aria_hidden="true")


def columns(values: Sequence[int], ticks: Sequence[str], title: str, description: str) -> Markup:
    """Draw a column for each value, its figure over it, and a tick between each two."""
    step, most = 100 / len(values), max(values, default=0) or 1
    base = _ABOVE + _TALL
    drawn = [
        _column(number * step, step, value, max(value * _TALL / most, _LEAST)) for number, value in enumerate(values)
    ]
    axis = element("line", class_="axis", x1=0, x2="100%", y1=base, y2=base)
    marks = [_tick((number + 1) * step, base, text) for number, text in enumerate(ticks)]
    return element(
        "svg", element("title", title, id="columns-title"), element("desc", description, id="columns-text"),
        axis, *drawn, *marks,
        class_="columns", role="img", aria_labelledby="columns-title", aria_describedby="columns-text",
        width="100%", height=base + _BELOW,
    )  # fmt: skip


def _column(left: float, step: float, value: int, height: float) -> Markup:
    if not value:
        return fragment()
    top = _ABOVE + _TALL - height
    place = {"x": f"{left + step * 0.1:.1f}%", "width": f"{step * 0.8:.1f}%", "y": f"{top:.1f}"}
    figure = element("text", _compact(value), class_="figure", x=f"{left + step / 2:.1f}%", y=f"{top - 6:.1f}")
    return fragment(element("rect", class_="fill", height=f"{height:.1f}", **place), figure)


def _tick(x: float, base: int, text: str) -> Markup:
    return fragment(
        element("line", class_="axis", x1=f"{x:.1f}%", x2=f"{x:.1f}%", y1=base, y2=base + 5),
        element("text", text, class_="tick", x=f"{x:.1f}%", y=base + 18),
    )


def _compact(value: float) -> str:
    """Write a count in as few letters as a narrow column has room for: ``999``, ``1.2k``, ``123k``, ``4.5M``."""
    for unit in ("", "k", "M", "G"):
        if round(value) < _THOUSAND or unit == "G":
            break
        value /= _THOUSAND
    return f"{value:.1f}{unit}".replace(".0", "") if unit and value < 9.95 else f"{value:.0f}{unit}"  # noqa: PLR2004
