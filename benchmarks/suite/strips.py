"""A picture of how several policies do over the same time, one strip each: an SVG for light and dark pages."""

from __future__ import annotations

from html import escape
from math import log10
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Strip", "draw"]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 52, 28, 58, 40
HEIGHT, GAP = 62, 34  # of a strip, and between two, where the name of the lower one stands
DECADES = 3  # from 1 to 1,000

_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #24292f }
.name { font-weight: 600 }
.small { font-size: 11px; fill: #57606a }
.back { fill: #ffffff }
.grid { stroke: #d0d7de; stroke-width: 1 }
.waiting { fill: #e8a33d; fill-opacity: .55 }
.expired { fill: none; stroke: #8250df; stroke-width: 1.5; stroke-dasharray: 4 2 }
.computing { fill: none; stroke: #0969da; stroke-width: 1.75 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9da7b3 }
  .back { fill: #0d1117 }
  .grid { stroke: #30363d }
  .waiting { fill: #d29922; fill-opacity: .5 }
  .expired { stroke: #bc8cff }
  .computing { stroke: #58a6ff }
}"""


class Strip(NamedTuple):
    """What went on in each step of time: a number of each kind."""

    name: str
    computing: Sequence[float]
    waiting: Sequence[float]
    expired: Sequence[float]


def draw(strips: Sequence[Strip], seconds: float) -> str:
    """Return the picture of the strips, which all last so many seconds."""
    height = TOP + len(strips) * (HEIGHT + GAP) + BOTTOM - GAP // 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(", ".join(strip.name for strip in strips))}">',
        f"<style>\n{_STYLE}\n</style>",
        f'<rect class="back" width="{WIDTH}" height="{height}"/>',
        *_legend(),
    ]
    for number, strip in enumerate(strips):
        lines += _strip(strip, TOP + GAP + number * (HEIGHT + GAP))
    lines += _seconds(seconds, TOP + len(strips) * (HEIGHT + GAP))
    return "\n".join((*lines, "</svg>", ""))


def _legend() -> Iterator[str]:
    yield f'<line class="computing" x1="{LEFT}" x2="{LEFT + 26}" y1="20" y2="20"/>'
    yield f'<text x="{LEFT + 32}" y="24">computations at once</text>'
    yield f'<rect class="waiting" x="{LEFT + 190}" width="26" y="13" height="14"/>'
    yield f'<text x="{LEFT + 222}" y="24">calls waiting at once</text>'
    yield f'<line class="expired" x1="{LEFT + 380}" x2="{LEFT + 406}" y1="20" y2="20"/>'
    yield f'<text x="{LEFT + 412}" y="24">expired values served, per second</text>'
    yield f'<text class="small" x="{LEFT}" y="44">Each strip: 0 at the bottom, then 1 to 1,000, logarithmic</text>'


def _strip(strip: Strip, top: int) -> Iterator[str]:
    base = top + HEIGHT
    yield f'<text class="name" x="{LEFT}" y="{top - 8}">{escape(strip.name)}</text>'
    for value in (0, 1, 10, 100, 1000):
        y = base - _height(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:g}" y2="{y:g}"/>'
        if value != 10:
            yield f'<text class="small" text-anchor="end" x="{LEFT - 6}" y="{y + 4:g}">{value:,}</text>'
    if any(strip.waiting):
        area = f"M{LEFT} {base}{_outline(strip.waiting, base)}V{base}Z"
        yield f'<path class="waiting" d="{area}"/>'
    for kind, numbers in (("expired", strip.expired), ("computing", strip.computing)):
        if any(numbers):
            yield f'<path class="{kind}" d="M{LEFT} {base}{_outline(numbers, base)}"/>'


def _outline(numbers: Sequence[float], base: int) -> str:
    """Return a line of steps, as the commands of a path; equal neighbours are one step."""
    width = (WIDTH - LEFT - RIGHT) / len(numbers)
    parts, before = [], 0.0
    for position, number in enumerate(numbers):
        if number != before:
            parts.append(f"H{LEFT + position * width:.1f}V{base - _height(number):.1f}")
            before = number
    return "".join(parts) + f"H{WIDTH - RIGHT}"


def _height(value: float) -> float:
    """Return how high a number stands: 1 above 0 by as much as 10 above 1."""
    step = HEIGHT / (DECADES + 1)
    return 0.0 if value <= 0 else round(step * (1 + max(log10(value), -1)), 1)


def _seconds(seconds: float, y: int) -> Iterator[str]:
    for second in range(0, int(seconds) + 1, 10):
        x = LEFT + (WIDTH - LEFT - RIGHT) * second / seconds
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}"/>'
        yield f'<text class="small" text-anchor="middle" x="{x:.1f}" y="{y + 18}">{second} s</text>'
